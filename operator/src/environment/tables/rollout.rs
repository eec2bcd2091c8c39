//! Tests of the status, reason and message of the conditions about releases, with one row per situation.

use crokodial_crds::ConditionType as T;

use super::super::fixture::{serving, table};
use super::conditions::check;

#[test]
#[expect(clippy::too_many_lines, reason = "a row a situation")]
fn rolled_out() {
    check(
        T::RolledOut,
        &[
            ("", "True Succeeded: release 1 is good and runs everywhere"),
            (
                "releases: null, deployment: null, pods: [], image: Asked",
                "Unknown NeverDeployed: no release was made yet",
            ),
            (
                "releases: null, deployment: null, pods: []",
                "False Progressing: release 1 is being recorded; no pod of it exists yet",
            ),
            (
                "spec: {runtime: {replicas: 2}}, deployment: {desired: 2, available: 1, updated: 2, total: 2}",
                "False Progressing: release 1 is good; available pods: 1 of 2",
            ),
            (
                "spec: {runtime: {replicas: 0}}, deployment: {desired: 0}, pods: []",
                "False ScaledToZero: runtime.replicas is 0",
            ),
            // Somebody scaled the Deployment, or deleted it.
            (
                "deployment: {desired: 0}, pods: []",
                "False Progressing: release 1 is good; available pods: 0 of 1",
            ),
            (
                "deployment: null, pods: []",
                "False Progressing: release 1 is good; available pods: 0 of 1",
            ),
            // New credentials roll, the release does not.
            (
                "deployment: {available: 0, overdue: true}, pods: ['1 unready']",
                "False ValuesNotReady: pods of release 1 with the newest connection string and secret values do not become ready within rollout.progressDeadline: 1 of 1 pods have them, 0 are available with these or the earlier ones",
            ),
            (
                "lost: [1]",
                "False SnapshotLost: ConfigMap shop-r1, the snapshot of release 1, is gone",
            ),
            (
                "lost: [1], deployment: null, pods: []",
                "False SnapshotLost: ConfigMap shop-r1, the snapshot of release 1, is gone",
            ),
            // Pods of a Good release that do not come back are named, with the reason that says who must act.
            (
                "deployment: {available: 0}, pods: [1 unready exits=3]",
                "False CrashLoop: release 1 is good, but pod shop-1 exited 3 times, last with exit code 1; available pods: 0 of 1",
            ),
            (
                "deployment: {available: 0}, pods: [1 unschedulable]",
                "Unknown Blocked: release 1 is good, but there is no node for pod shop-1; available pods: 0 of 1",
            ),
            (
                "deployment: {available: 0}, pods: [1 misconfigured]",
                "Unknown Blocked: release 1 is good, but the kubelet cannot build the container of pod shop-1 (its image runs as root: write USER with a number above 0 in the Dockerfile); available pods: 0 of 1",
            ),
            (
                "spec: {runtime: {replicas: 2}}, deployment: {desired: 2, available: 3, updated: 3, total: 3}",
                "False Progressing: release 1 is good; pods: 3, wanted: 2",
            ),
            (
                "spec: {image: 'registry.test/app:2', runtime: {replicas: 0}}, releases: {2: {v: '2', phase: Rolling, started: -10}}, deployment: {release: 2, desired: 0, updated: 0, total: 0, available: 0}, pods: []",
                "False ScaledToZero: runtime.replicas is 0, so no pod can prove release 2",
            ),
            (
                "spec: {image: 'registry.test/app:2'}, releases: {2: {v: '2', phase: Rolling, started: -10}}",
                "False Progressing: release 2 is rolling out; no pod of it exists yet",
            ),
            (
                "spec: {image: 'registry.test/app:2'}",
                "False Progressing: release 2 is being recorded; no pod of it exists yet",
            ),
            (
                "spec: {image: 'registry.test/app:2'}, releases: {2: {v: '2', phase: Candidate, started: -10}}, candidates: ['2']",
                "False Progressing: release 2: its pages and their assets are being checked",
            ),
            (
                "spec: {image: 'registry.test/app:2'}, releases: {2: {v: '2', phase: Rolling, started: -10}}, deployment: {release: 2, desired: 2, updated: 1, total: 3, available: 2}, pods: ['1', '1', 2 unready since=-9]",
                "False Progressing: release 2 is rolling out; pods that run it: 1 of 2",
            ),
            (
                "spec: {image: 'registry.test/app:2'}, releases: {2: {v: '2', phase: Rolling, started: -10}}, deployment: {release: 2, desired: 2, updated: 1, total: 3, available: 2}, pods: ['1', '1', 2 unschedulable]",
                "Unknown Blocked: release 2 waits: no node for pod shop-2",
            ),
            // The user's pull secret, and not the cluster, is what must change.
            (
                "spec: {image: 'registry.test/app:2'}, releases: {2: {v: '2', phase: Rolling, started: -10}}, deployment: {release: 2, desired: 2, updated: 1, total: 3, available: 2}, pods: ['1', '1', 2 image], imageCheck: denied",
                "Unknown Blocked: release 2 waits: pod shop-2 cannot pull the image: registry.test denies access (401 or 403), and spec.imagePullSecrets names no credentials for it",
            ),
            (
                "spec: {image: 'registry.test/app:2'}, releases: {2: {v: '2', phase: Baking, started: -10, rolledOut: -5}}, deployment: {release: 2}, pods: ['2']",
                "True Baking: release 2 runs everywhere and is watched until 2026-01-01T00:00:56Z",
            ),
            (
                "spec: {image: 'registry.test/app:2'}, releases: {2: {v: '2', phase: Rejected, reason: CrashLoop, message: pod shop-2 exited 3 times, finished: -5}}",
                "False CrashLoop: release 2 failed and is held: pod shop-2 exited 3 times",
            ),
            (
                "spec: {image: 'registry.test/app:2'}, releases: {2: {v: '2', phase: Rejected, reason: Nonsense, message: pod shop-2 exited 3 times, finished: -5}}",
                "False Held: release 2 failed and is held: pod shop-2 exited 3 times",
            ),
            (
                "spec: {image: 'registry.test/app:2'}, releases: {2: {v: '2', phase: RolledBack, reason: ProbeFailed, message: it did not answer, finished: -5}}",
                "False RolledBack: release 2 failed and is held: it did not answer",
            ),
            (
                "spec: {image: 'registry.test/app:2'}, releases: {2: {v: '2', phase: RolledBack, paused: true, reason: ProbeFailed, message: it did not answer, finished: -5}}",
                "False Paused: release 2 failed and nothing was put back: it did not answer",
            ),
            (
                "releases: {1: {pin: true, pinned: -50}}",
                "False Pinned: release 1 is pinned since 2025-12-31T23:59:10Z and runs everywhere",
            ),
            (
                "releases: {1: {pin: true, pinned: -50, why: INC-7}}, deployment: {available: 0}",
                "False Pinned: release 1 is pinned since 2025-12-31T23:59:10Z (INC-7) and is on its way",
            ),
            (
                "spec: {image: 'registry.test/app:2'}, releases: {1: {returning: -301}, 2: {v: '2', phase: Rejected, finished: -301}}, deployment: {available: 0}, pods: [1 unready]",
                "False RollbackStuck: release 1 does not become ready again: pod shop-1 is not ready",
            ),
            (
                "spec: {image: 'registry.test/app:2'}, releases: {2: {v: '2', phase: Rejected, message: it crashed, finished: -299}}, deployment: {available: 0}, pods: [1 unready]",
                "False Held: release 2 failed and is held: it crashed",
            ),
            // What the first pod still needs: both missing copies are named.
            (
                "releases: {1: {phase: Pending}}, mongo: null, config: null, secrets: null",
                "Unknown SecretNotFound: release 1 waits: there is no secret mongo in this namespace",
            ),
            (
                "releases: {1: {phase: Pending}}, mongo: null",
                "False Progressing: release 1: the URI in secret mongo is being proven for database shop",
            ),
            (
                "releases: {1: {phase: Pending}}, spec: {config: {secretRefs: [{name: app}]}}, mongo: null, config: null",
                "Unknown SecretNotFound: release 1 waits: the URI in secret mongo is being proven for database shop; there is no secret app in this namespace",
            ),
            (
                "spec: {stage: prod, image: 'registry.test/app:2', promotion: {from: {name: staging}}}, releases: {2: {v: '2', phase: Pending}}",
                "False SourceNotFound: release 2 waits: there is no environment apps/staging",
            ),
        ],
    );
}

#[test]
fn promotable() {
    let prod = |given: &'static str| {
        format!(
            "spec: {{stage: prod, image: 'registry.test/app:2', promotion: {{from: {{name: staging}}}}}}, {given}"
        )
    };
    assert_eq!(serving("").condition(T::Promotable), "-");
    table(
        &[
            (
                "source: NotFound",
                "False SourceNotFound: there is no environment apps/staging",
            ),
            (
                "source: NotWatched",
                "False SourceNotWatched: the namespace of apps/staging is not watched by this operator",
            ),
            (
                "source: {Found: {releases: {}}}",
                "False SourceNotGood: apps/staging has no release yet",
            ),
            (
                "source: {Found: {releases: {4: {v: '3', phase: Good, good: 60}}}}",
                "False NotInSource: apps/staging never ran sha256:000000000000",
            ),
            (
                "source: {Found: {releases: {4: {v: '2', phase: Baking}}}}",
                "False SourceNotGood: release 4 of apps/staging is Baking",
            ),
            (
                "source: {Found: {releases: {4: {v: '2', phase: Rejected}}}}",
                "False SourceNotGood: release 4 of apps/staging is Rejected",
            ),
            (
                "source: {Found: {releases: {4: {v: '2', phase: Good, good: 60, until: 0}}}}",
                "False SoakNotMet: sha256:000000000000 (release 4) must serve well in apps/staging for 30m, which it will have at 2026-01-01T00:29:00Z",
            ),
            (
                "source: {Found: {releases: {4: {v: '2', phase: Good, good: 1800}}}}",
                "True Succeeded: it has proven itself",
            ),
            (
                "source: {Found: {releases: {4: {v: '2', phase: Good, good: 1800}}, measured: {'2': [1000, 10]}}}",
                "False AvailabilityTooLow: 99 % of the time measured in apps/staging was good, 99.5 % must be",
            ),
            (
                "image: Asked, source: {Found: {releases: {}}}",
                "False Progressing: the registry of registry.test/app:2 was asked",
            ),
            (
                "releases: {1: {pin: true, pinned: -50}}, source: {Found: {releases: {4: {v: '2', phase: Good, good: 1800}}}}",
                "False Pinned: release 1 is pinned here",
            ),
        ],
        |given| serving(&prod(given)).condition(T::Promotable),
    );
}

/// While nothing is written, a condition describes what exists, and not what was planned.
#[test]
fn suspended() {
    let second = "spec: {suspend: Plan, image: 'registry.test/app:2', domain: new.test}";
    let uri = "secrets: {mongo: {data: {MONGODB_URI: 'mongodb://app:new@db.test/shop'}}}";
    for (type_, given, wanted) in [
        (
            T::RolledOut,
            second,
            "False Suspended: the release that the spec asks for is not made while spec.suspend is set",
        ),
        (
            T::GitDiverged,
            second,
            "True Suspended: the spec asks for another release than the one that runs, and nothing is changed while spec.suspend is set",
        ),
        (
            T::RouteAccepted,
            second,
            "False Suspended: there is no Ingress for new.test, and none is written while spec.suspend is set",
        ),
        (
            T::CredentialsValid,
            &format!("spec: {{suspend: All}}, {uri}"),
            "Unknown Suspended: the connection string is not checked while spec.suspend is set",
        ),
        (
            T::CredentialsValid,
            &format!("foreign: [Service], {uri}"),
            "Unknown NameConflict: the connection string is not checked while a name that it needs is taken",
        ),
        (
            T::CredentialsValid,
            &format!(
                "spec: {{suspend: All}}, {uri}, attempts: [{{n: 1, password: new, state: Proven}}]"
            ),
            "Unknown Suspended: the new connection string passed its check, and is not given to pods while spec.suspend is set",
        ),
        (
            T::ConfigSecretsValid,
            "spec: {suspend: All, config: {secretRefs: [{name: app}]}}, secrets: {app: {data: {A: new}}}",
            "Unknown Suspended: the newest values of config.secretRefs are not tested while spec.suspend is set",
        ),
        (
            T::RolledOut,
            "spec: {suspend: All, image: 'registry.test/app:2'}, releases: {2: {v: '2', phase: Rolling, started: -10}}",
            "Unknown Suspended: release 2 is under way, and is left as it is while spec.suspend is set",
        ),
        (
            T::Available,
            "spec: {suspend: All}",
            "False Down: pods are ready, but no request reaches them: their Service does not exist, and none is written while spec.suspend is set",
        ),
        (
            T::RolledOut,
            "spec: {suspend: All}",
            "True Succeeded: release 1 is good and runs everywhere",
        ),
    ] {
        assert_eq!(serving(given).condition(type_), wanted, "{given}");
    }
    let status = serving(second).status();
    assert_eq!(status.release.desired, Some(1), "release 2 has no record");
}

#[test]
fn available() {
    check(
        T::Available,
        &[
            ("", "True Serving: 1 pod is ready, release 1 serves"),
            (
                "deployment: {available: 0}, pods: [1 unready]",
                "False Down: no pod is ready",
            ),
            (
                "spec: {runtime: {replicas: 0}}, deployment: {desired: 0}, pods: []",
                "False ScaledToZero: runtime.replicas is 0",
            ),
            // Somebody scaled the Deployment, or deleted it.
            (
                "deployment: {desired: 0}, pods: []",
                "False Down: no pod is ready",
            ),
            ("deployment: null, pods: []", "False Down: no pod is ready"),
            (
                "releases: null, deployment: null, pods: []",
                "Unknown NeverDeployed: no release of it was ever good",
            ),
            (
                "releases: {1: {phase: Rejected}}, deployment: {available: 0}, pods: []",
                "Unknown NeverDeployed: no release of it was ever good",
            ),
            (
                "releases: {1: {phase: Rejected}}, deployment: {desired: 0}, pods: []",
                "Unknown NeverDeployed: no release of it was ever good",
            ),
            (
                "probes: {verdict: answering}",
                "True Serving: 1 pod is ready, release 1 serves",
            ),
            (
                "probes: {verdict: starting}",
                "True Serving: 1 pod is ready, release 1 serves",
            ),
            (
                "probes: {verdict: failing, since: -9}",
                "False Down: 1 pod is ready, but the site does not answer within 2 s since 2025-12-31T23:59:51Z when asked through its Service",
            ),
            (
                "probes: {verdict: unmeasured, began: -14}",
                "True Serving: 1 pod is ready, release 1 serves",
            ),
            (
                "probes: {verdict: unmeasured, began: -15}",
                "Unknown Unknown: 1 pod is ready, but the site could not be asked: the operator does not reach the API server either",
            ),
        ],
    );
}

#[test]
fn git_diverged() {
    let second = "spec: {image: 'registry.test/app:2'}";
    let held = format!("{second}, releases: {{2: {{v: '2', phase: Rejected, finished: -5}}}}");
    check(
        T::GitDiverged,
        &[
            (
                "",
                "False InSync: the cluster runs, or is on its way to, what the spec asks for",
            ),
            (
                second,
                "False InSync: the cluster runs, or is on its way to, what the spec asks for",
            ),
            (
                &held,
                "True Held: the spec asks for what release 2 failed with",
            ),
            (
                "releases: {1: {pin: true, pinned: -50}}",
                "True Pinned: release 1 is pinned, whatever the spec asks for",
            ),
            (
                "releases: {1: {pin: true, pinned: -86400}}",
                "True Pinned: release 1 is pinned for 1 day, whatever the spec asks for",
            ),
            (
                "releases: {1: {pin: true, pinned: -200000}}",
                "True Pinned: release 1 is pinned for 2 days, whatever the spec asks for",
            ),
        ],
    );
}
