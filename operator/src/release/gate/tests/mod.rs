use std::collections::BTreeMap;
use std::time::Duration;

use super::*;
use crate::release::record::Record;
use crokodial_crds::{
    AllowSpec, FreezeSpec, PromotedFrom, PromotionSource, PromotionSpec, PromotionVerdict, Reason,
    ReleasePhase, ReleaseStatus,
};
use jiff::{SignedDuration, Timestamp};

const OLD: &str = "sha256:1111111111111111111111111111111111111111111111111111111111111111";
const NEW: &str = "sha256:2222222222222222222222222222222222222222222222222222222222222222";
const GOOD: ReleasePhase = ReleasePhase::Good;

mod auto;
mod properties;
mod soak;

/// Noon (UTC) on Monday, 30 November 2026, which is outside the weekly freeze of these tests.
fn noon() -> Timestamp {
    "2026-11-30T12:00:00Z".parse().unwrap()
}

fn seconds(n: i64) -> SignedDuration {
    SignedDuration::from_secs(n)
}

/// Inputs of the gate. Each test changes only the fields that it needs.
#[derive(Clone)]
struct Scene {
    spec: PromotionSpec,
    image: String,
    digest: String,
    inputs: String,
    records: Vec<Record>,
    unrecorded: bool,
    source: Source,
    pinned: Option<i64>,
    now: Timestamp,
}

impl Scene {
    /// Returns inputs in which `app:2` has completed its soak in staging and `app:1` runs in this environment.
    fn new() -> Self {
        Self {
            spec: PromotionSpec {
                from: PromotionSource {
                    name: "staging".to_owned(),
                    namespace: Some("test".to_owned()),
                },
                ..PromotionSpec::default()
            },
            image: "app:2".to_owned(),
            digest: NEW.to_owned(),
            inputs: "2".to_owned(),
            records: vec![record(1, "1", OLD, Some(GOOD))],
            unrecorded: false,
            source: found(&[tested(57, "app:2", NEW, 1800)]),
            pinned: None,
            now: noon(),
        }
    }

    fn sources(mut self, releases: &[SourceRelease]) -> Self {
        self.source = found(releases);
        self
    }

    fn soaked(self, good_seconds: i64) -> Self {
        self.sources(&[tested(57, "app:2", NEW, good_seconds)])
    }

    fn measure(&mut self, total: u64, bad: u64) {
        if let Source::Found { availability, .. } = &mut self.source {
            availability.insert(NEW.to_owned(), AvailabilityCount { total, bad });
        }
    }

    fn frozen_weekends(mut self) -> Self {
        self.spec.freezes.push(FreezeSpec {
            weekly: Some("Fri 16:00-Mon 07:00".to_owned()),
            time_zone: "UTC".to_owned(),
            reason: "nobody is in".to_owned(),
            ..FreezeSpec::default()
        });
        self
    }

    fn at(mut self, now: &str) -> Self {
        self.now = now.parse().unwrap();
        self
    }

    fn allowed(mut self, digest: &str) -> Self {
        self.spec.allow = Some(AllowSpec {
            digest: digest.to_owned(),
            reason: "INC-7 hot fix".to_owned(),
        });
        self
    }

    fn judge(&self) -> GateVerdict {
        let own = EnvironmentRef {
            namespace: "live".to_owned(),
            name: "prod".to_owned(),
        };
        judge(&GateInputs {
            rules: &Rules::of(&self.spec, &own),
            requested: RequestedImage {
                image: &self.image,
                digest: &self.digest,
                inputs: &self.inputs,
            },
            records: &self.records,
            unrecorded: self.unrecorded,
            source: &self.source,
            waives_since: None,
            pinned: self.pinned,
            now: self.now,
        })
    }

    /// Returns the verdict and reason, such as `Waiting SoakNotMet`.
    fn says(&self) -> String {
        let verdict = self.judge();
        format!("{:?} {}", verdict.verdict, verdict.reason)
    }
}

fn record(number: i64, inputs: &str, digest: &str, phase: Option<ReleasePhase>) -> Record {
    Record {
        created: None,
        spec: crokodial_crds::ReleaseSpec {
            environment: "prod".to_owned(),
            number,
            image: format!("app:{number}"),
            digest: digest.to_owned(),
            inputs: inputs.to_owned(),
            ..crokodial_crds::ReleaseSpec::default()
        },
        status: phase.map(|phase| ReleaseStatus {
            phase,
            ..ReleaseStatus::default()
        }),
    }
}

/// Returns a good release of the source environment that is still being measured.
fn tested(number: i64, image: &str, digest: &str, good_seconds: i64) -> SourceRelease {
    SourceRelease {
        number,
        image: image.to_owned(),
        digest: digest.to_owned(),
        phase: Some(GOOD),
        good_seconds,
        counted_until: Some(noon()),
    }
}

fn found(releases: &[SourceRelease]) -> Source {
    Source::Found {
        releases: releases.to_vec(),
        began: None,
        availability: BTreeMap::new(),
    }
}

#[test]
fn what_soaked_long_enough_passes_and_says_where_it_comes_from() {
    let verdict = Scene::new().judge();
    assert!(verdict.passes());
    let from = verdict.promoted_from.unwrap();
    assert_eq!((from.environment.as_str(), from.release), ("staging", 57));
    assert_eq!(from.namespace, "test");
    assert_eq!(verdict.digest.as_deref(), Some(NEW));
    assert_eq!(verdict.allowed, None);
}

#[test]
fn each_rule_has_its_own_reason() {
    let phase = |phase| {
        let mut release = tested(57, "app:2", NEW, 1800);
        release.phase = phase;
        Scene::new().sources(&[release])
    };
    let mut nowhere = Scene::new();
    nowhere.source = Source::NotFound;
    let mut unwatched = Scene::new();
    unwatched.source = Source::NotWatched;
    let mut down = Scene::new();
    down.measure(1000, 6);
    let mut pinned = Scene::new();
    pinned.pinned = Some(1);
    let mut typo = Scene::new().frozen_weekends();
    typo.spec.freezes[0].time_zone = "Europe/Munich".to_owned();
    let mut itself = Scene::new();
    itself.spec.from = PromotionSource {
        name: "prod".to_owned(),
        namespace: Some("live".to_owned()),
    };
    for (scene, says) in [
        (Scene::new().soaked(1799), "Waiting SoakNotMet"),
        (down, "Waiting AvailabilityTooLow"),
        (Scene::new().sources(&[]), "Waiting SourceNotGood"),
        (
            Scene::new().sources(&[tested(57, "app:9", "sha256:99", 1800)]),
            "Refused NotInSource",
        ),
        (phase(Some(ReleasePhase::Baking)), "Waiting SourceNotGood"),
        (
            phase(Some(ReleasePhase::RolledBack)),
            "Refused SourceNotGood",
        ),
        (phase(None), "Waiting SourceNotGood"),
        (nowhere, "Refused SourceNotFound"),
        (unwatched, "Refused SourceNotWatched"),
        (
            Scene::new().frozen_weekends().at("2026-11-28T12:00:00Z"),
            "Waiting Frozen",
        ),
        (pinned, "Waiting Pinned"),
        (typo, "Refused InvalidSpec"),
        (itself, "Refused InvalidSpec"),
    ] {
        assert_eq!(scene.says(), says);
        let lets_through = scene.clone().allowed(NEW);
        let passes = if says == "Waiting Pinned" {
            "Waiting Pinned"
        } else {
            "Allowed Allowed"
        };
        assert_eq!(lets_through.says(), passes, "with promotion.allow");
        assert_eq!(
            scene.allowed(OLD).says(),
            says,
            "another digest is let through"
        );
    }
}

#[test]
fn the_record_that_counts_is_the_newest_of_the_same_name_and_else_of_the_same_digest() {
    let failed = |number, image: &str| SourceRelease {
        phase: Some(ReleasePhase::Rejected),
        ..tested(number, image, NEW, 0)
    };
    let ask = |releases: &[SourceRelease]| Scene::new().sources(releases).says();
    let good = tested(57, "app:2", NEW, 1800);
    assert_eq!(
        ask(&[good.clone(), failed(58, "app:dev")]),
        "Allowed Succeeded"
    );
    assert_eq!(
        ask(&[good.clone(), failed(58, "app:2")]),
        "Refused SourceNotGood"
    );
    let other_name = tested(57, "app:dev", NEW, 1800);
    assert_eq!(ask(&[other_name]), "Allowed Succeeded");
    let other_bytes = tested(58, "app:2", OLD, 1800);
    assert_eq!(
        ask(&[good, other_bytes]),
        "Allowed Succeeded",
        "the tag moved in the source, and what was asked for stays what it was"
    );
}

#[test]
fn the_digest_is_the_one_that_the_newest_release_of_that_name_ran_in_the_source() {
    let source = found(&[
        tested(57, "app:2", OLD, 0),
        tested(58, "app:2", NEW, 0),
        tested(59, "app:3", OLD, 0),
    ]);
    assert_eq!(source.digest_of("app:2"), Some(NEW));
    assert_eq!(source.digest_of("app:4"), None);
}

#[test]
fn a_digest_that_is_good_here_needs_no_soak_but_freezes_bind_its_configuration_too() {
    let mut scene = Scene::new().soaked(0).frozen_weekends();
    scene.records.push(record(2, "2", NEW, Some(GOOD)));
    scene.inputs = "2 with another configuration".to_owned();
    assert_eq!(scene.says(), "Allowed Succeeded");
    assert_eq!(scene.judge().required, Some(Duration::ZERO));
    let forgotten = scene.clone().sources(&[]);
    assert_eq!(
        forgotten.says(),
        "Allowed Succeeded",
        "its record there has aged out"
    );
    assert_eq!(scene.at("2026-11-28T12:00:00Z").says(), "Waiting Frozen");
}

#[test]
fn a_return_and_what_runs_or_has_passed_is_not_held_up() {
    let weekend = || {
        Scene::new()
            .sources(&[])
            .frozen_weekends()
            .at("2026-11-28T12:00:00Z")
    };
    let with = |phase| {
        let mut scene = weekend();
        scene.records.push(record(2, "2", NEW, Some(phase)));
        scene
    };
    assert_eq!(with(GOOD).says(), "Allowed Succeeded");
    let mut back = with(GOOD);
    back.records.push(record(3, "3", OLD, Some(GOOD)));
    assert_eq!(back.says(), "Allowed Succeeded");
    assert!(back.judge().message.contains("returns to release 2"));
    for phase in [
        ReleasePhase::Preflight,
        ReleasePhase::Candidate,
        ReleasePhase::Baking,
    ] {
        assert_eq!(with(phase).says(), "Allowed Succeeded");
    }
    for phase in [
        ReleasePhase::Gated,
        ReleasePhase::Rejected,
        ReleasePhase::Superseded,
    ] {
        assert_eq!(with(phase).says(), "Waiting SourceNotGood");
    }
    let mut kept = with(GOOD);
    kept.pinned = Some(2);
    assert_eq!(
        kept.says(),
        "Allowed Succeeded",
        "what is pinned is what is asked for"
    );
    kept.pinned = Some(1);
    assert_eq!(kept.says(), "Waiting Pinned");
}

#[test]
fn an_environment_that_never_served_needs_no_soak_and_no_availability_but_a_good_source_and_no_freeze()
 {
    let first = |records: Vec<Record>| {
        let mut scene = Scene::new().soaked(0);
        scene.records = records;
        scene.measure(100, 90);
        scene
    };
    assert_eq!(first(vec![]).says(), "Allowed Succeeded");
    let failed = record(1, "1", OLD, Some(ReleasePhase::Rejected));
    assert_eq!(first(vec![failed.clone()]).says(), "Allowed Succeeded");
    let frozen = first(vec![]).frozen_weekends().at("2026-11-28T12:00:00Z");
    assert_eq!(frozen.says(), "Waiting Frozen");
    let mut lost = first(vec![]);
    lost.unrecorded = true;
    assert_ne!(lost.says(), "Allowed Succeeded", "its record was deleted");
    let mut unknown = first(vec![]);
    unknown.source = found(&[]);
    assert_eq!(unknown.says(), "Waiting SourceNotGood");
    // A release that ran on all pods has served, whatever became of it.
    let mut served = failed;
    let status = served.status.as_mut().unwrap();
    status.rolled_out_at = Some(crokodial_crds::condition::whole_seconds(noon()));
    assert_ne!(first(vec![served]).says(), "Allowed Succeeded");
}
