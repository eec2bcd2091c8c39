//! Tests of what relies on a refused write, and of the findings about refused writes.

use super::*;

fn refusal(lasting: bool) -> WriteRefusal {
    WriteRefusal {
        cause: "exceeded quota: q".to_owned(),
        lasting,
        immutable: false,
        hung: !lasting,
    }
}

fn after(steps: &[WriteStep]) -> RefusedWrites {
    let mut refused = RefusedWrites::default();
    for step in steps {
        refused.refused(*step, "Secret x", refusal(true));
    }
    refused
}

fn every_step() -> Vec<WriteStep> {
    use WriteStep as W;
    let others = [
        W::Key,
        W::Authority,
        W::RecordStatus,
        W::NewRelease,
        W::Snapshot,
        W::ReleaseJob,
        W::Upkeep,
    ];
    others
        .into_iter()
        .chain(ChildKind::all().map(W::Child))
        .collect()
}

#[test]
fn only_what_relies_on_a_refused_write_waits() {
    use ChildKind as C;
    use WriteStep::Child;
    let waiting = |refused: WriteStep| -> Vec<WriteStep> {
        let waits = |step: &WriteStep| after(&[refused]).must_wait(*step, "y");
        every_step().into_iter().filter(waits).collect()
    };
    assert_eq!(
        waiting(Child(C::MongoActive)),
        [
            WriteStep::ReleaseJob,
            Child(C::Candidate),
            Child(C::Deployment)
        ]
    );
    assert_eq!(waiting(Child(C::Certificate)), [Child(C::Ingress)]);
    assert_eq!(
        waiting(WriteStep::Key),
        [
            WriteStep::NewRelease,
            WriteStep::Snapshot,
            Child(C::Proven),
            Child(C::MongoActive),
            Child(C::ConfigActive)
        ]
    );
    assert_eq!(
        waiting(WriteStep::RecordStatus),
        [
            WriteStep::ReleaseJob,
            Child(C::Candidate),
            Child(C::Deployment)
        ]
    );
    for independent in [
        WriteStep::NewRelease,
        WriteStep::Upkeep,
        Child(C::Proven),
        Child(C::Ingress),
        Child(C::DisruptionBudget),
        Child(C::Deployment),
    ] {
        assert_eq!(waiting(independent), [], "{independent:?}");
    }
}

#[test]
fn what_waits_makes_others_wait_too() {
    let mut refused = after(&[WriteStep::Key]);
    assert!(refused.must_wait(WriteStep::Child(ChildKind::MongoActive), "Secret m"));
    assert!(refused.must_wait(WriteStep::Child(ChildKind::Deployment), "Deployment d"));
    assert_eq!(
        refused.ready().unwrap().seen,
        "Secret x could not be written: exceeded quota: q; Secret m was not written: it waits for Secret x; Deployment d was not written: it waits for Secret m"
    );
}

#[test]
fn after_some_timeouts_nothing_more_is_tried() {
    let mut refused = RefusedWrites::default();
    for _ in 0..MAX_HUNG {
        assert!(!refused.must_wait(WriteStep::Upkeep, "y"));
        refused.refused(WriteStep::Upkeep, "Secret x", refusal(false));
    }
    assert!(refused.must_wait(WriteStep::Upkeep, "y"));
    assert_eq!(refused.ready().unwrap().reason, Reason::Blocked);
}

#[test]
fn each_condition_reports_its_own_and_ready_reports_all() {
    use ChildKind as C;
    let refused = after(&[
        WriteStep::Child(C::Ingress),
        WriteStep::Child(C::DisruptionBudget),
    ]);
    assert!(refused.of(ConditionType::RouteAccepted).is_some());
    assert_eq!(refused.of(ConditionType::RolledOut), None);
    let ready = refused.ready().unwrap();
    assert_eq!(ready.reason, Reason::ApplyFailed);
    assert!(ready.is_false());
    assert_eq!(RefusedWrites::default().ready(), None);
    // A person's cause stands before a timeout.
    let mut mixed = RefusedWrites::default();
    mixed.refused(WriteStep::Child(C::Service), "Service s", refusal(false));
    mixed.refused(WriteStep::Child(C::Ingress), "Ingress i", refusal(true));
    assert_eq!(mixed.of(ConditionType::RolledOut), None, "it may pass");
    let ready = mixed.ready().unwrap();
    assert_eq!(ready.reason, Reason::ApplyFailed);
    assert!(ready.seen.starts_with("Ingress i"), "{}", ready.seen);
    let many = after(&[WriteStep::Upkeep; 9]).ready().unwrap().seen;
    assert!(many.ends_with("; and 6 more objects"), "{many}");
}
