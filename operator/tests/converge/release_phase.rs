//! Tests of the release phase: a command that runs once before the first pod of a release.

use serde_json::{Value, json};

use crate::support::{NS, Site};
use crokodial_fake_api::JobOutcome;

const NEW: &str = "registry.test/dialer:2";

/// Returns a site with a good release, after setting a new image and a release phase whose Job has this outcome.
async fn asked(outcome: JobOutcome) -> Site {
    let mut site = Site::good().await;
    site.world.run_jobs("staging-release", outcome);
    site.edit("staging", |spec| {
        spec["releasePhase"] = json!({"command": ["/migrate", "up"], "timeout": "90s"});
        spec["image"] = json!(NEW);
    });
    site.rest("staging").await;
    site
}

fn jobs(site: &Site) -> Vec<String> {
    let jobs = site.api.list("jobs", NS);
    let name = |job: &Value| {
        job["metadata"]["name"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    };
    let all = jobs.iter().map(name);
    all.filter(|name| name.contains("-release-")).collect()
}

fn untouched(site: &Site) {
    assert_eq!(site.runs("staging"), "1");
    assert_eq!(site.api.get("deployments", NS, "staging-candidate"), None);
    assert_eq!(site.condition("staging", "Available"), "True Serving");
}

#[tokio::test(start_paused = true)]
async fn it_runs_before_the_candidate_and_once() {
    let mut site = asked(JobOutcome::Succeeds(String::new())).await;
    assert_eq!(site.phases("staging"), ["1 Good", "2 Baking"]);
    assert_eq!(jobs(&site), ["staging-release-2"]);
    let job = site.get("jobs", "staging-release-2");
    let container = &job["spec"]["template"]["spec"]["containers"][0];
    assert_eq!(container["command"], json!(["/migrate", "up"]));
    assert_eq!(job["spec"]["template"]["spec"]["activeDeadlineSeconds"], 90);
    let uid = job["metadata"]["uid"].clone();
    site.restart();
    site.bake("staging").await;
    assert_eq!(site.phases("staging"), ["1 Good", "2 Good"]);
    assert_eq!(
        site.get("jobs", "staging-release-2")["metadata"]["uid"],
        uid
    );
    assert_eq!(site.writes_of("staging", 3).await, []);
    // The next release runs the command again. The Job of the old release is deleted.
    site.image("staging", "registry.test/dialer:3");
    site.rest("staging").await;
    assert_eq!(jobs(&site), ["staging-release-3"]);
}

#[tokio::test(start_paused = true)]
async fn a_command_that_fails_rejects_the_release_before_any_pod_of_it() {
    let message = "password=s3cret".to_owned();
    let site = asked(JobOutcome::Fails {
        exit_code: 3,
        message,
    })
    .await;
    assert_eq!(site.phases("staging"), ["1 Good", "2 Rejected"]);
    assert_eq!(site.reason("staging-2"), "ReleasePhaseFailed");
    let said = site.get("crokodialreleases", "staging-2")["status"]["message"].clone();
    assert_eq!(
        said,
        "the command of Job staging-release-2 ended with exit code 3; its log ended with: password=[removed]"
    );
    assert_eq!(jobs(&site), ["staging-release-2"], "kept for its log");
    untouched(&site);
    assert_eq!(site.writes_of("staging", 3).await, []);
}

#[tokio::test(start_paused = true)]
async fn a_command_without_an_end_is_ended() {
    let mut site = asked(JobOutcome::Hangs).await;
    assert_eq!(site.phases("staging"), ["1 Good", "2 ReleasePhase"]);
    site.advance(89);
    site.rest("staging").await;
    assert_eq!(site.phases("staging"), ["1 Good", "2 ReleasePhase"]);
    site.advance(1);
    site.rest("staging").await;
    assert_eq!(site.phases("staging"), ["1 Good", "2 Rejected"]);
    assert_eq!(site.reason("staging-2"), "ReleasePhaseFailed");
    untouched(&site);
}

#[tokio::test(start_paused = true)]
async fn what_keeps_it_from_starting_only_blocks() {
    for obstacle in [JobOutcome::NeverScheduled, JobOutcome::ImagePullBackOff] {
        let mut site = Site::good().await;
        site.images
            .existence(crokodial_operator::registry::Existence::Unknown);
        site.world.run_jobs("staging-release", obstacle);
        site.edit("staging", |spec| {
            spec["releasePhase"] = json!({"command": ["/migrate"], "timeout": "90s"});
        });
        site.rest("staging").await;
        for _ in 0..3 {
            assert_eq!(site.phases("staging"), ["1 Good", "2 ReleasePhase"]);
            assert_eq!(site.condition("staging", "RolledOut"), "Unknown Blocked");
            untouched(&site);
            site.advance(600);
            site.rest("staging").await;
        }
        let done = JobOutcome::Succeeds(String::new());
        site.world.run_jobs("staging-release", done);
        site.advance(600);
        site.rest("staging").await;
        site.bake("staging").await;
        assert_eq!(site.phases("staging"), ["1 Good", "2 Good"]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_newer_spec_ends_one_under_way() {
    let mut site = asked(JobOutcome::Hangs).await;
    site.world
        .run_jobs("staging-release", JobOutcome::Succeeds(String::new()));
    site.edit("staging", |spec| {
        spec["releasePhase"] = json!({"command": ["/migrate", "other"]});
    });
    site.rest("staging").await;
    site.bake("staging").await;
    assert_eq!(site.phases("staging"), ["1 Good", "2 Superseded", "3 Good"]);
    assert_eq!(jobs(&site), ["staging-release-3"]);
}
