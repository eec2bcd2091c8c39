//! An operator over the fake API server: one environment's world, moved by hand.
#![allow(
    dead_code,
    unused_imports,
    missing_debug_implementations,
    reason = "test support, of which each test crate uses a part"
)]

pub mod objects;
pub mod outside;
pub mod probes;
pub mod site;

pub use objects::{environment, secret, simulated_preflight};
pub use outside::{ScriptedEdge, ScriptedImages, ScriptedSmoke, digest_of};
pub use probes::ScriptedProbes;
pub use site::{LIVE, NS, Site};
