//! Access to the collection `leads`. Functions that act for a user require a [`Scope`], so that the user cannot access
//! leads of other users.

mod filter;
mod read_many;
pub(super) mod write;

use bson::Document;
use bson::oid::ObjectId;
use futures::TryStreamExt;

use super::collections::LEADS;
use super::database::Store;
use super::fault::Fault;
use crate::domain::leads::query::LeadQuery;
use crate::domain::tenant::Scope;

pub use write::{Changed, Guard};

/// A page of leads.
#[derive(Debug)]
pub struct LeadPage {
    pub leads: Vec<Document>,
    /// Total number of matching leads on all pages.
    pub total: u64,
}

impl Store {
    /// Returns a page of leads. If `query.all` is set, the page contains up to
    /// [`MAX_RESULTS`](crate::domain::leads::query::MAX_RESULTS) leads. The caller must then reject the request if
    /// `total` exceeds that number.
    pub async fn leads(&self, scope: Scope, query: &LeadQuery) -> Result<LeadPage, Fault> {
        let leads = self.collection(LEADS).await?;
        let wanted = filter::of(scope, &query.filter);
        let total = leads.count_documents(wanted.clone()).await?;
        let (skip, limit) = filter::window(query);
        let cursor = leads
            .find(wanted)
            .sort(filter::order(query))
            .skip(skip)
            .limit(limit)
            .await?;
        Ok(LeadPage {
            leads: cursor.try_collect().await?,
            total,
        })
    }

    /// Returns a lead by its id; `None` if it does not exist or the scope may not read it.
    pub async fn lead(&self, scope: Scope, id: ObjectId) -> Result<Option<Document>, Fault> {
        let leads = self.collection(LEADS).await?;
        let mut wanted = scope.readable();
        wanted.insert("_id", id);
        Ok(leads.find_one(wanted).await?)
    }
}
