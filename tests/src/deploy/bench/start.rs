//! From nothing to two sites that answer, with every binary built: a second cluster beside the one of `make up`.

use std::time::{Duration, Instant};

use anyhow::Context;

use crate::cluster::{Cluster, Options, Progress};
use crate::deploy;

pub(super) async fn warm(cluster: &Cluster, progress: &Progress) -> anyhow::Result<Duration> {
    let own = std::env::current_exe().context("reading this program's own path")?;
    let mut options = Options::for_tests(&cluster.checkout.join("target/bench"), &own)?;
    options.mode = Some(cluster.settings.mode);
    progress.say("starting a second cluster");
    let began = Instant::now();
    let second = Cluster::up(&options, progress).await?;
    let deployed = deploy::ensure(&second, progress).await;
    let took = began.elapsed();
    second.down(progress)?;
    deployed.map(|()| took)
}
