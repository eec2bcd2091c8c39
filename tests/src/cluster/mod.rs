//! A real Kubernetes on this machine: `up`, `down`, and what tests need between.
//!
//! ```no_run
//! # async fn example() -> anyhow::Result<()> {
//! use crokodial_e2e::cluster::{Cluster, Options, Progress};
//! let mut options = Options::of_checkout()?;
//! options.ports = None; // free ones
//! let cluster = Cluster::up(&options, &Progress::shown()).await?;
//! let client = cluster.client().await?;
//! # let _ = client;
//! cluster.down(&Progress::quiet())?;
//! # Ok(())
//! # }
//! ```

pub mod bootstrap;
pub mod build;
pub mod cli;
pub mod command;
mod decide;
pub mod disk;
pub mod files;
mod go_parts;
pub mod images;
mod keeper;
mod kind;
mod kubeconfig;
pub mod layout;
pub mod leftovers;
pub mod lifecycle;
pub mod logs;
pub mod mongo;
mod netns;
pub mod options;
pub mod part;
mod parts;
mod patch;
mod pki;
mod plan;
mod probe;
pub mod reaper;
pub mod relay;
pub mod state;
pub mod status;
mod supervise;
mod supervisor;
pub mod wait;

pub use lifecycle::Cluster;
pub use mongo::Stage;
pub use options::{Mode, Options, Ports};
pub use wait::Progress;
