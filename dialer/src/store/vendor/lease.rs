//! Who works on an import. A lease is a document of its own, `_id` = `<import>:<number>`, so that of any number of
//! takers one succeeds; the highest number counts. A worker that lost its lease and does not know yet does no harm:
//! what it writes is what the next one writes.

use futures::TryStreamExt;
use mongodb::bson::oid::ObjectId;
use mongodb::bson::{DateTime, Document, doc};

use crate::store::fault::{Fault, Reason};
use crate::store::{Store, number};

const NAME: &str = "csvimportleases";

/// How long a worker that says nothing is waited for.
pub const LEASE_MS: i64 = 60_000;

/// The right to work on an import for [`LEASE_MS`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    pub import: ObjectId,
    /// How often the import was taken up, from 1.
    pub number: i64,
}

impl Lease {
    fn id(&self) -> String {
        format!("{}:{}", self.import.to_hex(), self.number)
    }
}

impl Store {
    /// Takes the lease of an import, unless somebody has it.
    pub async fn take_lease(&self, import: ObjectId, now_ms: i64) -> Result<Option<Lease>, Fault> {
        let leases = self.collection(NAME).await?;
        let all: Vec<Document> = leases
            .find(doc! { "importId": import })
            .await?
            .try_collect()
            .await?;
        let last = all
            .iter()
            .max_by_key(|lease| number(lease.get("number")).unwrap_or_default());
        let until = last.and_then(|lease| lease.get_datetime("until").ok());
        if until.is_some_and(|until| until.timestamp_millis() > now_ms) {
            return Ok(None);
        }
        let last = last.and_then(|lease| number(lease.get("number")));
        let lease = Lease {
            import,
            number: last.unwrap_or_default().saturating_add(1),
        };
        let document = doc! {
            "_id": lease.id(),
            "importId": import,
            "number": lease.number,
            "until": until_after(now_ms),
        };
        match leases.insert_one(document).await.map_err(Fault::from) {
            Ok(_) => Ok(Some(lease)),
            Err(fault) if fault.reason == Reason::DuplicateKey => Ok(None),
            Err(fault) => Err(fault),
        }
    }

    /// Keeps it. False if it is gone.
    pub async fn renew_lease(&self, lease: &Lease, now_ms: i64) -> Result<bool, Fault> {
        let set = doc! { "$set": { "until": until_after(now_ms) } };
        let leases = self.collection(NAME).await?;
        let done = leases.update_one(doc! { "_id": lease.id() }, set).await?;
        Ok(done.matched_count > 0)
    }

    /// Gives it back, for whoever comes next.
    pub async fn release_lease(&self, lease: &Lease) -> Result<(), Fault> {
        let set = doc! { "$set": { "until": DateTime::from_millis(0) } };
        let leases = self.collection(NAME).await?;
        leases.update_one(doc! { "_id": lease.id() }, set).await?;
        Ok(())
    }

    pub(super) async fn delete_leases(&self, import: ObjectId) -> Result<(), Fault> {
        let leases = self.collection(NAME).await?;
        leases.delete_many(doc! { "importId": import }).await?;
        Ok(())
    }
}

fn until_after(now_ms: i64) -> DateTime {
    DateTime::from_millis(now_ms.saturating_add(LEASE_MS))
}
