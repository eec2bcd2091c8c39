//! The Crokodial operator: runs `CrokodialEnvironment`s.
//!
//! `environment` is the reconcile, `release` the life of releases, both pure in the middle. I/O stands in
//! `kube_io` (the API server), `registry` and `edge` (what users' resources name, dialled through `net`), in `smoke`,
//! which asks candidate pods, and in `uptime`, which measures whether sites answer.
//! `preflight` is what a Job of the operator's own image runs beside the application.

pub mod clock;
pub mod config;
pub mod context;
pub mod edge;
pub mod environment;
pub mod fingerprint;
pub mod http;
pub mod kube_io;
pub mod leader;
pub mod lookups;
pub mod memory;
pub mod metrics;
pub mod net;
pub mod news;
pub mod preflight;
pub mod registry;
pub mod release;
pub mod run;
pub mod smoke;
pub mod telemetry;
pub mod tls;
pub mod uptime;
pub mod wake;
