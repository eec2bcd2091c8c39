//! The Crokodial operator: runs `CrokodialEnvironment`s.
//!
//! `environment` is the reconcile, `release` the life cycle of releases; both are pure in the middle. I/O is in `kube_io`
//! (the API server), `registry` and `edge` (hosts that users' resources name, connected to through `net`), `smoke`
//! (requests to candidate pods), `uptime` (probes of sites) and `leader` (the Lease). `preflight` is what a Job of the
//! operator's own image runs in the environment's namespace.

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
pub mod preflight;
pub mod registry;
pub mod release;
pub mod release_changes;
pub mod requeue;
pub mod run;
pub mod smoke;
pub mod telemetry;
pub mod tls;
pub mod uptime;
