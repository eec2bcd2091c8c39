//! Images of the simulated application, each with its fault as the entrypoint's flags.

use std::process::Command;

use anyhow::ensure;
use crokodial_e2e::cluster::images::Build;

use crate::world::World;

/// An image whose application goes wrong as `flags` say; returns its name in the cluster.
pub fn image(world: &World, tag: &str, flags: &[&str]) -> anyhow::Result<String> {
    let context = world
        .cluster
        .layout
        .path(&format!("images/simulated-{tag}"));
    std::fs::create_dir_all(&context)?;
    let binary = context.join("simulated-app");
    if !binary.is_file() {
        let source = world
            .cluster
            .checkout
            .join("tests/src/bin/simulated_app.rs");
        let output = Command::new("rustc")
            .args(["--edition=2024", "-O", "-C", "target-feature=+crt-static"])
            .args(["--target", "x86_64-unknown-linux-gnu", "-o"])
            .arg(&binary)
            .arg(&source)
            .output()?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "rustc: {said}");
    }
    let mut entrypoint = vec!["/simulated-app"];
    entrypoint.extend(flags);
    let dockerfile = context.join("Dockerfile");
    let text = format!(
        "FROM scratch\nCOPY simulated-app /simulated-app\nUSER 65532:65532\nENTRYPOINT {}\n",
        serde_json::to_string(&entrypoint)?
    );
    std::fs::write(&dockerfile, text)?;
    world.cluster.build_image(&Build {
        dockerfile,
        context,
        name: format!("crokodial/simulated:{tag}"),
        args: Vec::new(),
    })
}
