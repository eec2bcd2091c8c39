//! The images that trials run. One is built at a time: they share build contexts and names, and trials run beside each other.

use anyhow::Context;
use crokodial_e2e::cluster::images::Build;
use crokodial_e2e::deploy::images::{self, Image, Pushed};
use crokodial_e2e::deploy::simulated;
use tokio::sync::Mutex;

use crate::world::World;

static BUILDING: Mutex<()> = Mutex::const_new(());

/// The dialer under another tag, which it answers with as its version.
pub async fn dialer(world: &World, tag: &str) -> anyhow::Result<Pushed> {
    push(world, Image::Dialer, tag, &[]).await
}

/// An image of ours with these features.
pub async fn push(
    world: &World,
    image: Image,
    tag: &str,
    features: &[&str],
) -> anyhow::Result<Pushed> {
    let _building = BUILDING.lock().await;
    images::push(&world.cluster, image, tag, features, &world.progress).await
}

/// The simulated application, which goes wrong as `flags` say.
pub async fn simulated(world: &World, tag: &str, flags: &[&str]) -> anyhow::Result<String> {
    let _building = BUILDING.lock().await;
    simulated::image(&world.cluster, tag, flags)
}

/// One that exits at once: the real binary, asked for something it does not know.
pub async fn crashing(world: &World) -> anyhow::Result<String> {
    let _building = BUILDING.lock().await;
    let context = world.cluster.layout.path("images/crashing");
    std::fs::create_dir_all(&context)?;
    let dockerfile = context.join("Dockerfile");
    let binary = world.cluster.layout.path("images/dialer/dialer");
    std::fs::copy(binary, context.join("dialer")).context("copying the dialer's binary")?;
    let entrypoint = "ENTRYPOINT [\"/dialer\", \"no-such-subcommand\"]";
    std::fs::write(
        &dockerfile,
        format!("FROM scratch\nCOPY dialer /dialer\nUSER 65532:65532\n{entrypoint}\n"),
    )?;
    world.cluster.build_image(&Build {
        dockerfile,
        context,
        name: "crokodial/dialer:crashing".to_owned(),
        args: Vec::new(),
    })
}
