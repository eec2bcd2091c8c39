//! The connection to MongoDB, which is opened on first use.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bson::{DateTime, Document, doc};
use mongodb::options::ClientOptions;
use mongodb::{Client, Collection, Database};
use tokio::sync::OnceCell;

use super::collections::SESSIONS;
use super::fault::{Fault, Reason};
use crate::config::Mongo;

/// Server selection timeout of the MongoDB driver, unless the URI sets one. The driver's default of 30 s is as long as
/// the timeout of most requests.
const SERVER_SELECTION_TIMEOUT: Duration = Duration::from_secs(5);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Maximum time for ending the driver's sessions before the process ends.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// Timeout of the DNS lookups (SRV and TXT) for a `mongodb+srv://` URI.
const RESOLVE_TIMEOUT: Duration = Duration::from_secs(5);

/// Client for the application's database. The connection is opened by the first operation.
#[derive(Debug)]
pub struct Store {
    config: Mongo,
    database: OnceCell<Database>,
    reached: AtomicBool,
}

impl Store {
    /// Creates a client without connecting. The first operation opens the connection.
    pub fn new(config: Mongo) -> Self {
        Self {
            config,
            database: OnceCell::new(),
            reached: AtomicBool::new(false),
        }
    }

    /// Returns the host names and the database name, for messages. They contain no credentials.
    pub fn target(&self) -> (&str, &str) {
        (&self.config.hosts, &self.config.database)
    }

    /// Returns true if [`Store::probe`] has succeeded at least once. A later outage does not reset this.
    pub fn was_reached(&self) -> bool {
        self.reached.load(Ordering::Acquire)
    }

    /// Checks the connection by reading from the application's database. Unlike the command `ping`, this requires valid
    /// credentials and read permission.
    ///
    /// # Errors
    /// Returns an error if the database did not answer or refused the query.
    pub async fn probe(&self) -> Result<(), Fault> {
        let sessions = self.database().await?.collection::<Document>(SESSIONS);
        sessions.find_one(doc! { "_id": "health" }).await?;
        self.reached.store(true, Ordering::Release);
        Ok(())
    }

    /// Ends the driver's sessions and its background tasks. Call it before the async runtime stops: a client that is still
    /// in use then makes the driver panic, because its tasks end in any order. Operations after this fail.
    pub async fn close(&self) {
        let Some(database) = self.database.get() else {
            return;
        };
        let closing = database.client().clone().shutdown().immediate(true);
        if tokio::time::timeout(CLOSE_TIMEOUT, closing).await.is_err() {
            tracing::debug!("the connections to the database were not closed in time");
        }
    }

    async fn database(&self) -> Result<&Database, Fault> {
        self.database.get_or_try_init(|| self.open()).await
    }

    async fn open(&self) -> Result<Database, Fault> {
        let parsed = ClientOptions::parse(self.config.uri.expose());
        let mut options = tokio::time::timeout(RESOLVE_TIMEOUT, parsed)
            .await
            .map_err(|_| Fault::new(Reason::DnsFailure))??;
        options
            .app_name
            .get_or_insert_with(|| "crokodial-dialer".to_owned());
        options
            .server_selection_timeout
            .get_or_insert(SERVER_SELECTION_TIMEOUT);
        options.connect_timeout.get_or_insert(CONNECT_TIMEOUT);
        let client = Client::with_options(options)?;
        Ok(client.database(&self.config.database))
    }

    pub(super) async fn collection(&self, name: &str) -> Result<Collection<Document>, Fault> {
        Ok(self.database().await?.collection(name))
    }

    /// Deletes documents whose time in `field` is `until_ms` (milliseconds since 1970) or earlier. Returns their
    /// number. Not every supported server has TTL indexes, so they are not used.
    pub(super) async fn purge(
        &self,
        collection: &str,
        field: &str,
        until_ms: i64,
    ) -> Result<u64, Fault> {
        let old = doc! { field: { "$lte": DateTime::from_millis(until_ms) } };
        let collection = self.collection(collection).await?;
        Ok(collection.delete_many(old).await?.deleted_count)
    }
}
