//! Tests of Jobs: their simulated controller, and the validation of their pod template.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use k8s_openapi::api::batch::v1::Job;
use kube::api::{Api, DeleteParams, PostParams};
use serde_json::{Value, json};

use super::differences::FakeOnly;
use super::server::{NS, Server, fake_only};
use super::{api, apply, refused};
use crokodial_fake_api::{FakeApi, JobOutcome, World};

fn job(name: &str) -> Value {
    json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name, "namespace": NS},
        "spec": {"backoffLimit": 0, "activeDeadlineSeconds": 20, "ttlSecondsAfterFinished": 600,
            "template": {"metadata": {"labels": {"app": "check"}}, "spec": {"restartPolicy": "Never",
                "volumes": [{"name": "uri", "secret": {"secretName": "uri"}}],
                "containers": [{"name": "check", "image": "check:1",
                    "volumeMounts": [{"name": "uri", "mountPath": "/uri"}]}]}}}})
}

async fn create(fake: &FakeApi, name: &str) -> Api<Job> {
    let jobs: Api<Job> = api(fake);
    let object = serde_json::from_value(job(name)).unwrap();
    jobs.create(&PostParams::default(), &object).await.unwrap();
    jobs
}

fn secret(fake: &FakeApi) {
    fake.put(
        json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "uri", "namespace": NS},
        "stringData": {"URI": "mongodb://db.test/app"}}),
    );
}

/// Returns the type and reason of the Job's first condition, or empty strings if it has none.
fn ended(fake: &FakeApi, name: &str) -> (String, String) {
    let object = fake.get("jobs", NS, name).unwrap();
    let last = object.pointer("/status/conditions/0").cloned();
    let text = |field: &str| {
        let value = last.as_ref().map(|c| c[field].clone());
        value
            .and_then(|v| v.as_str().map(str::to_owned))
            .unwrap_or_default()
    };
    (text("type"), text("reason"))
}

fn pod(fake: &FakeApi) -> Value {
    let pods = fake.list("pods", NS);
    assert_eq!(pods.len(), 1, "one pod a Job");
    pods[0].clone()
}

#[tokio::test]
async fn a_job_ends_with_its_pods_message() {
    let Some((fake, _)) = fake_only(FakeOnly::Controllers) else {
        return;
    };
    let mut world = World::new(&fake);
    secret(&fake);
    world.run_jobs("check-", JobOutcome::Succeeds("said".into()));
    create(&fake, "check-1").await;
    world.settle(50);
    assert_eq!(
        ended(&fake, "check-1"),
        ("Complete".into(), "CompletionsReached".into())
    );
    let pod = pod(&fake);
    let labels = &pod["metadata"]["labels"];
    assert_eq!(labels["app"], "check", "the template's");
    assert_eq!(labels["batch.kubernetes.io/job-name"], "check-1");
    assert_eq!(pod["status"]["phase"], "Succeeded");
    assert_eq!(
        pod.pointer("/status/containerStatuses/0/state/terminated/message"),
        Some(&json!("said"))
    );
    assert_eq!(
        fake.get("jobs", NS, "check-1").unwrap()["status"]["succeeded"],
        1
    );
}

#[tokio::test]
async fn a_failed_pod_fails_a_job_without_retries() {
    let Some((fake, _)) = fake_only(FakeOnly::Controllers) else {
        return;
    };
    let mut world = World::new(&fake);
    secret(&fake);
    let fails = JobOutcome::Fails {
        exit_code: 3,
        message: String::new(),
    };
    world.run_jobs("check-", fails);
    create(&fake, "check-1").await;
    world.settle(50);
    assert_eq!(
        ended(&fake, "check-1"),
        ("Failed".into(), "BackoffLimitExceeded".into())
    );
    let terminated = pod(&fake)
        .pointer("/status/containerStatuses/0/state/terminated/exitCode")
        .cloned();
    assert_eq!(terminated, Some(json!(3)));
}

#[tokio::test]
async fn what_never_ends_is_ended_by_the_deadline() {
    for outcome in [
        JobOutcome::NeverScheduled,
        JobOutcome::ImagePullBackOff,
        JobOutcome::Hangs,
    ] {
        let Some((fake, clock)) = fake_only(FakeOnly::Controllers) else {
            return;
        };
        let mut world = World::new(&fake);
        secret(&fake);
        world.run_jobs("check-", outcome.clone());
        create(&fake, "check-1").await;
        world.settle(50);
        assert_eq!(ended(&fake, "check-1").0, "", "{outcome:?} goes on");
        clock.advance(SignedDuration::from_secs(20));
        world.settle(50);
        let over = ("Failed".into(), "DeadlineExceeded".into());
        assert_eq!(ended(&fake, "check-1"), over, "{outcome:?}");
        assert!(fake.list("pods", NS).is_empty(), "{outcome:?}");
    }
}

#[tokio::test]
async fn a_pod_waits_for_the_secret_it_mounts_and_may_decide_by_its_content() {
    fn decide(mounted: &BTreeMap<String, String>) -> JobOutcome {
        JobOutcome::Succeeds(mounted["URI"].clone())
    }
    let Some((fake, _)) = fake_only(FakeOnly::Controllers) else {
        return;
    };
    let mut world = World::new(&fake);
    world.run_jobs("check-", JobOutcome::Hangs);
    create(&fake, "check-1").await;
    world.settle(50);
    let waiting = pod(&fake)
        .pointer("/status/containerStatuses/0/state/waiting/reason")
        .cloned();
    assert_eq!(waiting, Some(json!("ContainerCreating")));
    secret(&fake);
    world.run_jobs("check-", JobOutcome::Computed(decide));
    world.settle(50);
    assert_eq!(
        pod(&fake).pointer("/status/containerStatuses/0/state/terminated/message"),
        Some(&json!("mongodb://db.test/app"))
    );
}

#[tokio::test]
async fn deleting_a_job_takes_its_pods_and_time_takes_a_finished_job() {
    let Some((fake, clock)) = fake_only(FakeOnly::Controllers) else {
        return;
    };
    let mut world = World::new(&fake);
    secret(&fake);
    let jobs = create(&fake, "check-1").await;
    create(&fake, "other-1").await;
    world.settle(50);
    assert_eq!(fake.list("pods", NS).len(), 2);
    jobs.delete("check-1", &DeleteParams::background())
        .await
        .unwrap();
    world.settle(50);
    let name = pod(&fake)["metadata"]["name"].as_str().unwrap().to_owned();
    assert!(name.starts_with("other-1-"), "{name}");
    clock.advance(SignedDuration::from_secs(600));
    world.settle(50);
    assert!(fake.list("jobs", NS).is_empty());
    assert!(fake.list("pods", NS).is_empty());
}

#[tokio::test]
async fn a_jobs_template_is_checked_and_cannot_change() {
    let server = Server::start().await;
    let jobs: Api<Job> = server.api();
    // The Job is suspended, so that the controller of a real server creates no pod.
    let suspended = |name: &str| {
        let mut job = job(name);
        job["metadata"] = json!({"name": name});
        job["spec"]["suspend"] = json!(true);
        job
    };
    apply(&jobs, "op", true, &suspended("check-1"))
        .await
        .unwrap();
    let mut endless = suspended("check-2");
    endless["spec"]["template"]["spec"]["restartPolicy"] = json!("Always");
    let object = serde_json::from_value(endless).unwrap();
    let (code, _, message) = refused(jobs.create(&PostParams::default(), &object).await);
    assert_eq!(code, 422);
    assert!(message.contains("restartPolicy"), "{message}");
    let mut other = suspended("check-1");
    other["spec"]["template"]["spec"]["containers"][0]["image"] = json!("check:2");
    let (code, _, message) = refused(apply(&jobs, "op", true, &other).await);
    assert_eq!(code, 422);
    assert!(message.contains("immutable"), "{message}");
}
