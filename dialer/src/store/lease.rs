//! Leases for work that only one process should do at a time. Each lease is a document with a number. To take the
//! lease, a process inserts the next number, which succeeds for only one process. The highest number is the valid
//! lease. A process may lose its lease without noticing. All work under a lease must therefore be safe to do twice.

use std::sync::LazyLock;
use std::time::Duration;

use bson::oid::ObjectId;
use bson::{Bson, DateTime, Document, doc};

use super::database::Store;
use super::fault::{Fault, Reason};
use super::numbers::number;

/// Lifetime of a lease that is not renewed, in milliseconds: one minute.
pub const LEASE_MS: i64 = 60_000;

/// Interval at which a lease is renewed. It is a third of the lifetime, so that a failed renewal can be repeated before
/// the lease expires.
pub const RENEW_INTERVAL: Duration = Duration::from_millis(LEASE_MS.unsigned_abs() / 3);

/// Name of this process. It is stored with the lease and shown by other processes that try to take the lease.
static THIS_PROCESS: LazyLock<String> = LazyLock::new(|| {
    let host = std::env::var("HOSTNAME").unwrap_or_else(|_| "this machine".to_owned());
    format!("{host}-{:08x}", rand::random::<u32>())
});

/// Kind of work that a lease protects. The format of lease documents must not change, because processes of earlier
/// releases may run at the same time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Chain {
    /// The command `dialer migrate`. The `_id` of a lease document is its number.
    Migration,
    /// A CSV import with this id. The `_id` of a lease document is `<import>:<number>`.
    Import(ObjectId),
}

impl Chain {
    const fn collection(self) -> &'static str {
        match self {
            Self::Migration => "migrations",
            Self::Import(_) => "csvimportleases",
        }
    }

    /// Returns the name of the field that contains the number of a lease document.
    const fn order(self) -> &'static str {
        match self {
            Self::Migration => "_id",
            Self::Import(_) => "number",
        }
    }

    fn all(self) -> Document {
        match self {
            Self::Migration => doc! {},
            Self::Import(import) => doc! { "importId": import },
        }
    }

    fn id(self, number: i64) -> Bson {
        match self {
            Self::Migration => number.into(),
            Self::Import(import) => format!("{}:{number}", import.to_hex()).into(),
        }
    }

    fn document(self, number: i64, now_ms: i64) -> Document {
        let mut lease = self.all();
        lease.insert("_id", self.id(number));
        lease.insert(self.order(), number);
        lease.insert("holder", THIS_PROCESS.as_str());
        lease.insert("until", until_after(now_ms));
        lease
    }
}

/// A lease that this process has taken. It is valid until it expires or is released.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    chain: Chain,
    /// Number of the lease document, starting at 1. It counts how often this lease has been taken.
    pub number: i64,
}

/// Error: the lease is already held. `holder` is the name of the process that holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeaseHeld {
    pub holder: String,
}

impl Store {
    /// Takes the lease unless it is already held, even by this process.
    ///
    /// # Errors
    /// The outer error is a database failure. The inner error contains the name of the process that holds the lease.
    pub async fn take_lease(
        &self,
        chain: Chain,
        now_ms: i64,
    ) -> Result<Result<Lease, LeaseHeld>, Fault> {
        let last = self.last_lease(chain).await?;
        if let Some((_, lease)) = &last
            && lease
                .get_datetime("until")
                .is_ok_and(|until| until.timestamp_millis() > now_ms)
        {
            return Ok(Err(held(lease)));
        }
        let number = last.map_or(1, |(last, _)| last.saturating_add(1));
        let leases = self.collection(chain.collection()).await?;
        let mine = chain.document(number, now_ms);
        let inserted = leases.insert_one(mine).await.map_err(Fault::from);
        if let Err(fault) = inserted
            && fault.reason != Reason::DuplicateKey
        {
            return Err(fault);
        }
        // Checked again even after a successful insert: since the first query, another process may have taken the same
        // number, released it and removed it. That process inserted a higher number before the removal.
        match self.last_lease(chain).await? {
            Some((last, _)) if last == number && inserted.is_ok() => {}
            Some((_, lease)) => return Ok(Err(held(&lease))),
            None => return Ok(Err(held(&doc! {}))),
        }
        let mut older = chain.all();
        older.insert(chain.order(), doc! { "$lt": number });
        leases.delete_many(older).await?;
        Ok(Ok(Lease { chain, number }))
    }

    async fn last_lease(&self, chain: Chain) -> Result<Option<(i64, Document)>, Fault> {
        let leases = self.collection(chain.collection()).await?;
        let last = leases
            .find_one(chain.all())
            .sort(doc! { chain.order(): -1 })
            .await?;
        Ok(last.and_then(|lease| Some((number(lease.get(chain.order()))?, lease))))
    }

    /// Renews a lease. Returns false if another process has taken it or the leases of this work were deleted. The
    /// caller must then stop its work.
    pub async fn renew_lease(&self, lease: &Lease, now_ms: i64) -> Result<bool, Fault> {
        let last = self.last_lease(lease.chain).await?.map(|(last, _)| last);
        if last != Some(lease.number) {
            return Ok(false);
        }
        self.end_lease_at(lease, until_after(now_ms)).await
    }

    /// Releases a lease by setting its expiry to the past. The document is not deleted, so that the next holder takes a
    /// higher number.
    pub async fn release_lease(&self, lease: &Lease) -> Result<(), Fault> {
        self.end_lease_at(lease, DateTime::from_millis(0)).await?;
        Ok(())
    }

    /// Sets the expiry time in the document of this lease. Returns false if the document does not exist.
    async fn end_lease_at(&self, lease: &Lease, until: DateTime) -> Result<bool, Fault> {
        let own = doc! { "_id": lease.chain.id(lease.number) };
        let leases = self.collection(lease.chain.collection()).await?;
        let set = doc! { "$set": { "until": until } };
        Ok(leases.update_one(own, set).await?.matched_count > 0)
    }

    /// Deletes all lease documents of a finished piece of work.
    pub(super) async fn delete_leases(&self, chain: Chain) -> Result<(), Fault> {
        let leases = self.collection(chain.collection()).await?;
        leases.delete_many(chain.all()).await?;
        Ok(())
    }
}

fn held(lease: &Document) -> LeaseHeld {
    let holder = lease.get_str("holder").unwrap_or("another process");
    LeaseHeld {
        holder: holder.to_owned(),
    }
}

fn until_after(now_ms: i64) -> DateTime {
    DateTime::from_millis(now_ms.saturating_add(LEASE_MS))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documents_are_those_that_earlier_releases_read() {
        let import = ObjectId::new();
        let mut lease = Chain::Import(import).document(2, 1_000);
        assert!(lease.remove("holder").is_some());
        let until = DateTime::from_millis(1_000 + LEASE_MS);
        let id = format!("{}:2", import.to_hex());
        let wanted = doc! { "importId": import, "_id": id, "number": 2_i64, "until": until };
        assert_eq!(lease, wanted);
        let mut lock = Chain::Migration.document(7, 1_000);
        assert!(lock.remove("holder").is_some());
        assert_eq!(lock, doc! { "_id": 7_i64, "until": until });
    }
}
