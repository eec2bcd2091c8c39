//! Tests of the probe loops against servers on loopback. Every wait has a timeout.

use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::routing::get;
use crokodial_crds::CrokodialEnvironment;
use futures::StreamExt;
use futures::stream::BoxStream;
use http::StatusCode;
use jiff::SignedDuration;
use kube::runtime::reflector::ObjectRef;
use tokio::net::TcpListener;
use tokio::time::timeout;

use super::*;
use crate::net::{Guard, HttpClient, Trust};
use crate::uptime::{ProbeVerdict, SiteFault};

fn prober() -> Prober {
    let guard = Guard::for_tests_allowing_loopback();
    let client = HttpClient::new(guard.clone(), Trust::platform().unwrap());
    let dialler = Dialler::new(guard, client, None);
    Prober::new(
        dialler,
        RequeueTrigger::default(),
        Metrics::new(),
        Clock::System,
    )
}

fn target(name: &str, port: u16) -> Target {
    Target {
        namespace: "shop".to_owned(),
        name: name.to_owned(),
        uid: "u".to_owned(),
        address: Ipv4Addr::LOCALHOST.into(),
        port,
        path: "/".to_owned(),
        host: "app.example.com".to_owned(),
        release: Some(7),
        all_in_place: true,
        baking: true,
        latency_over: SignedDuration::from_secs(60),
    }
}

/// Site whose response status can be changed. It counts all requests, and the maximum number of concurrent ones.
#[derive(Clone, Default)]
struct Site {
    asked: Arc<AtomicUsize>,
    now: Arc<AtomicUsize>,
    most: Arc<AtomicUsize>,
    broken: Arc<AtomicUsize>,
}

impl Site {
    async fn serve(&self, takes: Duration) -> u16 {
        let site = self.clone();
        let answer = move || {
            let site = site.clone();
            async move {
                site.asked.fetch_add(1, Ordering::SeqCst);
                let now = site.now.fetch_add(1, Ordering::SeqCst) + 1;
                site.most.fetch_max(now, Ordering::SeqCst);
                sleep(takes).await;
                site.now.fetch_sub(1, Ordering::SeqCst);
                match site.broken.load(Ordering::SeqCst) {
                    0 => StatusCode::OK,
                    _ => StatusCode::SERVICE_UNAVAILABLE,
                }
            }
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let router = Router::new().route("/", get(answer));
        tokio::spawn(async move { axum::serve(listener, router).await });
        port
    }
}

fn verdict(prober: &Prober, name: &str) -> ProbeVerdict {
    let now = Timestamp::now();
    prober.summary("shop", name, now).unwrap().verdict
}

type Calls = BoxStream<'static, ObjectRef<CrokodialEnvironment>>;

fn calls(prober: &Prober) -> Calls {
    prober.shared.requeue.requests("shop").boxed()
}

async fn news(calls: &mut Calls) -> String {
    let next = timeout(Duration::from_secs(20), calls.next()).await;
    next.expect("no news in 20 s").unwrap().name
}

#[tokio::test]
async fn the_reconcile_is_woken_by_the_first_answer_a_confirmed_failure_and_the_recovery() {
    let (prober, site) = (prober(), Site::default());
    let mut changes = calls(&prober);
    let port = site.serve(Duration::ZERO).await;
    prober.watch(target("one", port));
    assert_eq!(news(&mut changes).await, "one");
    assert_eq!(verdict(&prober, "one"), ProbeVerdict::Answering);
    site.broken.store(1, Ordering::SeqCst);
    assert_eq!(news(&mut changes).await, "one");
    let ProbeVerdict::Failing(failing) = verdict(&prober, "one") else {
        panic!("{:?}", verdict(&prober, "one"));
    };
    assert_eq!(
        (failing.bad, failing.release),
        (SiteFault::Status(503), Some(7))
    );
    site.broken.store(0, Ordering::SeqCst);
    assert_eq!(news(&mut changes).await, "one");
    assert_eq!(verdict(&prober, "one"), ProbeVerdict::Answering);
    let text = prober.shared.metrics.render().unwrap();
    assert!(
        text.contains("crokodial_probes_total{result=\"Status\"}"),
        "{text}"
    );
}

#[tokio::test]
async fn a_target_that_hangs_delays_no_other_and_is_asked_once_at_a_time() {
    let (prober, hanging, healthy) = (prober(), Site::default(), Site::default());
    let mut changes = calls(&prober);
    let port = hanging.serve(Duration::from_secs(60)).await;
    for n in 0..40 {
        prober.watch(target(&format!("hangs-{n}"), port));
    }
    // Waits until each environment has a probe in progress.
    let all = async {
        while hanging.now.load(Ordering::SeqCst) < 40 {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(Duration::from_secs(20), all).await.unwrap();
    let begun = Instant::now();
    prober.watch(target("healthy", healthy.serve(Duration::ZERO).await));
    while news(&mut changes).await != "healthy" {}
    assert!(
        begun.elapsed() < Duration::from_secs(4),
        "{:?}",
        begun.elapsed()
    );
    let single = Site::default();
    let slow = single.serve(Duration::from_millis(1_500)).await;
    prober.watch(target("slow", slow));
    while news(&mut changes).await != "slow" {}
    for _ in 0..50 {
        prober.watch(target("slow", slow));
    }
    let three = async {
        while single.asked.load(Ordering::SeqCst) < 3 {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(Duration::from_secs(20), three).await.unwrap();
    assert_eq!(single.most.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn hanging_sites_of_one_namespace_delay_no_probe_of_another() {
    let (prober, healthy) = (prober(), Site::default());
    let mut hanging = Vec::new();
    for _ in 0..MAX_CONCURRENT {
        hanging.push(prober.shared.permits.acquire("noisy").await);
    }
    let state = Mutex::new(State {
        target: target("healthy", healthy.serve(Duration::ZERO).await),
        window: Window::new(Timestamp::now()),
    });
    let probe = once(&prober.shared, &state);
    timeout(Duration::from_secs(5), probe).await.unwrap();
    assert_eq!(healthy.asked.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn an_environment_that_is_forgotten_is_asked_no_more_and_one_of_its_name_starts_anew() {
    let (prober, site) = (prober(), Site::default());
    let mut changes = calls(&prober);
    let port = site.serve(Duration::ZERO).await;
    prober.watch(target("one", port));
    news(&mut changes).await;
    let mut other = target("one", port);
    other.uid = "another".to_owned();
    other.address = "203.0.113.1".parse().unwrap();
    prober.watch(other);
    let now = Timestamp::now();
    assert_eq!(prober.summary("shop", "one", now).unwrap().last, None);
    prober.forget("shop", "one");
    assert_eq!(prober.summary("shop", "one", now), None);
    prober.watch(target("two", port));
    prober.forget_all();
    assert_eq!(prober.summary("shop", "two", now), None);
    let asked = site.asked.load(Ordering::SeqCst);
    sleep(Duration::from_millis(2_500)).await;
    assert_eq!(site.asked.load(Ordering::SeqCst), asked);
}

/// Otherwise the environment would never be probed again, and its bakes would not end.
#[tokio::test]
async fn a_loop_that_panicked_is_started_again_by_the_next_reconcile() {
    let prober = prober();
    let key = ("shop".to_owned(), "a".to_owned());
    let is_finished = || lock(&prober.watched)[&key].task.is_finished();
    prober.watch(target("a", 1));
    lock(&prober.watched)[&key].task.abort();
    while !is_finished() {
        tokio::task::yield_now().await;
    }
    prober.watch(target("a", 1));
    assert!(!is_finished());
}
