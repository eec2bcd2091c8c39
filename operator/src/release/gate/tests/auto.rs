use super::*;
use crate::release::gate::auto::{Pick, pick};

fn picks(scene: &Scene) -> (String, Option<Reason>) {
    let own = EnvironmentRef {
        namespace: "live".to_owned(),
        name: "prod".to_owned(),
    };
    let rules = Rules::of(&scene.spec, &own);
    let picked = pick(
        &rules,
        &scene.records,
        scene.unrecorded,
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
    // A source that has just been created, or whose newest release is under way, is waited for.
    let of = |phase: Option<ReleasePhase>| {
        let mut release = tested(1, "app:1", OLD, 0);
        release.phase = phase;
        release
    };
    for (releases, reason) in [
        (vec![], Reason::SourceNotGood),
        (vec![of(None)], Reason::SourceNotGood),
        (vec![of(Some(ReleasePhase::Baking))], Reason::SourceNotGood),
        (vec![of(Some(ReleasePhase::Rejected))], Reason::NotInSource),
    ] {
        scene.source = found(&releases);
        assert_eq!(picks(&scene), ("nothing".to_owned(), Some(reason)));
    }
}

#[test]
fn what_was_promoted_before_the_source_was_made_again_says_nothing_about_its_numbers() {
    let scene = |created: Option<i64>, began: Option<i64>| {
        let mut scene = Scene::new().sources(&[tested(1, "app:3", "sha256:33", 1800)]);
        let mut promoted = record(2, "2", NEW, Some(GOOD));
        promoted.created = created.map(|s| noon() + seconds(s));
        promoted.spec.promoted_from = Some(PromotedFrom {
            environment: "staging".to_owned(),
            namespace: "test".to_owned(),
            release: 57,
        });
        scene.records.push(promoted);
        if let Source::Found { began: at, .. } = &mut scene.source {
            *at = began.map(|s| noon() + seconds(s));
        }
        scene
    };
    let stays = ("stays with app:2".to_owned(), None);
    let takes = ("takes 1".to_owned(), None);
    for (created, began, wanted) in [
        (Some(-61), Some(-60), &takes),
        (Some(-60), Some(-60), &stays),
        (Some(-59), Some(-60), &stays),
        (None, Some(-60), &stays),
        (Some(-61), None, &stays),
    ] {
        let found = picks(&scene(created, began));
        assert_eq!(found, *wanted, "{created:?} {began:?}");
    }
}

#[test]
fn an_image_that_was_good_before_the_source_was_made_again_soaks_anew() {
    let scene = |created: i64| {
        let mut scene = Scene::new().sources(&[tested(1, "app:1", OLD, 60)]);
        for record in &mut scene.records {
            record.created = Some(noon() + seconds(created));
        }
        scene.records.push(record(2, "2", NEW, Some(GOOD)));
        if let Source::Found { began, .. } = &mut scene.source {
            *began = Some(noon());
        }
        scene
    };
    let stays = "stays with app:2".to_owned();
    assert_eq!(picks(&scene(-1)), (stays, Some(Reason::SoakNotMet)));
    assert_eq!(picks(&scene(0)), ("takes 1".to_owned(), None));
}

#[test]
fn a_source_that_has_nothing_to_promote_is_named_though_what_runs_goes_on() {
    let of = |phase: Option<ReleasePhase>| {
        let mut release = tested(58, "app:3", "sha256:33", 0);
        release.phase = phase;
        found(&[release])
    };
    for (source, reason) in [
        (Source::NotFound, Reason::SourceNotFound),
        (Source::NotWatched, Reason::SourceNotWatched),
        (Source::Unreadable("403".to_owned()), Reason::Unreadable),
        (found(&[]), Reason::SourceNotGood),
        (of(Some(ReleasePhase::Baking)), Reason::SourceNotGood),
        (of(Some(ReleasePhase::Rejected)), Reason::NotInSource),
    ] {
        let mut scene = Scene::new();
        scene.source = source;
        let stays = "stays with app:1".to_owned();
        assert_eq!(picks(&scene), (stays, Some(reason)));
    }
}
