//! Test in which a user resets the password and signs in with a real browser.

use std::process::Command;

use anyhow::{Context, ensure};
use crokodial_cluster::Stage;
use http::Method;
use serde_json::{Value, json};

use crate::support::world::World;
use crokodial_cluster::edge::site::{Answer, Site};

/// Registers a user through the API. Then, in Chromium, sets a new password with an administrator's reset link and
/// signs in with the new password.
pub async fn sign_in(world: &World) -> anyhow::Result<()> {
    let domain = Stage::Staging.domain();
    let site = Site::https(world, domain)?;
    // The email address differs in each run, because the database may be kept between runs.
    let run = jiff::Timestamp::now().as_second();
    let email = format!("rep-{run}@example.com");
    let account = json!({"email": email, "password": "forgotten since 2", "name": "Riley Rep"});
    let registered = expect(site.post("/api/auth/register", &account).await?, 201)?;
    let link = reset_link(world, &site, run, &registered["user"]["_id"]).await?;
    let pictures = world.cluster.checkout.join("target/screenshots");
    std::fs::create_dir_all(&pictures)?;
    let output = Command::new("node")
        .arg(world.cluster.checkout.join("dialer/ui/e2e/login.mjs"))
        .arg(format!("https://{domain}:{}", world.cluster.ports().https))
        .arg(&email)
        .arg(pictures.join("signed-in.png"))
        .env("E2E_PASSWORD", "correct horse battery staple")
        .env("E2E_RESET_LINK", link)
        .env("E2E_NAME", "Riley Rep")
        .env("E2E_TIMEOUT_MS", "30000")
        .env(
            "CHROMIUM_ARGS",
            format!("--ignore-certificate-errors --host-resolver-rules=MAP%20{domain}%20127.0.0.1"),
        )
        .output()
        .context("running the browser test: node and chromium are needed")?;
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(
        output.status.success(),
        "the browser test failed:\n{errors}"
    );
    Ok(())
}

/// Returns the path of a password reset link for this user. An administrator creates the link. The administrator's
/// account is created with the dialer's command line.
async fn reset_link(world: &World, site: &Site, run: i64, user: &Value) -> anyhow::Result<String> {
    let email = format!("admin-{run}@example.com");
    let command = format!(
        "-n {} exec deploy/{} -- /dialer admin create --email {email}",
        Stage::Staging.namespace(),
        Stage::Staging.as_str()
    );
    let password = world.kubectl(&command.split(' ').collect::<Vec<_>>())?;
    let administrator = json!({"email": email, "password": password.trim()});
    let signed_in = expect(site.post("/api/auth/login", &administrator).await?, 200)?;
    let token = signed_in["token"].as_str().context("no token")?;
    let id = user.as_str().context("the account has no _id")?;
    let path = format!("/api/users/{id}/reset-link");
    let made = site
        .send_as(token, Method::POST, &path, &Value::Null)
        .await?;
    let made = expect(made, 201)?;
    Ok(made["path"].as_str().context("no path")?.to_owned())
}

/// Returns the JSON body of a response. Fails if the response does not have this status.
fn expect(answer: Answer, status: u16) -> anyhow::Result<Value> {
    ensure!(
        answer.status == status,
        "{} instead of {status}: {}",
        answer.status,
        answer.text()
    );
    answer.json()
}
