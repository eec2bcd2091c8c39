//! The database connection, which is opened on first use.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bson::{DateTime, Document, doc};
use mongodb::options::ClientOptions;
use mongodb::{Client, Collection, Database};
use tokio::sync::OnceCell;

use super::collections::SESSIONS;
use super::fault::{Fault, Reason};
use crate::config::Mongo;

/// Timeouts of the driver, unless the URI sets its own. All callers would have given up before the driver's default of
/// 30 s.
const SERVER_SELECTION_TIMEOUT: Duration = Duration::from_secs(5);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Timeout of SRV and TXT look-ups of a `mongodb+srv://` URI.
const RESOLVE_TIMEOUT: Duration = Duration::from_secs(5);

/// The database. It may not be connected yet.
#[derive(Debug)]
pub struct Store {
    config: Mongo,
    database: OnceCell<Database>,
    reached: AtomicBool,
}

impl Store {
    /// Creates a store without connecting. The first operation connects.
    pub fn new(config: Mongo) -> Self {
        Self {
            config,
            database: OnceCell::new(),
            reached: AtomicBool::new(false),
        }
    }

    /// Hosts and database name, for messages. Neither contains a credential.
    pub fn target(&self) -> (&str, &str) {
        (&self.config.hosts, &self.config.database)
    }

    /// True once MongoDB has answered. A later outage does not reset the flag.
    pub fn was_reached(&self) -> bool {
        self.reached.load(Ordering::Acquire)
    }

    /// Checks the connection by reading a document of the application's own database. Unlike `ping`, this needs valid
    /// credentials and rights.
    ///
    /// # Errors
    /// The fault, if the database did not answer or refused the query.
    pub async fn probe(&self) -> Result<(), Fault> {
        let sessions = self.database().await?.collection::<Document>(SESSIONS);
        sessions.find_one(doc! { "_id": "health" }).await?;
        self.reached.store(true, Ordering::Release);
        Ok(())
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

    /// Removes documents whose time in `field` is `until_ms` or earlier; returns their number. Not left to TTL indexes,
    /// which not every server supports.
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
