//! Follows docs/install.md word for word on a cluster without Crokodial. Only what a user must change is changed: the
//! registry, the hosts and the connection strings. The images (step 3) are those of the local registry.

use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use crokodial_cluster::Stage;
use crokodial_cluster::edge::Edge as _;
use crokodial_cluster::layout::REGISTRY;

use crate::support::world::World;

/// Time in which prod is Ready, as step 7 says.
const PROD_TIMEOUT: Duration = Duration::from_secs(35 * 60);

/// Guide, the folder with the samples that a user edits, and what the user knows of the cluster.
struct Guide<'a> {
    world: &'a World,
    text: String,
    folder: PathBuf,
}

/// Removes everything, installs the operator, creates both environments and upgrades, with the commands of the guide.
/// Prod must be Ready in the time that the guide states.
pub async fn followed(world: &World) -> anyhow::Result<()> {
    let guide = Guide::open(world)?;
    guide.run("## Remove everything", &[])?;
    let values = format!("--set ingressClass=traefik --set 'plainHttpRegistries={{{REGISTRY}}}'");
    let installed = guide.run(
        "## 4. Install the operator",
        &[("--set ingressClass=traefik", &values)],
    )?;
    ensure!(
        installed.contains("deployment \"crokodial-operator\" successfully rolled out"),
        "{installed}"
    );
    let uri = |stage| world.mongo_uri(stage);
    let (staging, prod) = (uri(Stage::Staging)?, uri(Stage::Prod)?);
    let scheme = "mongodb+srv://USER:PASSWORD@HOST/crokodial_";
    guide.run(
        "## 5. Create the secrets",
        &[
            (&format!("{scheme}staging"), &staging),
            (&format!("{scheme}prod"), &prod),
        ],
    )?;
    guide.run("## 6. Create staging", &[])?;
    let began = Instant::now();
    let shown = guide.run("## 7. Create prod", &[])?;
    let took = began.elapsed();
    println!(
        "prod was Ready {:.0} s after step 7 began\n{shown}",
        took.as_secs_f32()
    );
    ensure!(took < PROD_TIMEOUT, "it took {took:?}");
    ensure!(shown.matches(" Good ").count() == 2, "{shown}");
    let pods = (
        world.pods(Stage::Staging).await?,
        world.pods(Stage::Prod).await?,
    );
    guide.run("## Upgrade", &[])?;
    let health = format!(
        "--connect-to ::127.0.0.1:{} https://{}/api/health",
        world.ports().https,
        Stage::Staging.domain()
    );
    let answer = guide.run(
        "## 8. Certificates",
        &[("https://staging.example.com/api/health", &health)],
    )?;
    ensure!(answer.contains("ok"), "{answer}");
    let after = (
        world.pods(Stage::Staging).await?,
        world.pods(Stage::Prod).await?,
    );
    ensure!(
        pods == after,
        "the upgrade restarted a pod: {pods:?} {after:?}"
    );
    Ok(())
}

impl<'a> Guide<'a> {
    fn open(world: &'a World) -> anyhow::Result<Self> {
        let root = &world.cluster.checkout;
        let folder = root.join("target/install-guide");
        std::fs::create_dir_all(&folder)?;
        for (sample, stage) in [
            ("20-staging.yaml", Stage::Staging),
            ("21-prod.yaml", Stage::Prod),
        ] {
            let path = root.join("docs/samples").join(sample);
            let text =
                std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
            std::fs::write(folder.join(sample), changed(&text, stage)?)?;
        }
        let charts = folder.join("charts");
        if !charts.exists() {
            std::os::unix::fs::symlink(root.join("charts"), &charts)?;
        }
        Ok(Self {
            world,
            text: std::fs::read_to_string(root.join("docs/install.md"))?,
            folder,
        })
    }

    /// Runs the first block of commands of the section in one shell that ends at the first command that fails, with each
    /// text of `changes` replaced. Returns what they print.
    fn run(&self, section: &str, changes: &[(&str, &str)]) -> anyhow::Result<String> {
        let mut commands = block(&self.text, section)?.to_owned();
        for (from, to) in changes {
            ensure!(commands.contains(from), "{section} does not contain {from}");
            commands = commands.replace(from, to);
        }
        self.world
            .progress
            .say(&format!("docs/install.md: {section}"));
        let kubectl = self.world.cluster.layout.binary("kubectl");
        let tools = kubectl.parent().context("a folder of tools")?.display();
        let path = std::env::var("PATH").unwrap_or_default();
        let output = Command::new("bash")
            .args(["-euo", "pipefail", "-c", &commands])
            .current_dir(&self.folder)
            .env("PATH", format!("{tools}:{path}"))
            .env("KUBECONFIG", self.world.cluster.kubeconfig())
            .env("REGISTRY", format!("{REGISTRY}/crokodial"))
            .output()?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        if !output.status.success() {
            let errors = String::from_utf8_lossy(&output.stderr);
            bail!("{section} failed:\n{text}\n{errors}");
        }
        Ok(text)
    }
}

/// Returns the first block of shell commands of the section with this heading.
fn block<'t>(guide: &'t str, section: &str) -> anyhow::Result<&'t str> {
    let (_, rest) = guide
        .split_once(&format!("\n{section}\n"))
        .with_context(|| format!("no section {section}"))?;
    let rest = rest.split_once("\n## ").map_or(rest, |(own, _)| own);
    let (_, rest) = rest
        .split_once("```sh\n")
        .with_context(|| format!("no commands in {section}"))?;
    let (commands, _) = rest
        .split_once("```")
        .with_context(|| format!("no end of the commands in {section}"))?;
    Ok(commands)
}

/// Returns the sample with its lines marked `CHANGE` changed.
fn changed(sample: &str, stage: Stage) -> anyhow::Result<String> {
    let mut lines = Vec::new();
    let mut change = false;
    for line in sample.lines() {
        let indent = &line[..line.len() - line.trim_start().len()];
        lines.push(match line.trim().split_once(": ") {
            Some(("image", old)) if change => {
                let (_, name) = old.split_once("/crokodial/").context("an image")?;
                format!("{indent}image: {REGISTRY}/crokodial/{name}")
            }
            Some(("domain", _)) if change => format!("{indent}domain: {}", stage.domain()),
            Some((other, _)) if change => bail!("the guide does not say how to change {other}"),
            _ => line.to_owned(),
        });
        change = line.trim_start().starts_with("# CHANGE");
    }
    Ok(lines.join("\n"))
}
