//! Ports of the node that nothing reaches for a while, in the cluster's own network namespace.

use std::process::Command;

use anyhow::{Context, ensure};

use crate::world::World;

/// A rule of the packet filter, until it is dropped.
pub struct Barrier {
    netns: String,
    rule: Vec<String>,
}

impl Barrier {
    /// Packets vanish, as at a firewall.
    pub fn silent(world: &World, port: u16) -> anyhow::Result<Self> {
        Self::begin(world, port, &["DROP"])
    }

    /// Connections are reset, new ones and old ones, as when nothing listens any more.
    pub fn refusing(world: &World, port: u16) -> anyhow::Result<Self> {
        Self::begin(world, port, &["REJECT", "--reject-with", "tcp-reset"])
    }

    fn begin(world: &World, port: u16, target: &[&str]) -> anyhow::Result<Self> {
        let port = port.to_string();
        let rule = ["-p", "tcp", "--dport", &port, "-j"];
        let barrier = Self {
            netns: world.cluster.layout.name.clone(),
            rule: rule.iter().chain(target).map(|w| (*w).to_owned()).collect(),
        };
        barrier.iptables("-I").context("the packet filter")?;
        Ok(barrier)
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

impl Drop for Barrier {
    fn drop(&mut self) {
        let _ = self.iptables("-D");
    }
}
