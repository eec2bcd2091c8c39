use jiff::Timestamp;

use super::*;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

fn pod(release: i64, ready: bool, terminating: bool) -> PodView {
    PodView {
        ready,
        terminating,
        ..PodView::serving("p", release, at(0))
    }
}

#[test]
fn only_a_release_that_alone_can_have_answered_is_measured() {
    for (pods, expected) in [
        (vec![], None),
        (vec![pod(7, true, false), pod(7, true, false)], Some(7)),
        (vec![pod(7, true, false), pod(8, false, false)], Some(7)),
        (vec![pod(7, true, false), pod(8, true, false)], None),
        (vec![pod(7, true, true), pod(8, true, false)], Some(8)),
        (vec![pod(8, false, false), pod(8, false, false)], Some(8)),
        // The service sends requests to ready pods that terminate, if no other is ready.
        (vec![pod(7, true, true), pod(8, false, false)], None),
        (vec![pod(8, true, true), pod(8, false, false)], Some(8)),
        (vec![pod(7, false, false), pod(8, false, false)], None),
    ] {
        assert_eq!(alone(&pods), expected, "{pods:?}");
    }
}
