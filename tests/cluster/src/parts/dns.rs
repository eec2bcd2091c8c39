//! Arguments, configuration and readiness check of CoreDNS, which resolves cluster names and the local zone. It
//! responds with NXDOMAIN for other names, because nothing outside the cluster can be reached.

use std::path::Path;

use super::on_loopback;
use super::probe::Probe;
use super::spec::{Part, PartSpec};
use crate::layout::{Layout, NODE_IP, ZONE};

pub(super) fn spec(layout: &Layout) -> anyhow::Result<PartSpec> {
    let config = layout.path("config/Corefile");
    let probe = Probe::Http {
        address: on_loopback(8181),
        path: "/ready",
    };
    let mut spec = PartSpec::new(Part::Coredns, layout.binary("coredns"), probe);
    spec.args = vec!["-conf".to_owned(), config.display().to_string()];
    spec.files = vec![(config, corefile(&layout.pki("coredns.kubeconfig")))];
    spec.after = vec![Part::Apiserver];
    Ok(spec)
}

fn corefile(kubeconfig: &Path) -> String {
    format!(
        r#"cluster.local:53 in-addr.arpa:53 {{
    bind {NODE_IP}
    errors
    ready 127.0.0.1:8181
    kubernetes {{
        kubeconfig {kubeconfig}
        ttl 5
    }}
}}
{ZONE}:53 {{
    bind {NODE_IP}
    errors
    template IN A {{
        answer "{{{{ .Name }}}} 60 IN A {NODE_IP}"
    }}
    template ANY ANY {{
        rcode NOERROR
    }}
}}
.:53 {{
    bind {NODE_IP}
    template ANY ANY {{
        rcode NXDOMAIN
    }}
}}
"#,
        kubeconfig = kubeconfig.display()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_local_zone_answers_with_the_node() {
        let text = corefile(Path::new("/state/pki/coredns.kubeconfig"));
        assert!(text.contains("crokodial.test:53 {"));
        assert!(text.contains(r#"answer "{{ .Name }} 60 IN A 10.223.0.1""#));
        assert!(text.contains("kubeconfig /state/pki/coredns.kubeconfig\n"));
        assert_eq!(text.matches('{').count(), text.matches('}').count());
    }
}
