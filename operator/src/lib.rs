//! Kubernetes operator that manages the releases of `CrokodialEnvironment` objects.
//!
//! `environment` contains the reconcile loop, and `release` the life cycle of releases. Their decisions are pure
//! functions. Most I/O is in `kube_io` (Kubernetes API), `registry` and `edge` (hosts named in users'
//! resources, contacted through `net`), `smoke` (requests to candidate pods), `uptime` (probes of sites) and `leader`
//! (the leader election Lease). `preflight` contains the code of preflight Jobs, which run the operator's image in the
//! environment's namespace.

pub mod clock;
pub mod config;
pub mod context;
pub mod edge;
pub mod environment;
pub mod fingerprint;
pub mod http;
pub mod kube_io;
pub mod leader;
pub mod limits;
pub mod lookups;
pub mod memory;
pub mod metrics;
pub mod net;
pub mod preflight;
pub mod redact;
pub mod registry;
pub mod release;
pub mod release_changes;
pub mod requeue;
pub mod requirements;
pub mod run;
pub mod scrub;
pub mod smoke;
pub mod telemetry;
pub mod tenants;
pub mod tls;
pub mod uptime;
