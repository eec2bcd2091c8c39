//! Port forwarding from 127.0.0.1 into the cluster's network namespace.
//!
//! A socket belongs to the network namespace in which it was opened. Listeners are therefore opened before the
//! supervisor enters the cluster's namespace, and connections to the targets afterwards.

use std::net::{SocketAddr, TcpListener};

use anyhow::Context;
use tokio::io::copy_bidirectional;
use tokio::net::TcpStream;

use crate::layout::NODE_IP;
use crate::options::Ports;

/// A listener in one network namespace, and the address in another namespace to which its connections are forwarded.
#[derive(Debug)]
pub struct Relay {
    listener: TcpListener,
    target: SocketAddr,
}

/// Opens listeners for all host ports. Must be called before the process enters the cluster's network namespace.
///
/// # Errors
/// When a port is in use; the error names the option that sets another port.
pub fn open(ports: &Ports) -> anyhow::Result<Vec<Relay>> {
    let node = NODE_IP.parse().context("the node's address")?;
    let wanted = [
        ("--api-port", ports.api, 6443),
        ("--https-port", ports.https, 8443),
        ("--http-port", ports.http, 8080),
        ("--registry-port", ports.registry, 5000),
        ("--mongo-port", ports.mongo, 27017),
    ];
    wanted
        .into_iter()
        .map(|(option, port, inside)| {
            let address = Ports::local(port);
            let listener = TcpListener::bind(address).with_context(|| {
                format!("{address} is taken: stop what listens there, or choose another port with {option} or all with --free-ports")
            })?;
            listener.set_nonblocking(true).context("preparing a listener")?;
            Ok(Relay { listener, target: SocketAddr::new(node, inside) })
        })
        .collect()
}

impl Relay {
    /// Creates a relay from `listener`, which may belong to any network namespace, to `target` in the network
    /// namespace of this process.
    #[must_use]
    pub fn new(listener: TcpListener, target: SocketAddr) -> Self {
        Self { listener, target }
    }

    /// Starts a task that forwards connections until the process exits. Connections that cannot be forwarded are
    /// closed.
    ///
    /// # Errors
    /// When the async runtime cannot use the listener.
    pub fn start(self) -> anyhow::Result<()> {
        let listener =
            tokio::net::TcpListener::from_std(self.listener).context("starting a relay")?;
        let target = self.target;
        tokio::spawn(async move {
            loop {
                match listener.accept().await {
                    Ok((client, _)) => {
                        tokio::spawn(forward(client, target));
                    }
                    // Usually the process is out of file descriptors; the pause lets open connections end.
                    Err(error) => {
                        tracing::warn!(%target, %error, "a relay could not accept");
                        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
                    }
                }
            }
        });
        Ok(())
    }
}

async fn forward(mut client: TcpStream, target: SocketAddr) {
    let _ = client.set_nodelay(true);
    match TcpStream::connect(target).await {
        Ok(mut inside) => {
            let _ = inside.set_nodelay(true);
            // The error is ignored: either peer may reset the connection at any time.
            let _ = copy_bidirectional(&mut client, &mut inside).await;
        }
        Err(error) => tracing::debug!(%target, %error, "a relay could not connect"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_port_is_named_with_the_option_that_changes_it() {
        let holder = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut ports = Ports::free().unwrap();
        ports.http = holder.local_addr().unwrap().port();
        let error = open(&ports).unwrap_err().to_string();
        assert!(error.contains("--http-port"), "{error}");
    }
}
