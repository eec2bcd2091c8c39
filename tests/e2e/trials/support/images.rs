//! Builds the images that trials run. Only one image is built at a time although trials run in parallel, because builds
//! share build contexts and names.

use anyhow::Context;
use crokodial_cluster::deploy::images::{self, Image, Pushed};
use crokodial_cluster::deploy::simulated;
use crokodial_cluster::image_builder::ImageBuild;
use tokio::sync::Mutex;

use crate::support::world::World;

static BUILDING: Mutex<()> = Mutex::const_new(());

/// Builds and pushes the dialer under this tag. The dialer reports the tag as its version.
pub async fn dialer(world: &World, tag: &str) -> anyhow::Result<Pushed> {
    push(world, Image::Dialer, tag, &[]).await
}

/// Builds and pushes an image of the product (operator or dialer) with these cargo features.
pub async fn push(
    world: &World,
    image: Image,
    tag: &str,
    features: &[&str],
) -> anyhow::Result<Pushed> {
    let _building = BUILDING.lock().await;
    images::push(&world.cluster, image, tag, features, &world.progress).await
}

/// Builds and pushes an image of the simulated application. The flags select its faults.
pub async fn simulated(world: &World, tag: &str, flags: &[&str]) -> anyhow::Result<String> {
    let _building = BUILDING.lock().await;
    simulated::image(&world.cluster, tag, flags)
}

/// Builds and pushes an image whose container exits at once: the dialer with an unknown subcommand.
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
    world.cluster.build_image(&ImageBuild {
        dockerfile,
        context,
        name: "crokodial/dialer:crashing".to_owned(),
        args: Vec::new(),
    })
}
