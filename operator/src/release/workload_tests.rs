use serde_json::{Value, json};

use super::*;

/// Returns a pod of release 7 whose container has the given state, last state and restart count.
fn pod(state: Value, last: Value, restarts: i32) -> PodView {
    let container = json!({"name": "web", "image": "i", "imageID": "i", "ready": false,
        "restartCount": restarts, "state": state, "lastState": last});
    let pod = json!({
        "metadata": {"name": "shop-1", "labels": {"crokodial.com/release": "7"}},
        "status": {"containerStatuses": [container]},
    });
    PodView::of(&serde_json::from_value(pod).unwrap())
}

fn ended(code: i32, reason: &str, message: &str) -> Value {
    json!({"terminated": {"exitCode": code, "reason": reason, "message": message}})
}

#[test]
fn an_end_is_told_without_what_the_application_said_at_it() {
    let waiting = json!({"waiting": {"reason": "CrashLoopBackOff"}});
    let told = |end: Value, restarts| pod(waiting.clone(), end, restarts).exit_summary();
    assert_eq!(
        told(ended(78, "Error", "mongodb://user:secret@host"), 2),
        "pod shop-1 exited 3 times, last with exit code 78"
    );
    assert_eq!(
        told(ended(137, "OOMKilled", ""), 0),
        "pod shop-1 exited once, last out of memory"
    );
    for before in [
        "failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: ",
        "runc create failed: unable to start container process: error during container init: ",
        "",
    ] {
        let runc = format!("{before}exec: \"/none\": stat /none: no such file\n");
        assert_eq!(
            told(ended(128, "StartError", &runc), 1),
            "pod shop-1 exited 2 times, last because it could not be started: exec: \"/none\": stat /none: no such file"
        );
    }
}

#[test]
fn an_end_is_counted_once_whether_it_is_shown_now_or_before() {
    let end = ended(1, "Error", "");
    let running = json!({"running": {"startedAt": "2026-01-01T00:00:00Z"}});
    for (state, last, restarts, exits, code) in [
        (running.clone(), json!({}), 0, 0, None),
        (end.clone(), json!({}), 0, 1, Some(1)),
        (running, end.clone(), 1, 1, Some(1)),
        (
            json!({"waiting": {"reason": "CrashLoopBackOff"}}),
            end,
            1,
            2,
            Some(1),
        ),
    ] {
        let seen = pod(state, last, restarts);
        assert_eq!((seen.exits, seen.last_exit), (exits, code.map(Exit::Code)));
    }
}

#[test]
fn a_pod_has_ended_when_its_phase_is_final() {
    for (status, ended) in [
        (json!({}), false),
        (json!({"phase": "Pending"}), false),
        (json!({"phase": "Running"}), false),
        (json!({"phase": "Unknown"}), false),
        (json!({"phase": "Succeeded"}), true),
        (json!({"phase": "Failed", "reason": "Evicted"}), true),
    ] {
        let pod: Pod = serde_json::from_value(json!({ "status": status })).unwrap();
        assert_eq!(has_ended(&pod), ended, "{status}");
    }
}

#[test]
fn a_node_is_lost_only_if_nothing_else_explains_an_unready_pod_with_ready_containers() {
    for (ready, reason, containers, lost) in [
        ("True", "", "True", false),
        ("False", "", "True", true),
        ("False", "ReadinessGatesNotReady", "True", false),
        ("False", "ContainersNotReady", "False", false),
    ] {
        let pod = json!({"status": {"conditions": [
            {"type": "Ready", "status": ready, "reason": reason},
            {"type": "ContainersReady", "status": containers},
        ]}});
        let view = PodView::of(&serde_json::from_value(pod).unwrap());
        assert_eq!(view.node_lost, lost, "{ready} {reason} {containers}");
    }
}
