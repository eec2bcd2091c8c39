//! Arguments and readiness check of Traefik, which runs as a plain process. Each of its two HTTP entry points
//! redirects to one of its two HTTPS entry points.
//!
//! Pods connect to ports 80 and 443. Connections from the host are forwarded to ports 8080 and 8443, the default host
//! ports, so that clients on the host are redirected to a port that exists there.

use super::on_loopback;
use super::probe::Probe;
use super::spec::{Part, PartSpec};
use crate::layout::{Layout, NODE_IP};

/// Pairs of an HTTP entry point (name, port) and the HTTPS entry point (name, port) to which it redirects.
const PAIRS: [(&str, u16, &str, u16); 2] = [
    ("web", 80, "websecure", 443),
    ("webalt", 8080, "websecurealt", 8443),
];

pub(super) fn spec(layout: &Layout) -> anyhow::Result<PartSpec> {
    let probe = Probe::Http {
        address: on_loopback(9000),
        path: "/ping",
    };
    let mut spec = PartSpec::new(Part::Traefik, layout.binary("traefik"), probe);
    spec.args = arguments(NODE_IP, NODE_IP);
    let kubeconfig = layout.pki("traefik.kubeconfig").display().to_string();
    spec.env.insert("KUBECONFIG", kubeconfig);
    spec.after = vec![Part::Apiserver];
    Ok(spec)
}

/// Returns Traefik's command-line flags. Traefik listens on the address `listen` and writes the address `published`
/// into the status of each Ingress.
pub fn arguments(listen: &str, published: &str) -> Vec<String> {
    let mut args = vec![
        "--global.checknewversion=false".to_owned(),
        "--global.sendanonymoususage=false".to_owned(),
        "--log.level=INFO".to_owned(),
        "--ping=true".to_owned(),
        "--entrypoints.traefik.address=127.0.0.1:9000".to_owned(),
        "--providers.kubernetesingress=true".to_owned(),
        "--providers.kubernetesingress.throttleduration=100ms".to_owned(),
        format!("--providers.kubernetesingress.ingressendpoint.ip={published}"),
    ];
    for (http, http_port, https, https_port) in PAIRS {
        args.push(format!("--entrypoints.{http}.address={listen}:{http_port}"));
        args.push(format!(
            "--entrypoints.{http}.http.redirections.entrypoint.to={https}"
        ));
        args.push(format!(
            "--entrypoints.{http}.http.redirections.entrypoint.permanent=true"
        ));
        args.push(format!(
            "--entrypoints.{https}.address={listen}:{https_port}"
        ));
        args.push(format!("--entrypoints.{https}.http.tls=true"));
    }
    args
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_http_port_redirects_to_the_https_port_of_its_side() {
        let args = arguments(NODE_IP, NODE_IP);
        for expected in [
            "--entrypoints.web.address=10.223.0.1:80",
            "--entrypoints.web.http.redirections.entrypoint.to=websecure",
            "--entrypoints.websecure.address=10.223.0.1:443",
            "--entrypoints.webalt.address=10.223.0.1:8080",
            "--entrypoints.webalt.http.redirections.entrypoint.to=websecurealt",
            "--entrypoints.websecurealt.address=10.223.0.1:8443",
        ] {
            assert!(
                args.iter().any(|arg| arg == expected),
                "{expected} in {args:?}"
            );
        }
    }
}
