//! Login, rights and facts, through the driver that the application uses.

use std::time::Duration;

use crokodial_crds::Reason;
use mongodb::bson::{Document, doc};
use mongodb::options::ClientOptions;
use mongodb::{Client, Database};
use tokio::time::Instant;

use super::classify::{Fault, classify, of_code};
use super::outcome::is_version;
use super::{Deadlines, Question, rights};

/// What a server that let us in says of itself.
#[derive(Clone, Debug, PartialEq)]
pub struct Facts {
    /// Its answer to `hello`.
    pub hello: Document,
    /// Its version, where it tells.
    pub version: Option<String>,
}

/// Logs in, checks the role, and asks for the facts.
///
/// # Errors
/// The check that failed.
pub async fn check(
    options: ClientOptions,
    question: &Question,
    deadlines: Deadlines,
) -> Result<Facts, Fault> {
    let client = client(options, deadlines)?;
    let checked = checks(&client, question).await;
    // Its background tasks end with it; nothing waits for them.
    drop(client);
    checked
}

fn client(mut options: ClientOptions, deadlines: Deadlines) -> Result<Client, Fault> {
    let left = deadlines.end.saturating_duration_since(Instant::now());
    // Before the end of all: then the driver still says that there is no primary, instead of nothing.
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

async fn checks(client: &Client, question: &Question) -> Result<Facts, Fault> {
    let admin = client.database("admin");
    // The first command through the driver: it logs in.
    let status = command(&admin, doc! {"connectionStatus": 1, "showPrivileges": true}).await?;
    if !rights::may(&status, question.role, &question.database) {
        return Err(Fault::of(Reason::NotAuthorized));
    }
    let confirm = question.role.harmless_command();
    command(&client.database(&question.database), confirm).await?;
    let hello = command(&admin, doc! {"hello": 1}).await?;
    // Not every server lets everybody ask: a version is only told.
    let build = command(&admin, doc! {"buildInfo": 1}).await.ok();
    let version = build.and_then(|info| info.get_str("version").ok().map(str::to_owned));
    Ok(Facts {
        hello,
        version: version.filter(|text| is_version(text)),
    })
}

/// A command whose answer may hold the refusal of a single write.
async fn command(database: &Database, command: Document) -> Result<Document, Fault> {
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
