//! Test support: an operator connected to the fake API server, in a simulated cluster that tests advance step by step.
#![allow(missing_debug_implementations, reason = "test support")]

pub mod objects;
pub mod outside;
pub mod probes;
pub mod site;
mod site_reads;
pub mod stand_in_mongo;

pub use objects::{environment, secret, simulated_preflight};
pub use outside::{ScriptedEdge, ScriptedImages, ScriptedSmoke, digest_of};
pub use probes::ScriptedProbes;
pub use site::{LIVE, NS, SYSTEM, Site};
