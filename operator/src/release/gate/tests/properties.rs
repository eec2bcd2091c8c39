use super::*;
use proptest::prelude::*;

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
        let own = EnvironmentRef { namespace: "live".to_owned(), name: "prod".to_owned() };
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
