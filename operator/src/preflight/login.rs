//! Checks the login and its rights, and reads facts about the server, with the same MongoDB driver that the application
//! uses.

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

/// Facts that a server reports about itself after login.
#[derive(Clone, Debug, PartialEq)]
pub struct ServerFacts {
    /// Response to the command `hello`.
    pub hello: Document,
    /// Version of the server; `None` if the user may not read it or its format is invalid.
    pub version: Option<String>,
}

/// Logs in, checks that the user has the rights of the role, and reads facts about the server.
///
/// # Errors
/// Returns the first check that failed.
pub async fn check(
    options: ClientOptions,
    request: &CheckRequest,
    deadlines: Deadlines,
) -> Result<ServerFacts, FailedCheck> {
    let client = client(options, deadlines)?;
    let checked = checks(&client, request).await;
    // Dropping the client ends its background tasks; nothing waits for them.
    drop(client);
    checked
}

fn client(mut options: ClientOptions, deadlines: Deadlines) -> Result<Client, FailedCheck> {
    let left = deadlines.end.saturating_duration_since(Instant::now());
    // Shorter than the time that is left, so that the driver can still report that there is no primary.
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
    // The first command through the driver. It causes the login.
    let status = command(&admin, doc! {"connectionStatus": 1, "showPrivileges": true}).await?;
    if !rights::may(&status, request.role, &request.database) {
        return Err(FailedCheck::of(Reason::NotAuthorized));
    }
    let confirm = request.role.harmless_command();
    command(&client.database(&request.database), confirm).await?;
    let hello = command(&admin, doc! {"hello": 1}).await?;
    // Not every server allows every user to run this command, so the version is optional.
    let build = command(&admin, doc! {"buildInfo": 1}).await.ok();
    let version = build.and_then(|info| info.get_str("version").ok().map(str::to_owned));
    Ok(ServerFacts {
        hello,
        version: version.filter(|text| is_version(text)),
    })
}

/// Runs a command and returns its response. A rejected write (`writeErrors` in the response) is also returned as an
/// error.
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
