//! Requests of tests and measurements to the sites of a local cluster.

pub mod load;
pub mod site;

use crate::Ports;

/// Access to a cluster's sites from this machine.
pub trait Edge {
    /// Ports on 127.0.0.1 that are forwarded into the cluster.
    fn ports(&self) -> Ports;
    /// Certificate of the authority that signs the sites' certificates, in PEM.
    fn authority(&self) -> &str;
}

/// An [`Edge`] of known values: a cluster's ports and the certificate of its authority.
#[derive(Debug)]
pub struct ClusterEdge {
    /// Ports on 127.0.0.1 that are forwarded into the cluster.
    pub ports: Ports,
    /// Certificate of the authority that signs the sites' certificates, in PEM.
    pub authority: String,
}

impl Edge for ClusterEdge {
    fn ports(&self) -> Ports {
        self.ports
    }

    fn authority(&self) -> &str {
        &self.authority
    }
}
