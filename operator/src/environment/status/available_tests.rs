use crokodial_crds::condition::ConditionStatus;

use super::*;
use crate::release::workload::Workload;
use crate::uptime::{Failing, SiteFault};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

fn step(available: i32) -> Step {
    let workload = Workload {
        obstacle: None,
        release: Some(7),
        settled: true,
        desired: 2,
        replicas: 2,
        updated: 2,
        available,
        overdue: false,
    };
    Step {
        decision: crate::release::machine::Decision {
            rollout: crate::release::machine::Rollout::Complete(7),
            ..crate::release::machine::Decision::nothing()
        },
        candidate: None,
        release_jobs: Vec::new(),
        hold: None,
        proven: crate::environment::decide::proven::ProvenStep::default(),
        pin: None,
        gate: crate::release::gate::GateVerdict::open(),
        waits: None,
        workload,
        serving: Some(7),
        last_good: Some(7),
        desired: Some(7),
        spent: 7,
        retired: Vec::new(),
        lost: None,
        unrecorded: None,
        replicas: 2,
        look: None,
    }
}

fn summary(verdict: ProbeVerdict) -> ProbeSummary {
    ProbeSummary {
        began: at(0),
        last: None,
        verdict,
        release: Some(7),
        spans: Vec::new(),
        latency: None,
    }
}

fn of(
    available_pods: i32,
    verdict: ProbeVerdict,
    second: i64,
) -> (ConditionStatus, Reason, String) {
    let probes = summary(verdict);
    let found = available(&step(available_pods), Some(&probes), at(second));
    (found.status, found.reason, found.seen)
}

#[test]
fn ready_pods_of_a_site_that_does_not_answer_are_down_and_the_message_says_which_layer() {
    let failing = ProbeVerdict::Failing(Failing {
        since: at(30),
        bad: SiteFault::Timeout,
        release: Some(7),
    });
    let (status, reason, seen) = of(2, failing, 60);
    assert_eq!((status, reason), (ConditionStatus::False, Reason::Down));
    let expected = format!(
        "2 pods are ready, but the site does not answer within 2 s since {} when asked through its Service",
        at(30)
    );
    assert_eq!(seen, expected);
    let (_, _, seen) = of(0, failing, 60);
    assert_eq!(seen, "no pod is ready");
}

#[test]
fn a_prober_that_knows_nothing_is_waited_for_and_then_believed() {
    let serving = (
        ConditionStatus::True,
        Reason::Serving,
        "2 pods are ready, release 7 serves".to_owned(),
    );
    assert_eq!(of(2, ProbeVerdict::Answering, 60), serving);
    assert_eq!(
        of(2, ProbeVerdict::Unmeasured(UnknownCause::Starting), 60),
        serving
    );
    let own = ProbeVerdict::Unmeasured(UnknownCause::OwnNetwork);
    assert_eq!(of(2, own, 14), serving);
    let (status, reason, _) = of(2, own, 15);
    assert_eq!(
        (status, reason),
        (ConditionStatus::Unknown, Reason::Unknown)
    );
    let found = available(&step(2), None, at(60));
    assert_eq!((found.status, found.reason, found.seen), serving);
}
