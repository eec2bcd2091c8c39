//! A bounded load: so many requests a second until told to stop, every answer counted.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::task::{JoinHandle, JoinSet};

use super::http::{Answer, Site};

/// What came of it.
#[derive(Debug)]
pub struct Outcome {
    /// Requests sent.
    pub sent: usize,
    /// Those not answered with 200, by what happened instead.
    pub failures: Vec<String>,
}

/// A load that runs.
#[derive(Debug)]
pub struct Load {
    stop: Arc<AtomicBool>,
    worker: JoinHandle<Outcome>,
}

/// It ends by itself after this, whatever happens to the test.
const LONGEST: Duration = Duration::from_secs(300);

/// Requests that may be under way at once; beyond it the load waits instead of piling up.
const MOST_AT_ONCE: usize = 400;

impl Load {
    /// Starts it.
    #[must_use]
    pub fn start(site: Site, path: &'static str, per_second: u32) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let worker = tokio::spawn(run(site, path, per_second, stop.clone()));
        Self { stop, worker }
    }

    /// Ends it and counts.
    ///
    /// # Errors
    /// When its task was cut off.
    pub async fn finish(self) -> anyhow::Result<Outcome> {
        self.stop.store(true, Ordering::Relaxed);
        Ok(self.worker.await?)
    }
}

async fn run(site: Site, path: &'static str, per_second: u32, stop: Arc<AtomicBool>) -> Outcome {
    let mut sent = 0;
    let mut failures = Vec::new();
    let mut under_way = JoinSet::new();
    let mut ticks = tokio::time::interval(Duration::from_secs(1) / per_second);
    let end = tokio::time::Instant::now() + LONGEST;
    while !stop.load(Ordering::Relaxed) && tokio::time::Instant::now() < end {
        ticks.tick().await;
        let site = site.clone();
        sent += 1;
        under_way.spawn(async move { site.get(path).await });
        while let Some(result) = under_way.try_join_next() {
            note(result, &mut failures);
        }
        if under_way.len() > MOST_AT_ONCE
            && let Some(result) = under_way.join_next().await
        {
            note(result, &mut failures);
        }
    }
    while let Some(result) = under_way.join_next().await {
        note(result, &mut failures);
    }
    Outcome { sent, failures }
}

fn note(
    result: Result<anyhow::Result<Answer>, tokio::task::JoinError>,
    failures: &mut Vec<String>,
) {
    match result {
        Ok(Ok(answer)) if answer.status == 200 => {}
        Ok(Ok(answer)) => failures.push(format!("{}: {}", answer.status, answer.text())),
        Ok(Err(error)) => failures.push(format!("{error:#}")),
        Err(error) => failures.push(error.to_string()),
    }
}
