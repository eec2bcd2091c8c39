//! Sockets of the tests in the cluster's own network: they belong to the namespace in which they were opened.

use std::fs::File;
use std::net::TcpListener;
use std::time::Duration;

use anyhow::Context;
use crokodial_e2e::cluster::Ports;
use crokodial_e2e::cluster::layout::NODE_IP;
use crokodial_e2e::cluster::relay::Relay;

use crate::world::World;

/// A pod that is there takes a connection at once.
const PATIENCE: Duration = Duration::from_secs(10);

/// A connection that begins in the cluster's network, as the edge's do.
pub fn connect(
    world: &World,
    address: std::net::SocketAddr,
) -> anyhow::Result<tokio::net::TcpStream> {
    let stream = enter(world, move || {
        let stream = std::net::TcpStream::connect_timeout(&address, PATIENCE)?;
        stream.set_nonblocking(true)?;
        Ok(stream)
    })?;
    Ok(tokio::net::TcpStream::from_std(stream)?)
}

/// A listener at a free port of an address of the node, opened by a thread that enters the network.
pub fn listener(world: &World, address: &str) -> anyhow::Result<tokio::net::TcpListener> {
    let address = address.to_owned();
    let listener = enter(world, move || {
        let listener = TcpListener::bind((address.as_str(), 0))?;
        listener.set_nonblocking(true)?;
        Ok(listener)
    })?;
    Ok(tokio::net::TcpListener::from_std(listener)?)
}

/// A way of its own to the database, for pods: host and port, and the port. It lasts as long as this process.
pub fn mongo(world: &World) -> anyhow::Result<(String, u16)> {
    let listener = listener(world, NODE_IP)?;
    let address = listener.local_addr()?;
    // Where it leads is a port of the host's, and that is a way into the cluster's network again.
    let target = Ports::local(world.cluster.ports().mongo);
    Relay::new(listener.into_std()?, target).start()?;
    Ok((address.to_string(), address.port()))
}

/// Runs `work` on a thread of its own that entered the network.
fn enter<T: Send + 'static>(
    world: &World,
    work: impl FnOnce() -> anyhow::Result<T> + Send + 'static,
) -> anyhow::Result<T> {
    let netns = File::open(world.cluster.layout.netns()).context("the cluster's network")?;
    let done = std::thread::spawn(move || {
        nix::sched::setns(&netns, nix::sched::CloneFlags::CLONE_NEWNET)?;
        work()
    });
    done.join()
        .map_err(|_| anyhow::anyhow!("the thread in the cluster's network panicked"))?
}
