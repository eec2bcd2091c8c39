//! Temporarily blocks ports of the node by iptables rules in the cluster's network namespace.

use std::process::Command;

use anyhow::{Context, ensure};

use crate::support::world::World;

/// A blocked port. Dropping this value removes the iptables rule.
pub struct PortBlock {
    netns: String,
    rule: Vec<String>,
}

impl PortBlock {
    /// Silently drops packets to the port, as a firewall does.
    pub fn drop_packets(world: &World, port: u16) -> anyhow::Result<Self> {
        Self::insert(world, port, &["DROP"])
    }

    /// Resets new and existing connections to the port, as if nothing listened there.
    pub fn reset_connections(world: &World, port: u16) -> anyhow::Result<Self> {
        Self::insert(world, port, &["REJECT", "--reject-with", "tcp-reset"])
    }

    fn insert(world: &World, port: u16, target: &[&str]) -> anyhow::Result<Self> {
        let port = port.to_string();
        let rule = ["-p", "tcp", "--dport", &port, "-j"];
        let block = Self {
            netns: world.cluster.layout.name.clone(),
            rule: rule.iter().chain(target).map(|w| (*w).to_owned()).collect(),
        };
        block.iptables("-I").context("the packet filter")?;
        Ok(block)
    }

    fn iptables(&self, action: &str) -> anyhow::Result<()> {
        let mut command = Command::new("ip");
        command.args([
            "netns",
            "exec",
            &self.netns,
            "iptables",
            "-w",
            action,
            "INPUT",
        ]);
        let output = command
            .args(&self.rule)
            .output()
            .context("running ip netns exec iptables")?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "{said}");
        Ok(())
    }
}

impl Drop for PortBlock {
    fn drop(&mut self) {
        let _ = self.iptables("-D");
    }
}
