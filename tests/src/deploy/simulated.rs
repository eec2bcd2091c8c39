//! Images of the simulated application, each with its fault as the entrypoint's flags.

use std::process::Command;

use crate::cluster::Cluster;
use crate::cluster::images::Build;
use anyhow::ensure;

/// Builds and pushes an image whose application goes wrong as `flags` say; returns its name in the cluster.
///
/// # Errors
/// When the compiler, the image build or the push fails.
pub fn image(cluster: &Cluster, tag: &str, flags: &[&str]) -> anyhow::Result<String> {
    let context = cluster.layout.path(&format!("images/simulated-{tag}"));
    std::fs::create_dir_all(&context)?;
    let binary = context.join("simulated-app");
    if !binary.is_file() {
        let source = cluster.checkout.join("tests/src/bin/simulated_app.rs");
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
    cluster.build_image(&Build {
        dockerfile,
        context,
        name: format!("crokodial/simulated:{tag}"),
        args: Vec::new(),
    })
}
