//! Leases for work that only one process should do at a time. A lease is a document in a numbered chain. Of concurrent
//! takers exactly one inserts the next number, and the highest number is the valid lease. A process that lost its lease
//! without noticing must do no harm: it writes the same as its successor.

use std::sync::LazyLock;
use std::time::Duration;

use bson::oid::ObjectId;
use bson::{Bson, DateTime, Document, doc};

use super::database::Store;
use super::fault::{Fault, Reason};
use super::numbers::number;

/// Lifetime of a lease that is not renewed, in milliseconds: one minute.
pub const LEASE_MS: i64 = 60_000;

/// Interval at which a lease is renewed: a third of its lifetime, so that two renewals may fail.
pub const RENEW_INTERVAL: Duration = Duration::from_millis(LEASE_MS.unsigned_abs() / 3);

/// Name of this process, which other processes show while it holds a lease.
static THIS_PROCESS: LazyLock<String> = LazyLock::new(|| {
    let host = std::env::var("HOSTNAME").unwrap_or_else(|_| "this machine".to_owned());
    format!("{host}-{:08x}", rand::random::<u32>())
});

/// What a lease is for. The format of the documents must not change, because processes of earlier releases may run at
/// the same time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Chain {
    /// The lease of `dialer migrate`. Its `_id` is the number.
    Migration,
    /// The lease of an import. Its `_id` is `<import>:<number>`.
    Import(ObjectId),
}

impl Chain {
    const fn collection(self) -> &'static str {
        match self {
            Self::Migration => "migrations",
            Self::Import(_) => "csvimportleases",
        }
    }

    /// The field that contains the number.
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

/// A lease that this process took. It permits the work until it expires.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    chain: Chain,
    /// Number in the chain, from 1. It counts how often the lease was taken.
    pub number: i64,
}

/// Another process holds the lease; `holder` is its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeaseHeld {
    pub holder: String,
}

impl Store {
    /// Takes the lease, unless another process holds it.
    ///
    /// # Errors
    /// The outer error is a failure of the database. The inner error names the process that holds the lease.
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

    /// Renews a lease. False if another process has taken over or the work is finished, so that this process must stop.
    pub async fn renew_lease(&self, lease: &Lease, now_ms: i64) -> Result<bool, Fault> {
        let last = self.last_lease(lease.chain).await?.map(|(last, _)| last);
        if last != Some(lease.number) {
            return Ok(false);
        }
        self.end_lease_at(lease, until_after(now_ms)).await
    }

    /// Releases a lease by setting its expiry to the past. The document stays, so that the next holder gets a higher
    /// number.
    pub async fn release_lease(&self, lease: &Lease) -> Result<(), Fault> {
        self.end_lease_at(lease, DateTime::from_millis(0)).await?;
        Ok(())
    }

    /// Sets the expiry of a lease. Only the holder writes to the document.
    async fn end_lease_at(&self, lease: &Lease, until: DateTime) -> Result<bool, Fault> {
        let own = doc! { "_id": lease.chain.id(lease.number) };
        let leases = self.collection(lease.chain.collection()).await?;
        let set = doc! { "$set": { "until": until } };
        Ok(leases.update_one(own, set).await?.matched_count > 0)
    }

    /// Deletes all leases of a chain, when its work is finished.
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
