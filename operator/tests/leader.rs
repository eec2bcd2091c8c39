//! Tests of several replicas with one fake API server: only the leader writes, and another replica takes over when it
//! fails.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crokodial_operator::context::Context;
use crokodial_operator::environment;
use crokodial_operator::kube_io::KubeIo;
use crokodial_operator::leader::{Elector, Fence, LEASE, LeadershipCallbacks, Timing};
use crokodial_operator::metrics::Metrics;
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::support::{NS, Site};
use crokodial_fake_api::{FakeApi, Fault};

const SYSTEM: &str = "crokodial-system";
const TIMING: Timing = Timing { seconds: 5 };
const NEW: &str = "registry.test/dialer:2";

#[derive(Clone, Default)]
struct Terms(Arc<AtomicUsize>);

impl LeadershipCallbacks for Terms {
    fn leads(&mut self, leads: bool) {
        self.0.fetch_add(leads.into(), Ordering::Relaxed);
    }
    fn trouble(&mut self, _: Option<String>) {}
}

/// Operator replica that takes part in the leader election. It reconciles only when a test calls `reconcile`.
struct Replica {
    ctx: Arc<Context>,
    fence: Fence,
    terms: Terms,
    stop: CancellationToken,
    election: JoinHandle<()>,
}

impl Replica {
    fn start(site: &Site, name: &str) -> Self {
        let (fence, metrics, terms) = (Fence::closed(), Metrics::new(), Terms::default());
        let client = site.api.client(NS);
        let io = KubeIo::fenced(
            client.clone(),
            client.clone(),
            fence.clone(),
            metrics.clone(),
        );
        let elector = Elector::new(
            client,
            SYSTEM,
            name,
            TIMING,
            fence.clone(),
            metrics,
            terms.clone(),
        );
        let stop = CancellationToken::new();
        Self {
            ctx: site.context(io),
            fence,
            terms,
            election: tokio::spawn(elector.run(stop.clone())),
            stop,
        }
    }

    async fn reconcile(&self) -> Result<(), environment::Error> {
        environment::reconcile(&self.ctx, NS, "staging")
            .await
            .map(|_| ())
    }

    /// Ends the replica's election without releasing the Lease, as if the process had died.
    fn kill(&self) {
        self.election.abort();
    }

    /// Stops the replica as SIGTERM does, and waits until it has ended.
    async fn terminate(self) {
        self.stop.cancel();
        self.election.await.unwrap();
    }

    async fn leads(&self) -> Duration {
        let start = Instant::now();
        let opens = async {
            while !self.fence.is_open() {
                sleep(Duration::from_millis(1)).await;
            }
        };
        timeout(Duration::from_secs(30), opens)
            .await
            .expect("it never leads");
        start.elapsed()
    }
}

fn lease(api: &FakeApi) -> Value {
    api.get("leases", SYSTEM, LEASE).expect("there is no lease")["spec"].clone()
}

fn holder(api: &FakeApi) -> String {
    lease(api)["holderIdentity"].as_str().unwrap().to_owned()
}

/// Returns a site with a leader, a standby replica, and a new image that must be rolled out.
async fn pair() -> (Site, Replica, Replica) {
    let site = Site::good().await;
    let first = Replica::start(&site, "operator-1");
    first.leads().await;
    let second = Replica::start(&site, "operator-2");
    sleep(Duration::from_secs(2)).await;
    assert!(first.fence.is_open() && !second.fence.is_open());
    site.image("staging", NEW);
    (site, first, second)
}

fn is_not_leading(error: &environment::Error) -> bool {
    use environment::Error::{Apply, Observe, Status};
    matches!(error, Observe(io) | Apply(io) | Status(io) if io.is_not_leading())
}

#[tokio::test(start_paused = true)]
async fn one_writes_and_the_other_waits_with_nothing_sent() {
    let (site, first, second) = pair().await;
    site.api.take_calls();
    let refused = second.reconcile().await.unwrap_err();
    assert!(is_not_leading(&refused), "{refused}");
    let written = site.api.writes();
    assert!(
        written
            .iter()
            .all(|call| call.resource.starts_with("leases")),
        "{written:?}"
    );
    first.reconcile().await.unwrap();
    assert_eq!(site.phases("staging").len(), 2);
    assert_eq!(site.api.unexpected(), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn the_lease_reads_as_kubectl_shows_others() {
    let (site, first, second) = pair().await;
    let spec = lease(&site.api);
    assert!(holder(&site.api).starts_with("operator-1_"), "{spec}");
    assert_eq!(
        (&spec["leaseDurationSeconds"], &spec["leaseTransitions"]),
        (&json!(5), &json!(0))
    );
    let acquired = spec["acquireTime"].clone();
    assert!(spec["renewTime"].as_str() > acquired.as_str(), "{spec}");
    first.kill();
    second.leads().await;
    let spec = lease(&site.api);
    assert!(holder(&site.api).starts_with("operator-2_"), "{spec}");
    assert_eq!(spec["leaseTransitions"], 1);
    assert!(spec["acquireTime"].as_str() > acquired.as_str(), "{spec}");
}

#[tokio::test(start_paused = true)]
async fn a_dead_leader_is_followed_within_the_lease() {
    let (_site, first, second) = pair().await;
    first.kill();
    let took = second.leads().await;
    assert!(
        took <= TIMING.lease() + Duration::from_millis(50),
        "{took:?}"
    );
    assert!(
        took >= TIMING.margin(),
        "{took:?}: the old one's writes had no time to arrive"
    );
    second.reconcile().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_is_told_to_stop_is_followed_at_once() {
    let (site, first, second) = pair().await;
    let start = Instant::now();
    let ((), took) = tokio::join!(first.terminate(), second.leads());
    assert!(took < Duration::from_millis(50), "{took:?}");
    assert!(start.elapsed() < Duration::from_millis(100));
    assert_eq!(lease(&site.api)["leaseTransitions"], 1);
    second.reconcile().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn the_last_one_leaves_a_lease_that_is_nobodys() {
    let (site, first, second) = pair().await;
    second.terminate().await;
    first.terminate().await;
    let spec = lease(&site.api);
    assert_eq!(
        (&spec["holderIdentity"], &spec["leaseDurationSeconds"]),
        (&json!(""), &json!(1))
    );
    let next = Replica::start(&site, "operator-3");
    assert!(next.leads().await < Duration::from_millis(50));
}

/// Holds back the `n`-th write of the leader in the network, and waits until another replica has led for two lease
/// durations. The write arrives when the test calls `FakeApi::arrive`. Returns the site and the new leader, or `None`
/// if the leader makes fewer writes.
async fn hung(n: usize) -> Option<(Site, Replica)> {
    let (mut site, first, second) = pair().await;
    // Writes of all clients are counted. The election is stopped, so that only writes of reconciles are.
    first.kill();
    site.api.fail_at_write(n, Fault::Held);
    let mut done = Ok(());
    for _ in 0..4 {
        done = first.reconcile().await;
        if done.is_err() {
            break;
        }
        site.world.settle(300);
    }
    if site.api.pending_faults() > 0 {
        return None;
    }
    // An Event without a response does not fail the reconcile.
    let refused = match done {
        Err(_) => first.reconcile().await.unwrap_err(),
        Ok(()) => {
            sleep(TIMING.lease()).await;
            first.reconcile().await.unwrap_err()
        }
    };
    second.leads().await;
    sleep(2 * TIMING.lease()).await;
    assert!(is_not_leading(&refused), "{refused}");
    Some((site, second))
}

/// Returns all stored objects except the Lease and Events, which do not matter here.
fn lasting(site: &Site) -> BTreeMap<String, Value> {
    let mut all = site.api.snapshot();
    all.retain(|key, _| !key.starts_with("events") && !key.starts_with("leases"));
    all
}

async fn settle(site: &mut Site, replica: &Replica) {
    for _ in 0..8 {
        replica.reconcile().await.unwrap();
        site.world.settle(300);
    }
}

/// The leader is suspended during a write and resumes two lease durations later. By then, the next leader has written
/// the same object, so the late write must be refused. There are two exceptions. A late Event is accepted. A late
/// create may succeed if the next leader has already created and deleted the object; the next reconcile then deletes
/// it.
#[tokio::test(start_paused = true)]
async fn a_write_that_arrives_two_leases_late_is_refused() {
    let mut refused = 0;
    for n in 1.. {
        let Some((mut site, second)) = hung(n).await else {
            break;
        };
        settle(&mut site, &second).await;
        let before = lasting(&site);
        let codes = site.api.arrive();
        // 201: an Event, or an object that was created and deleted since. 404: a deletion of an object that no longer
        // exists.
        let late = matches!(codes[..], [409] | [404] | [201]);
        assert!(late, "write {n}: {codes:?}");
        if codes == [201] {
            settle(&mut site, &second).await;
        }
        assert!(lasting(&site) == before, "write {n} changed something");
        refused += usize::from(codes != [201]);
    }
    assert!(refused >= 5, "{refused} writes");
}

/// The API server cannot refuse a late write to an object that the next leader has not written. The next reconcile must
/// revert such a write.
#[tokio::test(start_paused = true)]
async fn a_late_write_to_an_object_that_nobody_wrote_since_is_put_back_by_the_next_look() {
    let mut accepted = 0;
    for n in (1..).step_by(2) {
        let Some((mut site, second)) = hung(n).await else {
            break;
        };
        // Meanwhile the user reverts the edit, so there may be nothing to do.
        site.image("staging", "registry.test/dialer:1");
        settle(&mut site, &second).await;
        let before = lasting(&site);
        site.api.arrive();
        let late = lasting(&site) != before;
        accepted += usize::from(late);
        settle(&mut site, &second).await;
        assert_eq!(site.runs("staging"), "1", "write {n}");
        assert_eq!(site.condition("staging", "Available"), "True Serving");
        assert_eq!(
            site.condition("staging", "Ready"),
            "True Ready",
            "write {n}"
        );
    }
    assert!(
        accepted > 0,
        "nothing was accepted, so there is nothing to put back"
    );
}

/// A leader that cannot reach the API server gives up leadership. When the API server is reachable again, it leads in a
/// new term.
#[tokio::test(start_paused = true)]
async fn a_leader_that_cannot_renew_stops_before_its_lease_ends_and_comes_back() {
    let site = Site::good().await;
    let only = Replica::start(&site, "operator-1");
    only.leads().await;
    let began = only.ctx.since();
    for n in 1..=100 {
        site.api.fail_at(n, Fault::Status(503));
    }
    sleep(TIMING.lease()).await;
    assert!(!only.fence.is_open());
    site.api.clear_faults();
    only.leads().await;
    assert_eq!(only.terms.0.load(Ordering::Relaxed), 2);
    assert!(
        only.ctx.since() > began,
        "deadlines of releases count from the new term"
    );
}

#[tokio::test(start_paused = true)]
async fn a_write_without_an_answer_keeps_the_lease_from_the_next_one_until_it_runs_out() {
    let (site, first, second) = pair().await;
    site.api.fail_at_write(1, Fault::Hang);
    let ctx = first.ctx.clone();
    // The first write may be one of the election. This reconcile then succeeds, and nothing is tested.
    let stuck = tokio::spawn(async move { environment::reconcile(&ctx, NS, "staging").await });
    sleep(Duration::from_millis(20)).await;
    assert_eq!(site.api.pending_faults(), 0);
    first.stop.cancel();
    let took = second.leads().await;
    assert!(took > TIMING.margin(), "{took:?}");
    assert!(
        took <= TIMING.lease() + Duration::from_millis(50),
        "{took:?}"
    );
    stuck.abort();
}
