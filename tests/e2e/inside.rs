//! Sockets of the tests in the cluster's own network: they belong to the namespace in which they were opened.

use std::fs::File;
use std::net::TcpListener;

use anyhow::Context;

use crate::world::World;

/// A listener at a free port of an address of the node, opened by a thread that enters the network.
pub fn listener(world: &World, address: &str) -> anyhow::Result<tokio::net::TcpListener> {
    let netns = File::open(world.cluster.layout.netns()).context("the cluster's network")?;
    let address = address.to_owned();
    let opened = std::thread::spawn(move || -> anyhow::Result<TcpListener> {
        nix::sched::setns(&netns, nix::sched::CloneFlags::CLONE_NEWNET)?;
        let listener = TcpListener::bind((address.as_str(), 0))?;
        listener.set_nonblocking(true)?;
        Ok(listener)
    });
    let listener = opened
        .join()
        .map_err(|_| anyhow::anyhow!("the thread in the cluster's network panicked"))??;
    Ok(tokio::net::TcpListener::from_std(listener)?)
}
