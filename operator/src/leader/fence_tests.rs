//! Unit tests of the fence, with a simulated clock.

use std::time::Duration;

use super::*;

fn second(n: u64) -> Duration {
    Duration::from_secs(n)
}

fn granted(seconds: u64) -> Grant {
    let from = Instant::now();
    Grant {
        from,
        until: from + second(seconds),
    }
}

#[tokio::test(start_paused = true)]
async fn it_closes_by_itself_when_its_time_is_over() {
    let fence = Fence::closed();
    assert_eq!(fence.left(), Err(NotLeading));
    assert!(fence.open(granted(4), Timestamp::UNIX_EPOCH));
    tokio::time::advance(second(1)).await;
    assert_eq!(fence.left(), Ok(second(3)));
    tokio::time::advance(second(3)).await;
    assert_eq!(fence.left(), Err(NotLeading));
    assert!(fence.begin().is_err());
}

#[tokio::test(start_paused = true)]
async fn a_renewal_moves_the_end_and_begins_no_term() {
    let fence = Fence::closed();
    assert!(fence.open(granted(4), Timestamp::UNIX_EPOCH));
    assert!(!fence.open(granted(8), Timestamp::now()));
    assert_eq!(fence.since(), Some(Timestamp::UNIX_EPOCH));
    assert_eq!(fence.left(), Ok(second(8)));
    assert!(fence.close());
    assert!(!fence.close());
}

#[tokio::test(start_paused = true)]
async fn a_reconcile_of_an_earlier_term_writes_nothing_in_the_next() {
    let fence = Fence::closed();
    fence.open(granted(4), Timestamp::UNIX_EPOCH);
    let inside = fence.clone();
    let work = fence.while_leading(async move {
        inside.close();
        inside.open(granted(4), Timestamp::UNIX_EPOCH);
        inside.left()
    });
    assert_eq!(work.await, Ok(Err(NotLeading)));
    assert!(fence.is_open());
}

#[tokio::test(start_paused = true)]
async fn work_ends_with_its_term() {
    let fence = Fence::closed();
    fence.open(granted(4), Timestamp::UNIX_EPOCH);
    let ends = fence.clone();
    let work = fence.while_leading(std::future::pending::<()>());
    let (work, _) = tokio::join!(work, async move { ends.close() });
    assert_eq!(work, Err(NotLeading));
    assert_eq!(fence.while_leading(async {}).await, Err(NotLeading));
}

#[tokio::test(start_paused = true)]
async fn it_is_quiet_when_every_write_was_answered_or_is_too_old_to_arrive() {
    let fence = Fence::always();
    let started = Instant::now();
    let (answered, _) = fence.begin().unwrap();
    let (lost, _) = fence.begin().unwrap();
    let writes = async move {
        tokio::time::sleep(second(1)).await;
        answered.answered();
        tokio::time::sleep(second(1)).await;
        drop(lost);
    };
    tokio::join!(writes, fence.quiet(second(5)));
    assert_eq!(started.elapsed(), second(7));
    fence.quiet(second(5)).await;
    assert_eq!(started.elapsed(), second(7));
}
