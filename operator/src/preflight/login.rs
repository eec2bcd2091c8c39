//! Login, rights and server facts, through the driver that the application uses too.

use std::time::Duration;

use crokodial_crds::Reason;
use mongodb::bson::{Document, doc};
use mongodb::options::ClientOptions;
use mongodb::{Client, Database};
use tokio::time::Instant;

use super::classify::{FailedCheck, classify, of_code};
use super::outcome::is_version;
use super::request::{CheckRequest, Deadlines};
use super::rights;

/// What a server reports about itself after the login.
#[derive(Clone, Debug, PartialEq)]
pub struct ServerFacts {
    /// Response to `hello`.
    pub hello: Document,
    /// Version, if reported.
    pub version: Option<String>,
}

/// Logs in, checks the role, and reads the facts.
///
/// # Errors
/// The check that failed.
pub async fn check(
    options: ClientOptions,
    request: &CheckRequest,
    deadlines: Deadlines,
) -> Result<ServerFacts, FailedCheck> {
    let client = client(options, deadlines)?;
    let checked = checks(&client, request).await;
    // Ends its background tasks, which nothing waits for.
    drop(client);
    checked
}

fn client(mut options: ClientOptions, deadlines: Deadlines) -> Result<Client, FailedCheck> {
    let left = deadlines.end.saturating_duration_since(Instant::now());
    // Shorter than the total timeout, so that the driver can still report that there is no primary.
    let selection = left
        .saturating_sub(Duration::from_millis(500))
        .max(left / 2);
    options.server_selection_timeout = Some(selection);
    options.connect_timeout = Some(selection);
    options.app_name = Some("crokodial-preflight".to_owned());
    options.max_pool_size = Some(1);
    options.min_pool_size = None;
    Client::with_options(options).map_err(|error| classify(&error))
}

async fn checks(client: &Client, request: &CheckRequest) -> Result<ServerFacts, FailedCheck> {
    let admin = client.database("admin");
    // The first command through the driver, which logs in.
    let status = command(&admin, doc! {"connectionStatus": 1, "showPrivileges": true}).await?;
    if !rights::may(&status, request.role, &request.database) {
        return Err(FailedCheck::of(Reason::NotAuthorized));
    }
    let confirm = request.role.harmless_command();
    command(&client.database(&request.database), confirm).await?;
    let hello = command(&admin, doc! {"hello": 1}).await?;
    // Not every server allows everybody this command; the version is optional.
    let build = command(&admin, doc! {"buildInfo": 1}).await.ok();
    let version = build.and_then(|info| info.get_str("version").ok().map(str::to_owned));
    Ok(ServerFacts {
        hello,
        version: version.filter(|text| is_version(text)),
    })
}

/// Runs a command, whose response may contain the refusal of a single write.
async fn command(database: &Database, command: Document) -> Result<Document, FailedCheck> {
    let answer = database
        .run_command(command)
        .await
        .map_err(|error| classify(&error))?;
    let refused = answer
        .get_array("writeErrors")
        .ok()
        .and_then(|errors| errors.first()?.as_document()?.get_i32("code").ok());
    refused.map_or(Ok(answer), |code| Err(of_code(code)))
}
