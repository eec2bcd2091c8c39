//! The product on a real cluster: real pods, a real edge, a real browser.
//!
//! All of it is ignored unless asked for (`make e2e`, `make test-long`), so that `cargo test` can never touch a cluster. The tests
//! run on one cluster of their own and leave it as they found it. Two run at a time where they touch different things (`--test-threads`
//! says how many), in this order where they touch the same ones.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::as_conversions,
    reason = "in tests a panic is the report"
)]

mod bake;
mod barrier;
mod browser;
mod candidate;
mod credentials;
mod database;
mod deaths;
mod fake_api;
mod images;
mod inside;
mod lab;
mod leader;
mod pins;
mod promotion;
mod releases;
mod replicas;
mod roles;
mod rotation;
mod sites;
#[path = "../../operator/tests/support/stand_in_mongo.rs"]
mod stand_in_mongo;
mod survival;
mod turnstile;
mod undo;
mod world;

use std::sync::Arc;
use std::time::Instant;

use crokodial_e2e::edge::{http, load};
use crokodial_e2e::turns::Manner::{Loud, Patient, Timed};
use crokodial_e2e::turns::Place::{Lab, Prod, Staging};
use crokodial_e2e::turns::{Claim, Turns};
use libtest_mimic::{Arguments, Failed, Trial};
use world::World;

/// How many run at a time: most of them wait most of the time, and the limits of time hold on two processors.
const AT_A_TIME: usize = 2;

fn main() -> std::process::ExitCode {
    let mut arguments = Arguments::from_args();
    // kube, mongodb and the requests share one TLS provider.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut order = Order::new(arguments.test_threads.unwrap_or(AT_A_TIME));
    if std::env::var_os("E2E_LONG").is_some() {
        long(&mut order);
    } else {
        usual(&mut order);
    }
    // Each has a thread in which it waits for its turn.
    arguments.test_threads = Some(order.trials.len());
    let conclusion = libtest_mimic::run(&arguments, order.trials);
    World::tear_down();
    conclusion.exit_code()
}

/// Both sites, a moment each.
const BOTH_SITES: Claim = Claim::of(Patient, &[Staging, Prod]);

/// `make test-long`: what takes minutes each, or another build of the operator.
fn long(order: &mut Order) {
    order.add(
        "after a crash in the bake nothing is rolled out in two minutes of applying again",
        Claim::of(Patient, &[Lab]),
        bake::crash_and_insist,
    );
    order.add(
        "an operator that dies ten times in a promotion leaves what one leaves that does not",
        Claim::ALONE,
        deaths::ten,
    );
    order.add(
        "an operator with another pod template restarts no pod",
        Claim::ALONE,
        survival::upgrade,
    );
}

/// `make e2e`, part of `make test`. In an order that leaves neither of two without work for long.
fn usual(order: &mut Order) {
    sites(order);
    releases_and_configuration(order);
    credentials_and_promotion(order);
    operators(order);
}

/// What everybody sees, and meanwhile what takes longest.
fn sites(order: &mut Order) {
    order.add(
        "both sites answer over https with a chain to the local authority",
        BOTH_SITES,
        sites::answer,
    );
    order.add(
        "http is redirected, and HttpsForced says so",
        BOTH_SITES,
        sites::redirect,
    );
    order.add(
        "the page and every asset it names answer",
        BOTH_SITES,
        sites::assets,
    );
    order.add(
        "kubectl shows what the documentation shows",
        BOTH_SITES,
        sites::columns,
    );
    order.add(
        "a second deploy changes nothing",
        Claim::ALONE,
        sites::idempotent,
    );
    order.add(
        "a crash loop is rejected while the site answers, held, and retried once",
        Claim::of(Patient, &[Prod]),
        releases::crash_loop,
    );
    order.add(
        "a person signs in through a browser",
        Claim::of(Loud, &[Staging]),
        browser::sign_in,
    );
    order.add(
        "a domain and a name that are taken stay with their owners",
        Claim::of(Timed, &[Staging, Prod]),
        survival::taken,
    );
    order.add(
        "the dialer's database tests pass on a real server",
        Claim::of(Loud, &[]),
        database::dialer,
    );
    order.add(
        "a real API server passes the tests of the fake one",
        Claim::of(Loud, &[]),
        fake_api::suite,
    );
}

/// What becomes of a release, and of a configuration.
fn releases_and_configuration(order: &mut Order) {
    order.add(
        "a promotion under 200 requests a second loses none",
        Claim::of(Patient, &[Prod]),
        releases::promotion,
    );
    order.add(
        "while the database is away in the bake nobody is blamed",
        Claim::of(Patient, &[Lab]),
        bake::database_away,
    );
    order.add(
        "a pinned release stays through re-applies and a restart, and losing the pin returns",
        Claim::of(Loud, &[Prod]),
        pins::pin,
    );
    order.add(
        "a configuration the app cannot read reaches no user",
        Claim::of(Patient, &[Staging]),
        candidate::unreadable_config,
    );
    order.add(
        "a slow release is put back and no request is lost",
        Claim::of(Timed, &[Lab]),
        bake::slow,
    );
    order.add(
        "scaling is no release",
        Claim::of(Patient, &[Prod]),
        releases::scale,
    );
    order.add(
        "values the app refuses reach no pod, not even after an eviction of all",
        Claim::of(Patient, &[Staging]),
        candidate::bad_values,
    );
    order.add(
        "a release without assets, start command or release phase meets no user",
        Claim::of(Patient, &[Lab]),
        candidate::bad_releases,
    );
}

/// What becomes of a credential, and what the gate lets through.
fn credentials_and_promotion(order: &mut Order) {
    order.add(
        "a credential rotates good, bad, good while a release fails",
        Claim::of(Patient, &[Staging]),
        rotation::while_a_release_fails,
    );
    order.add(
        "what is done at one replica of the dialer holds at the other",
        Claim::of(Timed, &[Prod]),
        replicas::agree,
    );
    order.add(
        "bad references are named within two seconds and change nothing",
        Claim::of(Timed, &[Staging]),
        credentials::bad_references,
    );
    order.add(
        "a crash in the bake puts the last good release back, and re-applying starts nothing",
        Claim::of(Patient, &[Lab]),
        bake::crash,
    );
    order.add(
        "each way a credential can be bad is named in time and moves no pod",
        Claim::of(Timed, &[Staging]),
        rotation::bad_credentials,
    );
    order.add(
        "evicted pods come back on the proven credential while the secret holds a bad one",
        Claim::of(Patient, &[Staging]),
        rotation::eviction,
    );
    order.add(
        "prod waits for staging, says for what, and is let through in time",
        Claim::of(Timed, &[Staging, Prod]),
        promotion::gate,
    );
    order.add(
        "prod deleted and created again is adopted with no restart",
        Claim::of(Patient, &[Prod]),
        survival::recreate,
    );
    order.add(
        "the schema says what to write instead",
        BOTH_SITES,
        credentials::schema,
    );
    order.add(
        "an apply that names a version no object has can only create",
        Claim::of(Patient, &[Staging]),
        leader::create_only,
    );
}

/// What the operator itself may and does. These have the cluster for themselves.
fn operators(order: &mut Order) {
    order.add(
        "roles give what they say, and only the operator makes or removes releases",
        Claim::ALONE,
        roles::enforced,
    );
    order.add(
        "a leader that is told to stop gives its lease back",
        Claim::ALONE,
        leader::terminated,
    );
    order.add(
        "a leader that is killed is followed when its lease has run out",
        Claim::ALONE,
        leader::killed,
    );
    order.add(
        "a leader that was stopped for two leases writes nothing when it goes on",
        Claim::ALONE,
        leader::stopped,
    );
    order.add(
        "without the operator prod goes on serving, and a new one restarts no pod",
        Claim::ALONE,
        survival::reinstall,
    );
}

/// Trials and their turns, in the order in which they were added.
struct Order {
    turns: Arc<Turns>,
    trials: Vec<Trial>,
}

impl Order {
    fn new(at_a_time: usize) -> Self {
        Self {
            turns: Arc::new(Turns::new(at_a_time)),
            trials: Vec::new(),
        }
    }

    /// A test that is run only with `--ignored`, when what it claims is free. Its failure dumps what a person would look at, and is
    /// undone.
    fn add<F, Fut>(&mut self, name: &'static str, claim: Claim, test: F)
    where
        F: Fn(&'static World) -> Fut + Send + 'static,
        Fut: Future<Output = anyhow::Result<()>>,
    {
        let (turns, number) = (self.turns.clone(), self.trials.len());
        let run = move || {
            // Before there is a cluster, which takes long enough for all to come here.
            turns.enlist(number, claim);
            let world = World::get().map_err(|error| Failed::from(format!("{error:#}")))?;
            let _turn = turns.wait(number);
            let ran = world.block_on(run(world, name, claim, test));
            ran.map_err(|error: anyhow::Error| Failed::from(format!("{error:#}")))
        };
        self.trials
            .push(Trial::test(name, run).with_ignored_flag(true));
    }
}

async fn run<F, Fut>(world: &'static World, name: &str, claim: Claim, test: F) -> anyhow::Result<()>
where
    F: Fn(&'static World) -> Fut,
    Fut: Future<Output = anyhow::Result<()>>,
{
    let undo = undo::Undo::of(world, claim).await?;
    world.progress.say(&format!("begins: {name}"));
    let began = Instant::now();
    let tested = test(world).await;
    let took = began.elapsed().as_secs_f32();
    world.progress.say(&format!("took {took:.1} s: {name}"));
    let Err(error) = tested else {
        return Ok(());
    };
    world.dump(name);
    if let Err(left) = undo.undo(world).await {
        eprintln!("what {name:?} left could not be undone: {left:#}");
    }
    Err(error)
}
