//! Images of the simulated application (`src/bin/simulated_app.rs`). The entrypoint of each image contains the flags
//! that choose the faults to simulate.

use std::process::Command;

use anyhow::ensure;

use crate::Cluster;
use crate::image_builder::ImageBuild;

/// Builds an image of the simulated application, which runs with `flags`, and pushes it. Returns the reference that
/// pods use to pull the image.
///
/// # Errors
/// When the compiler, the image build or the push fails.
pub fn image(cluster: &Cluster, tag: &str, flags: &[&str]) -> anyhow::Result<String> {
    let context = cluster.layout.path(&format!("images/simulated-{tag}"));
    std::fs::create_dir_all(&context)?;
    let binary = context.join("simulated-app");
    if !binary.is_file() {
        let source = cluster
            .checkout
            .join("tests/cluster/src/bin/simulated_app.rs");
        let output = Command::new("rustc")
            .args(["--edition=2024", "-O", "-C", "target-feature=+crt-static"])
            .arg("-o")
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
    cluster.build_image(&ImageBuild {
        dockerfile,
        context,
        name: format!("crokodial/simulated:{tag}"),
        args: Vec::new(),
    })
}
