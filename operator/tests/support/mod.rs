//! Test support: an operator over the fake API server, and a cluster that tests move step by step.
#![allow(missing_debug_implementations, reason = "test support")]

pub mod objects;
pub mod outside;
pub mod probes;
pub mod site;
pub mod stand_in_mongo;

pub use objects::{environment, secret, simulated_preflight};
pub use outside::{ScriptedEdge, ScriptedImages, ScriptedSmoke, digest_of};
pub use probes::ScriptedProbes;
pub use site::{LIVE, NS, SYSTEM, Site};
