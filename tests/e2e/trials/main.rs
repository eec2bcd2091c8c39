//! End-to-end tests (trials) of the product on a real cluster, with real pods, a real ingress controller and a real
//! browser.
//!
//! Trials run only with `--ignored` (`make e2e`, `make test-long`), so that `cargo test` cannot change a cluster. All
//! trials run on one cluster that is created for them. By default, up to two trials run at the same time;
//! `--test-threads` changes the number. Trials that conflict run in the order of this file.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::as_conversions,
    reason = "in tests a panic is the report"
)]

mod bake;
mod browser;
mod candidate;
mod credentials;
mod database;
mod drain;
mod fake_api;
mod hand_edits;
mod hostile;
mod install_guide;
mod leader;
mod neighbours;
mod operator_crashes;
mod pins;
mod promotion;
mod proven;
mod releases;
mod replicas;
mod roles;
mod rotation;
mod sites;
mod support;
mod survival;

use std::sync::Arc;
use std::time::Instant;

use crokodial_cluster::{cli, supervisor};
use crokodial_e2e::schedule::Environment::{Prod, Scratch, Staging};
use crokodial_e2e::schedule::{Claim, Isolation, Scheduler};
use libtest_mimic::{Arguments, Failed, Trial};

use crate::support::restore::SavedState;
use crate::support::world::World;

/// Default maximum number of trials that run at the same time. Most trials spend their time waiting. Their timeouts are
/// meant for a machine with two processors.
const MAX_RUNNING: usize = 2;

fn main() -> std::process::ExitCode {
    // The cluster starts this same program as its supervisor.
    if supervisor::is_supervisor() {
        return cli::main();
    }
    let mut arguments = Arguments::from_args();
    // Installs the TLS provider for kube, mongodb and the HTTP requests of trials.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut trials = Trials::new(arguments.test_threads.unwrap_or(MAX_RUNNING));
    if std::env::var_os("E2E_LONG").is_some() {
        long(&mut trials);
    } else {
        usual(&mut trials);
    }
    // Every trial gets a thread, in which it waits for its slot.
    arguments.test_threads = Some(trials.list.len());
    let conclusion = libtest_mimic::run(&arguments, trials.list);
    World::tear_down();
    conclusion.exit_code()
}

/// Claim for short trials that use the environments of both stages.
const BOTH_SITES: Claim = Claim::of(Isolation::None, &[Staging, Prod]);

/// Adds the trials of `make test-long`. Each takes minutes or needs another build of the operator.
fn long(trials: &mut Trials) {
    trials.add(
        "after a crash during the bake two minutes of re-applying roll nothing out",
        Claim::of(Isolation::None, &[Scratch]),
        bake::crash_and_reapply_for_long,
    );
    trials.add(
        "a promotion in which the operator crashes ten times ends like an undisturbed one",
        Claim::ALONE,
        operator_crashes::ten,
    );
    trials.add(
        "an operator with another pod template restarts no pod",
        Claim::ALONE,
        survival::upgrade,
    );
    // Last, because it leaves another installation than the one that it found.
    trials.add(
        "docs/install.md, followed word for word, ends with prod Ready in the time that it states",
        Claim::ALONE,
        install_guide::followed,
    );
}

/// Adds the trials of `make e2e`, in an order in which two trials that run at the same time rarely wait for each other.
fn usual(trials: &mut Trials) {
    sites(trials);
    releases_and_configuration(trials);
    credentials_and_promotion(trials);
    neighbours(trials);
    operators(trials);
}

/// Adds the trials of the sites, and the longest trials, which run alongside them.
fn sites(trials: &mut Trials) {
    trials.add(
        "both sites answer over https with a chain to the local authority",
        BOTH_SITES,
        sites::answer,
    );
    trials.add(
        "http is redirected to https, and HttpsForced reports it",
        BOTH_SITES,
        sites::redirect,
    );
    trials.add(
        "the page and every asset it names answer",
        BOTH_SITES,
        sites::assets,
    );
    trials.add(
        "kubectl shows what the documentation shows",
        BOTH_SITES,
        sites::columns,
    );
    trials.add(
        "a second deploy changes nothing",
        Claim::ALONE,
        sites::idempotent,
    );
    trials.add(
        "a crash loop is rejected while the site answers, held, and retried once",
        Claim::of(Isolation::None, &[Prod]),
        releases::crash_loop,
    );
    trials.add(
        "a person signs in through a browser",
        Claim::of(Isolation::BusyProcessors, &[Staging]),
        browser::sign_in,
    );
    trials.add(
        "a domain and a name that are taken stay with their owners",
        Claim::of(Isolation::IdleProcessors, &[Staging, Prod]),
        survival::taken,
    );
    trials.add(
        "the dialer's database tests pass on a real server",
        Claim::of(Isolation::BusyProcessors, &[]),
        database::dialer,
    );
    trials.add(
        "a real API server passes the tests of the fake one",
        Claim::of(Isolation::BusyProcessors, &[]),
        fake_api::suite,
    );
}

/// Adds the trials of releases and configurations.
fn releases_and_configuration(trials: &mut Trials) {
    trials.add(
        "a promotion under 200 requests a second loses none",
        Claim::of(Isolation::None, &[Prod]),
        releases::promotion,
    );
    trials.add(
        "a release is not blamed while the database is unreachable during its bake",
        Claim::of(Isolation::None, &[Scratch]),
        bake::database_unreachable,
    );
    trials.add(
        "a release with broken assets, start command or release phase reaches no user",
        Claim::of(Isolation::None, &[Scratch]),
        candidate::bad_releases,
    );
    trials.add(
        "a pinned release survives re-applies and an operator restart, and unpinning returns to the newest",
        Claim::of(Isolation::BusyProcessors, &[Prod]),
        pins::pin,
    );
    trials.add(
        "a configuration the app cannot read reaches no user",
        Claim::of(Isolation::None, &[Staging]),
        candidate::unreadable_config,
    );
    trials.add(
        "a slow release is rolled back without losing a request",
        Claim::of(Isolation::IdleProcessors, &[Scratch]),
        bake::slow,
    );
    trials.add(
        "scaling creates no release",
        Claim::of(Isolation::None, &[Prod]),
        releases::scale,
    );
    trials.add(
        "values the app rejects reach no pod, not even after all pods are evicted",
        Claim::of(Isolation::None, &[Staging]),
        candidate::bad_values,
    );
    trials.add(
        "what hands change or delete is put back, and a forged snapshot runs nothing",
        Claim::of(Isolation::None, &[Scratch]),
        hand_edits::put_back,
    );
}

/// Adds the trials of credentials and the promotion gate, and trials that run alongside them.
fn credentials_and_promotion(trials: &mut Trials) {
    trials.add(
        "a credential rotates good, bad, good while a release fails",
        Claim::of(Isolation::None, &[Staging]),
        rotation::while_a_release_fails,
    );
    trials.add(
        "a change at one replica of the dialer takes effect at the other",
        Claim::of(Isolation::IdleProcessors, &[Prod]),
        replicas::agree,
    );
    trials.add(
        "bad references are reported within two seconds and change nothing",
        Claim::of(Isolation::IdleProcessors, &[Staging]),
        credentials::bad_references,
    );
    trials.add(
        "a crash during the bake rolls back, and re-applying rolls nothing out",
        Claim::of(Isolation::None, &[Scratch]),
        bake::crash,
    );
    trials.add(
        "pods that do not become ready with a connection string get the earlier one back",
        Claim::of(Isolation::None, &[Scratch]),
        proven::comes_back,
    );
    trials.add(
        "every kind of bad credential is reported in time and restarts no pod",
        Claim::of(Isolation::IdleProcessors, &[Staging]),
        rotation::bad_credentials,
    );
    trials.add(
        "evicted pods come back on the proven credential while the secret holds a bad one",
        Claim::of(Isolation::None, &[Staging]),
        rotation::eviction,
    );
    trials.add(
        "prod waits for staging, says why, and is promoted in time",
        Claim::of(Isolation::IdleProcessors, &[Staging, Prod]),
        promotion::gate,
    );
    trials.add(
        "prod deleted and created again is adopted with no restart",
        Claim::of(Isolation::None, &[Prod]),
        survival::recreate,
    );
    trials.add(
        "errors of the schema say what to write instead",
        BOTH_SITES,
        credentials::schema,
    );
    trials.add(
        "an apply with a resourceVersion that no object has can only create",
        Claim::of(Isolation::None, &[Staging]),
        leader::create_only,
    );
}

/// Adds the trials of faults that may concern only their own environment.
fn neighbours(trials: &mut Trials) {
    trials.add(
        "a refused child and an absent image are in the status within five seconds, whatever a pull secret is like",
        Claim::of(Isolation::IdleProcessors, &[Scratch]),
        neighbours::refused_writes,
    );
    trials.add(
        "no certificate is made for a host that the route does not carry",
        Claim::of(Isolation::IdleProcessors, &[Staging, Prod]),
        neighbours::certificates,
    );
    trials.add(
        "a namespace without rights and a deleted one stop no other",
        Claim::ALONE,
        neighbours::lost_namespace,
    );
    trials.add(
        "a node that is drained and a pod that the kubelet ends during the bake blame no release",
        Claim::ALONE,
        drain::drained_node,
    );
}

/// Adds the trials of RBAC roles, of leader election and of a reinstallation of the operator.
fn operators(trials: &mut Trials) {
    trials.add(
        "roles grant exactly their rights, and only the operator creates or deletes releases",
        Claim::ALONE,
        roles::enforced,
    );
    trials.add(
        "a leader releases its lease on SIGTERM",
        Claim::ALONE,
        leader::terminated,
    );
    trials.add(
        "a killed leader is replaced when its lease expires",
        Claim::ALONE,
        leader::killed,
    );
    trials.add(
        "a leader paused for two lease durations writes nothing when it resumes",
        Claim::ALONE,
        leader::paused,
    );
    trials.add(
        "prod serves without the operator, and reinstalling it restarts no pod",
        Claim::ALONE,
        survival::reinstall,
    );
}

/// Trials in the order in which they were added, and their scheduler.
struct Trials {
    scheduler: Arc<Scheduler>,
    list: Vec<Trial>,
}

impl Trials {
    fn new(max_running: usize) -> Self {
        Self {
            scheduler: Arc::new(Scheduler::new(max_running)),
            list: Vec::new(),
        }
    }

    /// Adds a trial. It is marked as ignored, so it runs only with `--ignored`. It starts when the scheduler grants its
    /// claim. If it fails, a dump of the cluster is written and the claimed objects are restored.
    fn add<F, Fut>(&mut self, name: &'static str, claim: Claim, test: F)
    where
        F: Fn(&'static World) -> Fut + Send + 'static,
        Fut: Future<Output = anyhow::Result<()>>,
    {
        let (scheduler, number) = (self.scheduler.clone(), self.list.len());
        let run = move || {
            // Trials enlist before the cluster is created, because creating it takes so long that all trials get here.
            scheduler.enlist(number, claim);
            let world = World::get().map_err(|error| Failed::from(format!("{error:#}")))?;
            let _slot = scheduler.wait(number);
            let ran = world.block_on(run(world, name, claim, test));
            ran.map_err(|error: anyhow::Error| Failed::from(format!("{error:#}")))
        };
        self.list
            .push(Trial::test(name, run).with_ignored_flag(true));
    }
}

async fn run<F, Fut>(world: &'static World, name: &str, claim: Claim, test: F) -> anyhow::Result<()>
where
    F: Fn(&'static World) -> Fut,
    Fut: Future<Output = anyhow::Result<()>>,
{
    let saved = SavedState::of(world, claim).await?;
    world.progress.say(&format!("begins: {name}"));
    let start = Instant::now();
    let tested = test(world).await;
    let took = start.elapsed().as_secs_f32();
    world.progress.say(&format!("took {took:.1} s: {name}"));
    let Err(error) = tested else {
        return Ok(());
    };
    world.dump(name);
    if let Err(error) = saved.restore(world).await {
        eprintln!("the state before {name:?} could not be restored: {error:#}");
    }
    Err(error)
}
