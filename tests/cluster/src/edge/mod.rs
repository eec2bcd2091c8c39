//! HTTP requests from tests and measurements to the sites of a local cluster.

pub mod load;
pub mod site;

use crate::Ports;

/// Ports and CA certificate with which this machine can access a cluster's sites.
pub trait Edge {
    /// Returns the ports on 127.0.0.1 that are forwarded into the cluster.
    fn ports(&self) -> Ports;
    /// Returns the certificate, in PEM, of the authority that signs the certificates of the sites.
    fn authority(&self) -> &str;
}

/// An [`Edge`] that returns the values of its fields.
#[derive(Debug)]
pub struct ClusterEdge {
    /// Ports on 127.0.0.1 that are forwarded into the cluster.
    pub ports: Ports,
    /// Certificate, in PEM, of the authority that signs the certificates of the sites.
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
