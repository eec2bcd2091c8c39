//! The product on a real cluster: real pods, a real edge, a real browser.
//!
//! All of it is ignored unless asked for (`make e2e`, `make test-long`), so that `cargo test` can never touch a cluster. The tests
//! run one after the other on one cluster of their own, in this order, and leave it as they found it.

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

use std::time::Instant;

use crokodial_e2e::edge::{http, load};
use libtest_mimic::{Arguments, Failed, Trial};
use world::World;

fn main() -> std::process::ExitCode {
    let arguments = Arguments::from_args();
    // kube, mongodb and the requests share one TLS provider.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let trials = if std::env::var_os("E2E_LONG").is_some() {
        long()
    } else {
        usual()
    };
    let conclusion = libtest_mimic::run(&arguments, trials);
    World::tear_down();
    conclusion.exit_code()
}

/// `make test-long`: what takes minutes each, or another build of the operator.
fn long() -> Vec<Trial> {
    vec![
        trial(
            "after a crash in the bake nothing is rolled out in two minutes of applying again",
            bake::crash_and_insist,
        ),
        trial(
            "an operator that dies ten times in a promotion leaves what one leaves that does not",
            deaths::ten,
        ),
        trial(
            "an operator with another pod template restarts no pod",
            survival::upgrade,
        ),
    ]
}

/// `make e2e`, part of `make test`.
fn usual() -> Vec<Trial> {
    vec![
        trial(
            "both sites answer over https with a chain to the local authority",
            sites::answer,
        ),
        trial(
            "http is redirected, and HttpsForced says so",
            sites::redirect,
        ),
        trial("the page and every asset it names answer", sites::assets),
        trial("kubectl shows what the documentation shows", sites::columns),
        trial("a second deploy changes nothing", sites::idempotent),
        trial(
            "the dialer's database tests pass on a real server",
            database::dialer,
        ),
        trial("a person signs in through a browser", browser::sign_in),
        trial(
            "what is done at one replica of the dialer holds at the other",
            replicas::agree,
        ),
        trial(
            "a promotion under 200 requests a second loses none",
            releases::promotion,
        ),
        trial(
            "a crash loop is rejected while the site answers, held, and retried once",
            releases::crash_loop,
        ),
        trial("scaling is no release", releases::scale),
        trial(
            "prod waits for staging, says for what, and is let through in time",
            promotion::gate,
        ),
        trial(
            "a pinned release stays through re-applies and a restart, and losing the pin returns",
            pins::pin,
        ),
        trial(
            "a crash in the bake puts the last good release back, and re-applying starts nothing",
            bake::crash,
        ),
        trial(
            "a slow release is put back and no request is lost",
            bake::slow,
        ),
        trial(
            "while the database is away in the bake nobody is blamed",
            bake::database_away,
        ),
        trial(
            "a release without assets, start command or release phase meets no user",
            candidate::bad_releases,
        ),
        trial(
            "a configuration the app cannot read reaches no user",
            candidate::unreadable_config,
        ),
        trial(
            "values the app refuses reach no pod, not even after an eviction of all",
            candidate::bad_values,
        ),
        trial(
            "bad references are named within two seconds and change nothing",
            credentials::bad_references,
        ),
        trial(
            "each way a credential can be bad is named in time and moves no pod",
            rotation::bad_credentials,
        ),
        trial(
            "a credential rotates good, bad, good while a release fails",
            rotation::while_a_release_fails,
        ),
        trial(
            "evicted pods come back on the proven credential while the secret holds a bad one",
            rotation::eviction,
        ),
        trial("the schema says what to write instead", credentials::schema),
        trial(
            "a domain and a name that are taken stay with their owners",
            survival::taken,
        ),
        trial(
            "roles give what they say, and only the operator makes or removes releases",
            roles::enforced,
        ),
        trial(
            "an apply that names a version no object has can only create",
            leader::create_only,
        ),
        trial(
            "a leader that is told to stop gives its lease back",
            leader::terminated,
        ),
        trial(
            "a leader that is killed is followed when its lease has run out",
            leader::killed,
        ),
        trial(
            "a leader that was stopped for two leases writes nothing when it goes on",
            leader::stopped,
        ),
        trial(
            "without the operator prod goes on serving, and a new one restarts no pod",
            survival::reinstall,
        ),
        trial(
            "prod deleted and created again is adopted with no restart",
            survival::recreate,
        ),
    ]
}

/// A test that is run only with `--ignored`. Its failure dumps what a person would look at, and is undone.
fn trial<F, Fut>(name: &'static str, test: F) -> Trial
where
    F: Fn(&'static World) -> Fut + Send + 'static,
    Fut: Future<Output = anyhow::Result<()>>,
{
    let run = move || {
        let world = World::get().map_err(|error| Failed::from(format!("{error:#}")))?;
        let ran = world.block_on(async {
            let undo = undo::Undo::of(world).await?;
            let began = Instant::now();
            let tested = test(world).await;
            println!("took {:.1} s", began.elapsed().as_secs_f32());
            let Err(error) = tested else {
                return Ok(());
            };
            world.dump(name);
            if let Err(left) = undo.undo(world).await {
                eprintln!("what {name:?} left could not be undone: {left:#}");
            }
            Err(error)
        });
        ran.map_err(|error: anyhow::Error| Failed::from(format!("{error:#}")))
    };
    Trial::test(name, run).with_ignored_flag(true)
}
