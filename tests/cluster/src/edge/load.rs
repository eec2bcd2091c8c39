//! Load generator that sends requests at a constant rate until it is stopped, and records every failed request.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::task::{JoinHandle, JoinSet};

use super::site::{Answer, Site};

/// Result of a run of the load generator.
#[derive(Debug)]
pub struct LoadReport {
    /// Number of requests sent.
    pub sent: usize,
    /// Response or error of each request that was not answered with status 200.
    pub failures: Vec<String>,
}

/// A running load generator.
#[derive(Debug)]
pub struct Load {
    stop: Arc<AtomicBool>,
    worker: JoinHandle<LoadReport>,
}

/// Time after which the load generator stops by itself, in case the test does not stop it.
const MAX_DURATION: Duration = Duration::from_secs(300);

/// Number of requests in flight above which the load generator waits for a response before it sends the next request.
const MAX_IN_FLIGHT: usize = 400;

impl Load {
    /// Starts sending GET requests to `path`, at a rate of `per_second` requests per second.
    #[must_use]
    pub fn start(site: Site, path: &'static str, per_second: u32) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let worker = tokio::spawn(run(site, path, per_second, stop.clone()));
        Self { stop, worker }
    }

    /// Stops sending, waits for the requests in flight and returns the result.
    ///
    /// # Errors
    /// When the sending task was cancelled or panicked.
    pub async fn finish(self) -> anyhow::Result<LoadReport> {
        self.stop.store(true, Ordering::Relaxed);
        Ok(self.worker.await?)
    }
}

async fn run(site: Site, path: &'static str, per_second: u32, stop: Arc<AtomicBool>) -> LoadReport {
    let mut sent = 0;
    let mut failures = Vec::new();
    let mut in_flight = JoinSet::new();
    let mut ticks = tokio::time::interval(Duration::from_secs(1) / per_second);
    let end = tokio::time::Instant::now() + MAX_DURATION;
    while !stop.load(Ordering::Relaxed) && tokio::time::Instant::now() < end {
        ticks.tick().await;
        let site = site.clone();
        sent += 1;
        in_flight.spawn(async move { site.get(path).await });
        while let Some(result) = in_flight.try_join_next() {
            record(result, &mut failures);
        }
        if in_flight.len() > MAX_IN_FLIGHT
            && let Some(result) = in_flight.join_next().await
        {
            record(result, &mut failures);
        }
    }
    while let Some(result) = in_flight.join_next().await {
        record(result, &mut failures);
    }
    LoadReport { sent, failures }
}

fn record(
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
