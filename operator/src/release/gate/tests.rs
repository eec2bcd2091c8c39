use super::auto::{Pick, pick};
use super::*;
use crokodial_crds::{AllowSpec, FreezeSpec, PromotionSource, PromotionSpec, ReleaseStatus};
use proptest::prelude::*;

const OLD: &str = "sha256:1111111111111111111111111111111111111111111111111111111111111111";
const NEW: &str = "sha256:2222222222222222222222222222222222222222222222222222222222222222";
const GOOD: ReleasePhase = ReleasePhase::Good;

/// Monday, 30 November 2026, noon: outside the weekly freeze of these tests.
fn noon() -> Timestamp {
    "2026-11-30T12:00:00Z".parse().unwrap()
}

fn seconds(n: i64) -> SignedDuration {
    SignedDuration::from_secs(n)
}

/// A gate to ask; each test says only what differs.
#[derive(Clone)]
struct Scene {
    spec: PromotionSpec,
    image: String,
    digest: String,
    inputs: String,
    records: Vec<Record>,
    source: Source,
    pinned: Option<i64>,
    now: Timestamp,
}

impl Scene {
    /// `app:2` was in staging for as long as it must, and `app:1` runs here.
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

    fn measure(&mut self, all: u64, bad: u64) {
        if let Source::Found { measured, .. } = &mut self.source {
            measured.insert(NEW.to_owned(), Measured { all, bad });
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

    fn judge(&self) -> Verdict {
        let own = Place {
            namespace: "live".to_owned(),
            name: "prod".to_owned(),
        };
        judge(&Question {
            rules: &Rules::of(&self.spec, &own),
            asked: Asked {
                image: &self.image,
                digest: &self.digest,
                inputs: &self.inputs,
            },
            records: &self.records,
            source: &self.source,
            pinned: self.pinned,
            now: self.now,
        })
    }

    /// `Waiting SoakNotMet`.
    fn says(&self) -> String {
        let verdict = self.judge();
        format!("{:?} {}", verdict.verdict, verdict.reason)
    }
}

fn record(number: i64, inputs: &str, digest: &str, phase: Option<ReleasePhase>) -> Record {
    Record {
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

/// A good release of the source that goes on being counted.
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
        measured: BTreeMap::new(),
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
        (Scene::new().sources(&[]), "Refused NotInSource"),
        (phase(Some(ReleasePhase::Baking)), "Waiting SourceNotGood"),
        (
            phase(Some(ReleasePhase::RolledBack)),
            "Refused SourceNotGood",
        ),
        (phase(None), "Refused SourceNotGood"),
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
fn the_soak_is_that_of_the_digest_over_all_its_releases_in_the_source() {
    let scene = Scene::new().sources(&[
        tested(55, "app:dev", NEW, 1000),
        tested(56, "app:1", OLD, 5000),
        tested(57, "app:2", NEW, 700),
    ]);
    let verdict = scene.judge();
    assert_eq!(verdict.soaked, Some(Duration::from_secs(1700)));
    assert_eq!(verdict.earliest, Some(noon() + seconds(100)));
    let counted = scene.at("2026-11-30T12:00:05Z").judge();
    assert_eq!(
        counted.earliest,
        Some(noon() + seconds(100)),
        "from the last second that was counted, not from now"
    );
}

#[test]
fn a_soak_that_is_not_counted_has_no_end() {
    let mut gone = tested(57, "app:2", NEW, 1799);
    gone.counted_until = None;
    let verdict = Scene::new().sources(&[gone]).judge();
    assert_eq!(
        (verdict.reason, verdict.earliest),
        (Reason::SoakNotMet, None)
    );
    assert!(
        verdict.message.contains("stands still"),
        "{}",
        verdict.message
    );
}

#[test]
fn a_last_second_that_is_overdue_is_looked_for_every_second() {
    let verdict = Scene::new().soaked(1799).at("2026-11-30T12:00:04Z").judge();
    assert_eq!(verdict.earliest, Some(noon() + seconds(5)));
}

#[test]
fn four_minutes_down_move_the_end_by_exactly_four_minutes() {
    let begun = noon();
    // The prober's second hand: good but for the four minutes, the gate asked each second.
    let opens = |down: std::ops::Range<i64>| {
        let mut good_seconds = 0;
        let mut earliest = Vec::new();
        for second in 1..=4000 {
            if !down.contains(&(second - 1)) {
                good_seconds += 1;
            }
            let mut release = tested(57, "app:2", NEW, good_seconds);
            release.counted_until = (!down.contains(&second)).then(|| begun + seconds(second));
            let mut scene = Scene::new().sources(&[release]);
            scene.now = begun + seconds(second);
            let verdict = scene.judge();
            if verdict.passes() {
                return (scene.now, earliest);
            }
            earliest.push(verdict.earliest);
        }
        panic!("it never opened");
    };
    let (undisturbed, promised) = opens(0..0);
    assert_eq!(undisturbed, begun + seconds(1800));
    assert!(
        promised.iter().all(|at| *at == Some(undisturbed)),
        "no promise is broken"
    );
    let (disturbed, promised) = opens(600..840);
    assert_eq!(disturbed, undisturbed + seconds(240));
    assert_eq!(promised.first(), Some(&Some(undisturbed)));
    assert_eq!(promised.last(), Some(&Some(disturbed)));
    assert!(
        promised[700].is_none(),
        "while it is down nobody can say when"
    );
}

#[test]
fn a_soak_that_ends_within_a_freeze_waits_for_the_end_of_that() {
    let mut scene = Scene::new()
        .soaked(0)
        .frozen_weekends()
        .at("2026-11-27T15:45:00Z");
    if let Source::Found { releases, .. } = &mut scene.source {
        releases[0].counted_until = Some(scene.now);
    }
    let verdict = scene.judge();
    assert_eq!(verdict.reason, Reason::SoakNotMet);
    assert_eq!(verdict.earliest, "2026-11-30T07:00:00Z".parse().ok());
    assert!(
        verdict.message.contains("nobody is in"),
        "{}",
        verdict.message
    );
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
        assert_eq!(with(phase).says(), "Refused NotInSource");
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

fn picks(scene: &Scene) -> (String, Option<Reason>) {
    let own = Place {
        namespace: "live".to_owned(),
        name: "prod".to_owned(),
    };
    let rules = Rules::of(&scene.spec, &own);
    let picked = pick(
        &rules,
        &scene.records,
        &scene.source,
        scene.pinned,
        scene.now,
    );
    let what = match picked.pick {
        Pick::Take(release) => format!("takes {}", release.number),
        Pick::Stay { image, .. } => format!("stays with {image}"),
        Pick::Nothing => "nothing".to_owned(),
    };
    (what, picked.waits.map(|v| v.reason))
}

#[test]
fn auto_takes_the_newest_that_passes_above_the_last_one_promoted() {
    let mut scene = Scene::new().sources(&[
        tested(57, "app:2", NEW, 1800),
        tested(58, "app:3", "sha256:33", 1800),
        tested(59, "app:4", "sha256:44", 60),
    ]);
    assert_eq!(
        picks(&scene),
        ("takes 58".to_owned(), Some(Reason::SoakNotMet))
    );
    let mut promoted = record(2, "3", "sha256:33", Some(ReleasePhase::Rejected));
    promoted.spec.promoted_from = Some(PromotedFrom {
        environment: "staging".to_owned(),
        namespace: "test".to_owned(),
        release: 58,
    });
    scene.records.push(promoted);
    let stays = "stays with app:2".to_owned();
    assert_eq!(picks(&scene), (stays.clone(), Some(Reason::SoakNotMet)));
    scene.pinned = Some(1);
    assert_eq!(picks(&scene), (stays, Some(Reason::Pinned)));
    scene.records.clear();
    scene.pinned = None;
    scene.source = Source::NotFound;
    assert_eq!(
        picks(&scene),
        ("nothing".to_owned(), Some(Reason::SourceNotFound))
    );
    scene.source = found(&[]);
    assert_eq!(
        picks(&scene),
        ("nothing".to_owned(), Some(Reason::NotInSource))
    );
}

#[derive(Clone, Debug)]
struct Any {
    soaked: i64,
    counted: bool,
    bad: u64,
    phase: Option<ReleasePhase>,
    hour: i64,
    here: Option<(bool, ReleasePhase)>,
    allow: bool,
}

impl Any {
    fn scene(&self) -> Scene {
        let release = SourceRelease {
            phase: self.phase,
            counted_until: self.counted.then(|| noon() + seconds(self.hour * 3600)),
            ..tested(57, "app:2", NEW, self.soaked)
        };
        let mut scene = Scene::new().sources(&[release]).frozen_weekends();
        scene.measure(1000, self.bad);
        scene.now = noon() + seconds(self.hour * 3600);
        if let Some((same_inputs, phase)) = self.here {
            let inputs = if same_inputs { "2" } else { "2 as it was" };
            scene.records.push(record(2, inputs, NEW, Some(phase)));
        }
        if self.allow {
            scene = scene.allowed(NEW);
        }
        scene
    }
}

fn any_scene() -> impl Strategy<Value = Any> {
    let phase = || {
        prop_oneof![
            Just(GOOD),
            Just(ReleasePhase::Gated),
            Just(ReleasePhase::Baking),
            Just(ReleasePhase::RolledBack)
        ]
    };
    (
        0..4000_i64,
        any::<bool>(),
        0..20_u64,
        prop::option::of(phase()),
        0..400_i64,
        prop::option::of((any::<bool>(), phase())),
        any::<bool>(),
    )
        .prop_map(|(soaked, counted, bad, phase, hour, here, allow)| Any {
            soaked,
            counted,
            bad,
            phase,
            hour,
            here,
            allow,
        })
}

proptest! {
    #[test]
    fn nothing_passes_a_freeze_without_a_persons_word_but_what_was_good_or_has_passed(any in any_scene()) {
        let scene = any.scene();
        let own = Place { namespace: "live".to_owned(), name: "prod".to_owned() };
        let frozen = Rules::of(&scene.spec, &own).frozen(scene.now).is_some();
        let known = matches!(any.here, Some((true, GOOD | ReleasePhase::Baking)));
        if frozen && !any.allow && !known {
            prop_assert!(!scene.judge().passes());
        }
    }

    #[test]
    fn a_person_lets_everything_through_and_is_named_only_where_it_was_needed(any in any_scene()) {
        let with = Any { allow: true, ..any.clone() }.scene().judge();
        let without = Any { allow: false, ..any }.scene().judge();
        prop_assert!(with.passes());
        prop_assert_eq!(with.allowed.is_some(), !without.passes());
    }

    #[test]
    fn more_soak_never_closes_the_gate_nor_opens_it_later(any in any_scene(), more in 0..4000_i64) {
        let less = any.scene().judge();
        let longer = Any { soaked: any.soaked + more, ..any }.scene().judge();
        prop_assert!(longer.passes() || !less.passes());
        if let (Some(before), Some(after)) = (less.earliest, longer.earliest) {
            prop_assert!(after <= before);
        }
    }

    #[test]
    fn the_gate_opens_exactly_when_it_said_if_the_source_goes_on_well(any in any_scene()) {
        let any = Any { bad: 0, ..any };
        let verdict = any.scene().judge();
        if let Some(earliest) = verdict.earliest {
            prop_assert!(!verdict.passes() && earliest > any.scene().now);
            let later = |at: Timestamp| {
                let mut scene = any.scene();
                if let Source::Found { releases, .. } = &mut scene.source
                    && any.counted
                {
                    releases[0].good_seconds += at.duration_since(scene.now).as_secs();
                    releases[0].counted_until = Some(at);
                }
                scene.now = at;
                scene.judge()
            };
            prop_assert!(later(earliest).passes());
            prop_assert!(!later(earliest - seconds(1)).passes());
        }
    }

    #[test]
    fn only_a_verdict_that_time_opens_has_a_moment(any in any_scene()) {
        let verdict = any.scene().judge();
        if verdict.earliest.is_some() {
            prop_assert_eq!(verdict.verdict, PromotionVerdict::Waiting);
        }
        prop_assert!(verdict.passes() || !verdict.message.is_empty());
    }
}
