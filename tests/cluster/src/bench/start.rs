//! Measures the duration of `make up` when all binaries are already built, by starting a second cluster alongside the
//! running one.

use std::time::{Duration, Instant};

use crate::deploy;
use crate::{Cluster, Options, Progress};

pub(super) async fn warm(cluster: &Cluster, progress: &Progress) -> anyhow::Result<Duration> {
    let mut options = Options::for_tests(&cluster.checkout.join("target/bench"))?;
    options.mode = Some(cluster.settings.mode);
    progress.say("starting a second cluster");
    let began = Instant::now();
    let second = Cluster::up(&options, progress).await?;
    let deployed = deploy::ensure(&second, progress).await;
    let took = began.elapsed();
    second.down(progress)?;
    deployed.map(|()| took)
}
