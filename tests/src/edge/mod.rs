//! Requests to the sites of a local cluster, as tests and measurements send them.

pub mod http;
pub mod load;

use crate::cluster::Ports;

/// What one must know of a cluster to reach its sites.
pub trait Edge {
    /// Ports of 127.0.0.1 that lead into it.
    fn ports(&self) -> Ports;
    /// The authority that signs its certificates, PEM.
    fn authority(&self) -> &str;
}

/// A cluster and the authority that was read from it.
#[derive(Debug)]
pub struct Reached {
    /// Its ports.
    pub ports: Ports,
    /// PEM.
    pub authority: String,
}

impl Edge for Reached {
    fn ports(&self) -> Ports {
        self.ports
    }

    fn authority(&self) -> &str {
        &self.authority
    }
}
