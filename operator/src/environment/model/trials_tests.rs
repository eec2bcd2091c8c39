use serde_json::{Value, json};

use super::*;

fn job(condition: Option<&str>) -> Job {
    let conditions: Vec<Value> = condition
        .iter()
        .map(|c| json!({"type": c, "status": "True"}))
        .collect();
    serde_json::from_value(json!({
        "metadata": {"name": "prod-release-7", "uid": "j1", "labels": {"crokodial.com/release": "7"}},
        "status": {"conditions": conditions},
    }))
    .unwrap()
}

fn pod(name: &str, component: &str, status: Value) -> Pod {
    serde_json::from_value(json!({
        "metadata": {
            "name": name, "uid": format!("uid-{name}"),
            "labels": {"app.kubernetes.io/component": component, "crokodial.com/release": "7"},
            "ownerReferences": [{"apiVersion": "batch/v1", "kind": "Job", "name": "prod-release-7", "uid": "j1"}],
        },
        "status": status,
    }))
    .unwrap()
}

fn container(state: Value) -> Value {
    let pulled = state.get("waiting").is_none();
    let id = if pulled {
        "registry.test/dialer@sha256:1"
    } else {
        ""
    };
    json!({"containerStatuses": [{
        "name": "web", "image": "", "imageID": id, "ready": false, "restartCount": 0, "state": state,
    }]})
}

fn state(condition: Option<&str>, status: Option<Value>) -> ReleaseJobState {
    let pods: Vec<Pod> = status
        .into_iter()
        .map(|status| pod("p", "release-phase", status))
        .collect();
    Trials::of(&pods, &[job(condition)], &Scrubber::default()).jobs[&7].clone()
}

fn exited(code: i32, reason: &str) -> Value {
    container(json!({"terminated": {"exitCode": code, "reason": reason}}))
}

fn too_late(mut status: Value) -> Value {
    status["reason"] = json!("DeadlineExceeded");
    status["phase"] = json!("Failed");
    status
}

#[test]
fn a_release_phase_that_ended_well_or_badly_is_a_verdict() {
    assert_eq!(state(Some("Complete"), None), ReleaseJobState::Succeeded);
    let failed = |status, why: &str| {
        let expected = ReleaseJobState::Failed(format!("the command of Job prod-release-7 {why}"));
        assert_eq!(state(Some("Failed"), Some(status)), expected);
    };
    failed(exited(3, "Error"), "ended with exit code 3");
    failed(exited(137, "OOMKilled"), "ended out of memory");
    failed(too_late(exited(137, "Error")), "did not end in time");
}

fn evicted(mut status: Value) -> Value {
    (status["phase"], status["reason"]) = (json!("Failed"), json!("Evicted"));
    status
}

fn drained(mut status: Value) -> Value {
    status["conditions"] = json!([
        {"type": "DisruptionTarget", "status": "True", "reason": "EvictionByEvictionAPI"},
    ]);
    status
}

#[test]
fn what_the_platform_does_to_a_release_phase_is_no_verdict() {
    let waiting = |reason: &str| container(json!({"waiting": {"reason": reason}}));
    let unscheduled = json!({"conditions": [{"type": "PodScheduled", "status": "False"}]});
    for (condition, status, ended) in [
        (None, Some(unscheduled), false),
        (None, Some(waiting("ImagePullBackOff")), false),
        (
            Some("Failed"),
            Some(too_late(waiting("ImagePullBackOff"))),
            true,
        ),
        (Some("Failed"), None, true),
        (Some("Failed"), Some(evicted(exited(137, "Error"))), true),
        (Some("Failed"), Some(drained(exited(143, "Error"))), true),
    ] {
        let seen = state(condition, status.clone());
        assert!(
            matches!(&seen, ReleaseJobState::Platform { over, .. } if *over == ended),
            "{status:?}: {seen:?}"
        );
        assert!(matches!(
            release_phase(true, Some(&seen), &ImageCheck::Unknown),
            Trial::Blocked(_)
        ));
    }
    let seen = state(None, Some(waiting("ImagePullBackOff")));
    let gone = release_phase(true, Some(&seen), &ImageCheck::Missing);
    assert!(
        matches!(gone, Trial::Suspect(Reason::ImagePull, _)),
        "the registry's word is one, if it lasts: {gone:?}"
    );
    let denied = ImageCheck::Denied("registry.test answers 403".to_owned());
    let denied = release_phase(true, Some(&seen), &denied);
    assert!(matches!(denied, Trial::Blocked(_)), "{denied:?}");
}

#[test]
fn an_eviction_is_the_release_phases_own_failure_only_if_it_exceeded_its_limits() {
    for (message, own) in [
        (
            "Usage of EmptyDir volume \"tmp\" exceeds the limit \"64Mi\". ",
            true,
        ),
        (
            "Pod ephemeral local storage usage exceeds the total limit of containers 1Gi. ",
            true,
        ),
        (
            "Container web exceeded its local ephemeral storage limit \"1Gi\". ",
            true,
        ),
        (
            "The node was low on resource: ephemeral-storage. Threshold quantity: 10Gi, available: 9Gi. Container web was using 2Gi, request is 1Gi, has larger consumption of ephemeral-storage. ",
            false,
        ),
        (
            "The node was low on resource: memory. Container web was using 2Gi, which exceeds its request of 1Gi. ",
            false,
        ),
        ("", false),
    ] {
        let mut status = evicted(exited(137, "Error"));
        status["message"] = json!(message);
        let seen = state(Some("Failed"), Some(status));
        assert_eq!(
            matches!(seen, ReleaseJobState::Failed(_)),
            own,
            "{message}: {seen:?}"
        );
    }
}

#[test]
fn a_release_phase_is_asked_for_begun_and_runs() {
    assert_eq!(
        release_phase(false, None, &ImageCheck::Unknown),
        Trial::NotAsked
    );
    assert!(matches!(
        release_phase(true, None, &ImageCheck::Unknown),
        Trial::Running(_)
    ));
    for status in [
        None,
        Some(json!({})),
        Some(container(
            json!({"waiting": {"reason": "ContainerCreating"}}),
        )),
        Some(container(
            json!({"running": {"startedAt": "2026-01-01T00:00:00Z"}}),
        )),
    ] {
        assert_eq!(state(None, status), ReleaseJobState::Running);
    }
    let misconfigured = container(json!({"waiting": {"reason": "CreateContainerConfigError"}}));
    let seen = state(None, Some(misconfigured));
    assert!(matches!(seen, ReleaseJobState::Unbuildable(_)), "{seen:?}");
}

fn ready() -> Value {
    json!({"podIP": "10.0.0.7", "conditions": [{"type": "Ready", "status": "True"}]})
}

#[test]
fn pods_are_told_apart_by_what_they_try() {
    let mut config = pod("c", COMPONENT_CANDIDATE, ready());
    config
        .annotations_mut()
        .insert(TRIES_CONFIG.to_owned(), "4".to_owned());
    let pods = [
        pod("web", "web", ready()),
        pod("r", COMPONENT_CANDIDATE, ready()),
        config,
    ];
    let mut trials = Trials::of(&pods, &[], &Scrubber::default());
    let names = |views: Vec<PodView>| views.into_iter().map(|v| v.name).collect::<Vec<_>>();
    assert_eq!(names(trials.of_release(7)), ["r"]);
    assert_eq!(names(trials.of_release(8)), Vec::<String>::new());
    assert_eq!(trials.of_config(7, 4).len(), 1);
    assert_eq!(
        (trials.of_config(7, 3).len(), trials.of_config(8, 4).len()),
        (0, 0)
    );
    let passed = SmokeResult::Passed {
        pages: 1,
        assets: 2,
    };
    trials.smoke = Some(("uid-c".to_owned(), passed.clone()));
    assert_eq!(trials.smoke_of_release(7), None, "another pod answered");
    trials.smoke = Some(("uid-r".to_owned(), passed));
    assert!(matches!(
        trials.smoke_of_release(7),
        Some(SmokeVerdict::Passed(_))
    ));
    assert_eq!(trials.smoke_of_release(8), None);
}

#[test]
fn only_what_may_change_is_asked_again() {
    let mut trials = Trials::of(
        &[pod("r", COMPONENT_CANDIDATE, ready())],
        &[],
        &Scrubber::default(),
    );
    assert_eq!(trials.again(), Some(Duration::from_secs(1)));
    let of = |result| Some(("uid-r".to_owned(), result));
    let message = String::new;
    trials.smoke = of(SmokeResult::Unreachable { message: message() });
    assert_eq!(trials.again(), Some(UNREACHABLE_AGE));
    trials.smoke = of(SmokeResult::Failed { message: message() });
    assert_eq!(trials.again(), Some(FAILURE_AGE));
    trials.smoke = of(SmokeResult::Passed {
        pages: 1,
        assets: 0,
    });
    assert_eq!(trials.again(), None);
    assert_eq!(Trials::default().again(), None);
}
