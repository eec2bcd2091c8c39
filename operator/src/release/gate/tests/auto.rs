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
