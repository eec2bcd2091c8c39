//! Sequences of events during which the crash tests inject faults.

use serde_json::json;
use tokio::sync::OnceCell;

use crate::support::{NS, Site, environment, secret};
use crokodial_fake_api::Behaviour;

const NEW: &str = "registry.test/dialer:2";
/// Image that never starts.
const BAD: &str = "registry.test/dialer:bad";
/// Image that starts and then fails in its bake.
const SHAKY: &str = "registry.test/dialer:shaky";

/// Maximum number of reconciles until the verdict about a credential is stored.
const MAX_VERDICT: usize = 20;

/// Password that the database accepts and with which pods exit or hang.
const UNFIT: &str = "unfit";

/// Change to the site that a test makes. Afterwards, operator and cluster run until neither changes anything.
pub type Event = fn(&mut Site);

/// Sequence of events during which faults are injected. Kubernetes Events are not compared, because an Event whose
/// write failed is not always written again.
#[derive(Clone, Copy, Debug)]
pub enum Life {
    /// A first release, a rejected release, a release that is rolled back, and a credential that is rotated first to a
    /// wrong and then to a valid value.
    Releases,
    /// Promotion to prod of an image that is good in staging.
    Promotion,
    /// A credential that the database accepts and with which pods exit, so that the earlier one comes back, and one
    /// with which they run.
    Contents,
    /// The return from a credential with which pods hang, also those that were replaced before the verdict, and then
    /// one with which they run. The verdict is stored already: until then, a new process gives pods the whole deadline
    /// again.
    Hung,
    /// Two good releases whose records are deleted, one after the other and then both at once.
    Deletions,
}

impl Life {
    pub fn environment(self) -> &'static str {
        match self {
            Self::Releases | Self::Contents | Self::Hung | Self::Deletions => "staging",
            Self::Promotion => "prod",
        }
    }

    /// Returns the site before the first event, without any fault injected yet.
    pub async fn prepared(self) -> Site {
        match self {
            Self::Releases => Site::new(),
            Self::Contents => Site::good().await,
            Self::Hung => condemned().await,
            Self::Promotion => promotable().await,
            Self::Deletions => two_good().await,
        }
    }

    pub fn events(self) -> &'static [Event] {
        match self {
            Self::Releases => &[
                |_| {},
                |site| site.advance(60),
                |site| {
                    site.behave(BAD, Behaviour::CrashLoop);
                    site.image("staging", BAD);
                },
                |site| site.image("staging", SHAKY),
                |site| site.behave(SHAKY, Behaviour::RestartsAfterReady(2)),
                |site| rotate(site, "wrong"),
                |site| rotate(site, "new"),
            ],
            Self::Promotion => &[|site| site.image("prod", NEW), |site| site.advance(10)],
            Self::Contents => &[
                |site| {
                    site.world.behave_with(UNFIT, Behaviour::CrashLoop);
                    rotate(site, UNFIT);
                },
                |site| site.advance(301),
                |site| rotate(site, "new"),
            ],
            Self::Hung => &[|_| {}, |site| rotate(site, "new")],
            Self::Deletions => &[
                |site| forget(site, "staging-2"),
                |site| forget(site, "staging-1"),
                |site| {
                    forget(site, "staging-1");
                    forget(site, "staging-2");
                },
            ],
        }
    }

    pub fn phases(self) -> &'static [&'static str] {
        match self {
            Self::Releases => &["1 Good", "2 Rejected", "3 RolledBack"],
            Self::Promotion | Self::Deletions => &["1 Good", "2 Good"],
            Self::Contents | Self::Hung => &["1 Good"],
        }
    }

    /// Returns the number of the release that runs at the end.
    pub fn runs(self) -> &'static str {
        match self {
            Self::Releases | Self::Contents | Self::Hung => "1",
            Self::Promotion | Self::Deletions => "2",
        }
    }

    /// Returns the number that the injected faults times the stride must exceed. It is a little below the number of
    /// writes that newly started operators make.
    pub fn least_writes(self) -> usize {
        match self {
            Self::Releases => 100,
            Self::Promotion => 25,
            Self::Contents => 35,
            Self::Hung => 20,
            Self::Deletions => 10,
        }
    }
}

fn rotate(site: &Site, password: &str) {
    let uri = format!("mongodb://app:{password}@mongo.example.com/staging?authSource=admin");
    site.api.put(secret("mongo", &[("MONGODB_URI", &uri)]));
}

/// Deletes a release record.
fn forget(site: &Site, release: &str) {
    assert!(site.api.delete("crokodialreleases", NS, release));
}

/// Returns a site where staging has its second good release.
async fn two_good() -> Site {
    let mut site = Site::good().await;
    site.image("staging", NEW);
    site.rest("staging").await;
    site.bake("staging").await;
    assert_eq!(site.phases("staging"), ["1 Good", "2 Good"]);
    site
}

/// Returns a site where staging has its second good release and prod its first.
async fn promotable() -> Site {
    static PROMOTABLE: OnceCell<Site> = OnceCell::const_new();
    PROMOTABLE.get_or_init(before_a_promotion).await.copy()
}

async fn before_a_promotion() -> Site {
    let mut site = Site::good().await;
    let mut prod = environment("prod");
    site.own_database(&mut prod);
    prod["spec"]["stage"] = json!("prod");
    prod["spec"]["rollout"] = json!({"bake": "10s"});
    prod["spec"]["promotion"] = json!({"from": {"name": "staging"}, "soak": "0s"});
    site.api.put(prod);
    site.rest("prod").await;
    site.advance(10);
    site.rest("prod").await;
    site.image("staging", NEW);
    site.rest("staging").await;
    site.bake("staging").await;
    assert_eq!(site.phases("prod"), ["1 Good"]);
    site
}

/// Returns a site in which the verdict about a credential with which all pods hang was just stored.
async fn condemned() -> Site {
    let mut site = Site::good().await;
    site.world.behave_with(UNFIT, Behaviour::NeverReady);
    rotate(&site, UNFIT);
    site.rest("staging").await;
    for pod in site.pods() {
        site.world.evict(NS, &pod);
    }
    site.rest("staging").await;
    site.advance(301);
    for _ in 0..MAX_VERDICT {
        site.reconcile("staging").await;
        let proven = site.get("secrets", "staging-proven");
        if proven["metadata"]["annotations"]["crokodial.com/failed-marks"].is_string() {
            return site;
        }
        site.world.settle(300);
    }
    panic!("there is no verdict");
}
