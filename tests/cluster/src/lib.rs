//! Library that runs a Kubernetes cluster on this machine, deploys the operator and the dialer into it, and measures
//! them. It is used by the end-to-end tests and by the program `cluster`, which `make up` runs.
//!
//! ```no_run
//! # async fn example() -> anyhow::Result<()> {
//! use crokodial_cluster::{Cluster, Options, Progress};
//! let mut options = Options::of_checkout()?;
//! options.ports = None; // choose free ports
//! let cluster = Cluster::up(&options, &Progress::shown()).await?;
//! let client = cluster.client().await?;
//! # let _ = client;
//! cluster.down(&Progress::quiet())?;
//! # Ok(())
//! # }
//! ```

pub mod bench;
pub mod bootstrap;
pub mod cli;
pub mod command;
pub mod demo;
pub mod deploy;
mod disk;
pub mod edge;
pub mod files;
mod go;
pub mod image_builder;
mod kind;
mod kubeconfig;
pub mod layout;
pub mod leftovers;
pub mod lifecycle;
pub mod logs;
pub mod mongo;
pub mod options;
mod parts;
mod pki;
pub mod settings;
pub mod state;
pub mod status;
pub mod supervisor;
pub mod wait;

pub use lifecycle::Cluster;
pub use mongo::Stage;
pub use options::{Mode, Options, Ports};
pub use wait::Progress;
