//! An operator over the fake API server: one environment's world, moved by hand.
#![allow(
    dead_code,
    reason = "each test crate uses a part of it"
)]
#![allow(missing_debug_implementations, reason = "test support")]

pub mod outside;
pub mod site;

pub use outside::{ScriptedEdge, ScriptedImages, digest_of};
pub use site::{NS, SYSTEM, Site, environment, secret};
