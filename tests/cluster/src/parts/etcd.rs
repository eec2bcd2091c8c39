//! Arguments and readiness check of etcd, which only the API server uses.

use super::on_loopback;
use super::probe::Probe;
use super::spec::{Part, PartSpec};
use crate::layout::Layout;

pub(super) fn spec(layout: &Layout) -> anyhow::Result<PartSpec> {
    let data = layout.path("etcd");
    let client = "http://127.0.0.1:2379";
    let peer = "http://127.0.0.1:2380";
    let probe = Probe::Http {
        address: on_loopback(2379),
        path: "/health",
    };
    let mut spec = PartSpec::new(Part::Etcd, layout.binary("etcd"), probe);
    spec.args = vec![
        "--name=default".to_owned(),
        format!("--data-dir={}", data.display()),
        format!("--listen-client-urls={client}"),
        format!("--advertise-client-urls={client}"),
        format!("--listen-peer-urls={peer}"),
        format!("--initial-advertise-peer-urls={peer}"),
        format!("--initial-cluster=default={peer}"),
        "--log-level=warn".to_owned(),
        // Faster; only a power failure or kernel crash can lose writes, which is acceptable for a local cluster.
        "--unsafe-no-fsync=true".to_owned(),
    ];
    Ok(spec)
}
