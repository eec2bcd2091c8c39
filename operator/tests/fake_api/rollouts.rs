//! Tests of the simulated controllers of Deployments, their pods and Ingresses.

use jiff::SignedDuration;
use k8s_openapi::api::apps::v1::Deployment;
use kube::api::Api;
use serde_json::{Value, json};

use super::differences::FakeOnly;
use super::server::{NS, fake_only};
use super::{api, apply};
use crokodial_fake_api::{Behaviour, FakeApi, World};

fn deployment(image: &str) -> Value {
    let mut deployment = super::deployment(image);
    deployment["spec"]["paused"] = json!(false);
    deployment
}

fn web(fake: &FakeApi) -> Value {
    fake.get("deployments", NS, "web").unwrap()
}

/// Returns the numbers of replicas, updated replicas and available replicas from the Deployment's status.
fn counts(fake: &FakeApi) -> (i64, i64, i64) {
    let n = |field: &str| web(fake)["status"][field].as_i64().unwrap_or(0);
    (n("replicas"), n("updatedReplicas"), n("availableReplicas"))
}

fn condition(fake: &FakeApi, kind: &str) -> (String, String) {
    let object = web(fake);
    let all = object["status"]["conditions"].as_array().unwrap();
    let found = all.iter().find(|c| c["type"] == kind).unwrap();
    (
        found["status"].as_str().unwrap().into(),
        found["reason"].as_str().unwrap().into(),
    )
}

fn ready_pods(fake: &FakeApi) -> usize {
    let ready = |pod: &&Value| pod["status"]["containerStatuses"][0]["ready"] == true;
    fake.list("pods", NS).iter().filter(ready).count()
}

fn waiting(fake: &FakeApi, image: &str) -> Vec<String> {
    let pods = fake.list("pods", NS);
    let of_image = pods
        .iter()
        .filter(|p| p["spec"]["containers"][0]["image"] == image);
    let reason = |p: &Value| {
        p["status"]["containerStatuses"][0]
            .pointer("/state/waiting/reason")
            .cloned()
    };
    of_image
        .filter_map(|p| Some(reason(p)?.as_str()?.to_owned()))
        .collect()
}

async fn start(fake: &FakeApi, world: &mut World) -> Api<Deployment> {
    let deployments = api(fake);
    apply(&deployments, "op", true, &deployment("a:1"))
        .await
        .unwrap();
    world.settle(100);
    assert_eq!(counts(fake), (2, 2, 2));
    deployments
}

#[tokio::test]
async fn a_deployment_comes_up() {
    let Some((fake, _)) = fake_only(FakeOnly::Controllers) else {
        return;
    };
    let mut world = World::new(&fake);
    start(&fake, &mut world).await;
    let object = web(&fake);
    assert_eq!(
        object["status"]["observedGeneration"],
        object["metadata"]["generation"]
    );
    assert_eq!(
        object["metadata"]["generation"], 1,
        "the controller's own writes bump nothing"
    );
    assert_eq!(
        condition(&fake, "Available"),
        ("True".into(), "MinimumReplicasAvailable".into())
    );
    assert_eq!(
        condition(&fake, "Progressing"),
        ("True".into(), "NewReplicaSetAvailable".into())
    );
    assert_eq!(world.step(), None, "and rests");
    let pods = fake.list("pods", NS);
    let hash = pods[0]["metadata"]["labels"]["pod-template-hash"]
        .as_str()
        .unwrap();
    let set = fake.get("replicasets", NS, &format!("web-{hash}")).unwrap();
    assert_eq!(
        pods[0]["metadata"]["ownerReferences"][0]["uid"],
        set["metadata"]["uid"]
    );
    assert_eq!(pods[0]["status"]["phase"], "Running");
}

#[tokio::test]
async fn a_rolling_update_never_has_fewer_ready_pods_than_asked() {
    let Some((fake, _)) = fake_only(FakeOnly::Controllers) else {
        return;
    };
    let mut world = World::new(&fake);
    let deployments = start(&fake, &mut world).await;
    apply(&deployments, "op", true, &deployment("a:2"))
        .await
        .unwrap();
    let mut seen_mixed = false;
    while world.step().is_some() {
        assert!(ready_pods(&fake) >= 2);
        assert!(
            fake.list("pods", NS).len() <= 4,
            "two asked, one surge, one ending"
        );
        let images: std::collections::BTreeSet<String> = fake
            .list("pods", NS)
            .iter()
            .map(|p| p["spec"]["containers"][0]["image"].to_string())
            .collect();
        seen_mixed |= images.len() == 2;
    }
    assert!(seen_mixed);
    assert_eq!(counts(&fake), (2, 2, 2));
    assert!(
        fake.list("pods", NS)
            .iter()
            .all(|p| p["spec"]["containers"][0]["image"] == "a:2")
    );
    assert_eq!(
        web(&fake)["metadata"]["annotations"]["deployment.kubernetes.io/revision"],
        "2"
    );

    // A rollback makes the old ReplicaSet current again, with a new revision.
    apply(&deployments, "op", true, &deployment("a:1"))
        .await
        .unwrap();
    world.settle(200);
    assert_eq!(fake.list("replicasets", NS).len(), 2);
    assert_eq!(
        web(&fake)["metadata"]["annotations"]["deployment.kubernetes.io/revision"],
        "3"
    );
}

#[tokio::test]
async fn a_bad_image_stops_the_rollout_and_the_old_pods_stay() {
    let cases = [
        (Behaviour::CrashLoop, Some("CrashLoopBackOff")),
        (Behaviour::ImagePullBackOff, Some("ImagePullBackOff")),
        (Behaviour::ConfigError, Some("CreateContainerConfigError")),
        (Behaviour::NeverReady, None),
        (Behaviour::Unschedulable, None),
    ];
    for (behaviour, reason) in cases {
        let Some((fake, _)) = fake_only(FakeOnly::Controllers) else {
            return;
        };
        let mut world = World::new(&fake);
        let deployments = start(&fake, &mut world).await;
        let bad = "r.test/web:2@sha256:bad";
        world.behave("sha256:bad", behaviour);
        apply(&deployments, "op", true, &deployment(bad))
            .await
            .unwrap();
        world.settle(200);
        assert_eq!(counts(&fake), (3, 1, 2), "{behaviour:?}");
        assert_eq!(
            waiting(&fake, bad).first().map(String::as_str),
            reason,
            "{behaviour:?}"
        );
        if behaviour == Behaviour::Unschedulable {
            let pods = fake.list("pods", NS);
            let reasons = pods
                .iter()
                .filter_map(|p| p["status"]["conditions"][0]["reason"].as_str());
            assert_eq!(reasons.collect::<Vec<_>>(), ["Unschedulable"]);
        }
        apply(&deployments, "op", true, &deployment("a:1"))
            .await
            .unwrap();
        world.settle(200);
        assert_eq!(counts(&fake), (2, 2, 2), "{behaviour:?}");
        assert_eq!(fake.list("pods", NS).len(), 2);
    }
}

#[tokio::test]
async fn crashes_count_restarts() {
    let Some((fake, _)) = fake_only(FakeOnly::Controllers) else {
        return;
    };
    let mut world = World::new(&fake);
    let deployments = api::<Deployment>(&fake);
    world.behave("a:1", Behaviour::RestartsAfterReady(3));
    apply(&deployments, "op", true, &deployment("a:1"))
        .await
        .unwrap();
    world.settle(200);
    assert_eq!(counts(&fake), (2, 2, 2));
    for pod in fake.list("pods", NS) {
        let container = &pod["status"]["containerStatuses"][0];
        assert_eq!(container["restartCount"], 3);
        assert_eq!(container["lastState"]["terminated"]["exitCode"], 1);
    }
    world.behave("a:1", Behaviour::CrashLoop);
    world.settle(200);
    assert_eq!(ready_pods(&fake), 0);
    assert_eq!(condition(&fake, "Available").0, "False");
}

#[tokio::test]
async fn a_missing_secret_is_a_config_error_until_it_exists() {
    let Some((fake, _)) = fake_only(FakeOnly::Controllers) else {
        return;
    };
    let mut world = World::new(&fake);
    let deployments = api::<Deployment>(&fake);
    let mut body = deployment("a:1");
    body["spec"]["template"]["spec"]["containers"][0]["env"] =
        json!([{"name": "URI", "valueFrom": {"secretKeyRef": {"name": "mongo", "key": "URI"}}}]);
    apply(&deployments, "op", true, &body).await.unwrap();
    world.settle(100);
    assert_eq!(waiting(&fake, "a:1"), ["CreateContainerConfigError"; 2]);
    let secret = |data: Value| json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "mongo", "namespace": NS}, "data": data});
    fake.put(secret(json!({"OTHER": "dg=="})));
    assert_eq!(world.step(), None, "the key is what counts");
    fake.put(secret(json!({"URI": "dg=="})));
    world.settle(100);
    assert_eq!(counts(&fake), (2, 2, 2));
}

#[tokio::test]
async fn the_progress_deadline_is_reported_by_the_clock() {
    let Some((fake, clock)) = fake_only(FakeOnly::Controllers) else {
        return;
    };
    let mut world = World::new(&fake);
    let deployments = start(&fake, &mut world).await;
    world.behave("a:2", Behaviour::NeverReady);
    apply(&deployments, "op", true, &deployment("a:2"))
        .await
        .unwrap();
    world.settle(100);
    assert_eq!(
        condition(&fake, "Progressing"),
        ("True".into(), "ReplicaSetUpdated".into())
    );
    clock.advance(SignedDuration::from_secs(601));
    world.settle(100);
    assert_eq!(
        condition(&fake, "Progressing"),
        ("False".into(), "ProgressDeadlineExceeded".into())
    );
    clock.advance(SignedDuration::from_secs(601));
    assert_eq!(world.step(), None);
}

#[tokio::test]
async fn a_container_behaves_as_the_values_it_read_when_it_started() {
    let Some((fake, _)) = fake_only(FakeOnly::Controllers) else {
        return;
    };
    let mut world = World::new(&fake);
    let give = |value: &str| {
        fake.put(
            json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s", "namespace": NS},
            "data": {"K": k8s_openapi::ByteString(value.into())}}),
        );
    };
    give("good");
    let mut reads = deployment("a:1");
    reads["spec"]["template"]["spec"]["containers"][0]["envFrom"] =
        json!([{"secretRef": {"name": "s"}}]);
    apply(&api::<Deployment>(&fake), "op", true, &reads)
        .await
        .unwrap();
    world.settle(100);
    world.behave_with("bad", Behaviour::CrashLoop);
    give("bad");
    world.settle(100);
    assert_eq!(ready_pods(&fake), 2, "those that run have what they read");
    let evicted = fake.list("pods", NS)[0]["metadata"]["name"].clone();
    world.evict(NS, evicted.as_str().unwrap());
    world.settle(100);
    assert_eq!(ready_pods(&fake), 1);
    give("good");
    world.settle(100);
    assert_eq!(
        ready_pods(&fake),
        2,
        "it starts again with the value of now"
    );
}

#[tokio::test]
async fn scaling_eviction_and_deletion() {
    let Some((fake, _)) = fake_only(FakeOnly::Controllers) else {
        return;
    };
    let mut world = World::new(&fake);
    let deployments = start(&fake, &mut world).await;
    let scaled = |n: i64| {
        let mut body = deployment("a:1");
        body["spec"]["replicas"] = json!(n);
        body
    };
    for n in [5, 1, 0, 2] {
        apply(&deployments, "op", true, &scaled(n)).await.unwrap();
        world.settle(200);
        assert_eq!(counts(&fake), (n, n, n));
        assert_eq!(fake.list("pods", NS).len(), usize::try_from(n).unwrap());
        assert_eq!(condition(&fake, "Available").0, "True");
    }
    let pod = fake.list("pods", NS)[0]["metadata"]["name"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(world.evict(NS, &pod));
    assert!(fake.get("pods", NS, &pod).unwrap()["metadata"]["deletionTimestamp"].is_string());
    world.settle(100);
    assert_eq!(fake.get("pods", NS, &pod), None);
    assert_eq!(counts(&fake), (2, 2, 2));

    fake.delete("deployments", NS, "web");
    assert!(fake.list("replicasets", NS).is_empty());
    world.settle(100);
    assert!(fake.list("pods", NS).is_empty());
}

#[tokio::test]
async fn an_ingress_of_the_controllers_class_gets_an_address() {
    let Some((fake, _)) = fake_only(FakeOnly::Controllers) else {
        return;
    };
    let mut world = World::new(&fake);
    world.ingress_class("traefik");
    let ingress = |name: &str, class: &str| {
        json!({"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": {"name": name, "namespace": NS},
            "spec": {"ingressClassName": class, "rules": [{"host": "x.test"}]}})
    };
    fake.put(ingress("mine", "traefik"));
    fake.put(ingress("foreign", "nginx"));
    world.settle(10);
    let address = |name: &str| {
        fake.get("ingresses", NS, name)
            .unwrap()
            .pointer("/status/loadBalancer/ingress/0/ip")
            .cloned()
    };
    assert_eq!(address("mine"), Some(json!("192.0.2.10")));
    assert_eq!(address("foreign"), None);
}

#[tokio::test]
async fn two_runs_are_the_same_run() {
    let mut runs = Vec::new();
    for _ in 0..2 {
        let Some((fake, _)) = fake_only(FakeOnly::Controllers) else {
            return;
        };
        let mut world = World::new(&fake);
        let deployments = start(&fake, &mut world).await;
        apply(&deployments, "op", true, &deployment("a:2"))
            .await
            .unwrap();
        runs.push((world.settle(200), fake.snapshot(), fake.list("pods", NS)));
    }
    assert_eq!(runs[0], runs[1]);
}
