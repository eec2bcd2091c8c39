//! Tests of the metrics and of the text in which they are rendered.

use super::memory::resident_bytes;
use super::*;

fn line<'a>(text: &'a str, start: &str) -> &'a str {
    text.lines()
        .find(|line| line.starts_with(start))
        .unwrap_or_else(|| panic!("{start} is missing in\n{text}"))
}

#[test]
fn every_metric_is_rendered_with_its_labels() {
    let metrics = Metrics::new();
    drop(metrics.start_reconcile(Reconciled::CrokodialEnvironment));
    metrics.reconcile_failed(Reconciled::CrokodialEnvironment, FailureClass::Retry);
    metrics.api_write(Verb::Apply, WrittenKind::Deployment);
    metrics.api_write(Verb::Apply, WrittenKind::Deployment);
    metrics.undecodable(Reconciled::CrokodialRelease);
    metrics.release_ended(ReleaseOutcome::Good);
    metrics.image_resolved(ImageOutcome::NotFound);
    metrics.probed(ProbeOutcome::Good { latency_ms: 30 });
    metrics.probed(ProbeOutcome::Bad(SiteFault::Status(503)));
    metrics.leads(true);
    metrics.leads(false);
    metrics.leads(true);
    let text = metrics.render().unwrap();
    for expected in [
        "crokodial_reconciles_total{kind=\"CrokodialEnvironment\"} 1",
        "crokodial_reconcile_failures_total{kind=\"CrokodialEnvironment\",class=\"Retry\"} 1",
        "crokodial_reconcile_duration_seconds_count{kind=\"CrokodialEnvironment\"} 1",
        "crokodial_api_writes_total{verb=\"Apply\",kind=\"Deployment\"} 2",
        "crokodial_undecodable_objects_total{kind=\"CrokodialRelease\"} 1",
        "crokodial_releases_total{outcome=\"Good\"} 1",
        "crokodial_image_resolutions_total{outcome=\"NotFound\"} 1",
        "crokodial_probes_total{result=\"Status\"} 1",
        "crokodial_probe_latency_seconds_bucket{le=\"0.025\"} 0",
        "crokodial_probe_latency_seconds_bucket{le=\"0.05\"} 1",
        "crokodial_leader 1",
        "crokodial_leader_transitions_total 2",
    ] {
        assert_eq!(line(&text, expected), expected);
    }
    assert!(line(&text, "crokodial_build_info").contains(env!("CARGO_PKG_VERSION")));
    assert!(text.ends_with("# EOF\n"));
}

#[test]
fn clones_count_into_the_same_registry_and_two_registries_are_apart() {
    let (one, other) = (Metrics::new(), Metrics::new());
    one.clone().release_ended(ReleaseOutcome::Rejected);
    assert!(
        one.render()
            .unwrap()
            .contains("crokodial_releases_total{outcome=\"Rejected\"} 1")
    );
    assert!(!other.render().unwrap().contains("Rejected"));
}

#[test]
fn resident_memory_is_read_from_the_kernels_text() {
    assert_eq!(
        resident_bytes("VmPeak:\t 9 kB\nVmRSS:\t    1234 kB\n"),
        Some(1_263_616)
    );
    assert_eq!(resident_bytes("VmRSS: many kB"), None);
    assert_eq!(resident_bytes(""), None);
    if cfg!(target_os = "linux") {
        let text = Metrics::new().render().unwrap();
        let value: i64 = line(&text, "process_resident_memory_bytes ")
            .rsplit(' ')
            .next()
            .unwrap()
            .parse()
            .unwrap();
        assert!(value > 1_000_000, "{value}");
    }
}
