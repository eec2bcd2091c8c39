//! Opens sockets in the cluster's network namespace for trials. A socket stays in the namespace in which it was opened.

use std::fs::File;
use std::net::TcpListener;
use std::time::Duration;

use anyhow::Context;
use crokodial_cluster::Ports;
use crokodial_cluster::layout::NODE_IP;
use crokodial_cluster::supervisor::relay::Relay;

use crate::support::world::World;

/// Timeout for connecting to a running pod, which accepts connections at once.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Connects to this address from the cluster's network, as Traefik does.
pub fn connect(
    world: &World,
    address: std::net::SocketAddr,
) -> anyhow::Result<tokio::net::TcpStream> {
    let stream = in_namespace(world, move || {
        let stream = std::net::TcpStream::connect_timeout(&address, CONNECT_TIMEOUT)?;
        stream.set_nonblocking(true)?;
        Ok(stream)
    })?;
    Ok(tokio::net::TcpStream::from_std(stream)?)
}

/// Opens a listener on a free port of this address in the cluster's network.
pub fn listener(world: &World, address: &str) -> anyhow::Result<tokio::net::TcpListener> {
    let address = address.to_owned();
    let listener = in_namespace(world, move || {
        let listener = TcpListener::bind((address.as_str(), 0))?;
        listener.set_nonblocking(true)?;
        Ok(listener)
    })?;
    Ok(tokio::net::TcpListener::from_std(listener)?)
}

/// Forwards a new port of the node to the database until this process ends. Returns the address as `host:port`, and the
/// port. If a test blocks this port, only the pods that connect through it are affected.
pub fn forward_to_mongo(world: &World) -> anyhow::Result<(String, u16)> {
    let listener = listener(world, NODE_IP)?;
    let address = listener.local_addr()?;
    // The target is the database's port on the host, which the supervisor forwards into the cluster's network.
    let target = Ports::local(world.cluster.ports().mongo);
    Relay::new(listener.into_std()?, target).start()?;
    Ok((address.to_string(), address.port()))
}

/// Runs `work` in a thread that has entered the cluster's network namespace.
fn in_namespace<T: Send + 'static>(
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
