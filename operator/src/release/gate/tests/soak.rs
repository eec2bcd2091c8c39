use super::*;

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
    // Evaluates the gate once a second, while the source does not serve well in the seconds `down`. Returns when the
    // gate opened, and the times at which it announced to open.
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
