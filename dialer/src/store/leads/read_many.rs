//! Queries that read many leads. Exports and statistics read them as a stream, so that memory does not grow with the
//! number of leads.

use bson::oid::ObjectId;
use bson::{DateTime, Document, doc};
use futures::{Stream, StreamExt, TryStreamExt};

use super::filter;
use crate::domain::leads::query::{LeadFilter, LeadQuery};
use crate::domain::leads::stats::{FIELDS, LeadStats};
use crate::domain::tenant::Scope;
use crate::domain::to_json;
use crate::store::collections::LEADS;
use crate::store::database::Store;
use crate::store::fault::Fault;

/// Maximum number of leads that `recent_leads` returns.
const MAX_RECENT: i64 = 50;

impl Store {
    /// Returns all leads that match the query as a stream, in the sort order of the query. The documents contain only
    /// `_id` and `fields`.
    pub async fn stream_leads(
        &self,
        scope: Scope,
        query: &LeadQuery,
        fields: &[&str],
    ) -> Result<impl Stream<Item = Result<Document, Fault>> + Send + use<>, Fault> {
        let leads = self.collection(LEADS).await?;
        let cursor = leads
            .find(filter::of(scope, &query.filter))
            .sort(filter::order(query))
            .projection(projection(fields))
            .await?;
        Ok(cursor.map(|lead| lead.map_err(Fault::from)))
    }

    /// Computes the statistics of all leads that the scope may read.
    pub async fn lead_stats(&self, scope: Scope) -> Result<LeadStats, Fault> {
        let leads = self.collection(LEADS).await?;
        let mut cursor = leads
            .find(filter::of(scope, &LeadFilter::default()))
            .projection(projection(&FIELDS))
            .await?;
        let mut stats = LeadStats::default();
        while let Some(lead) = cursor.try_next().await? {
            stats.add(&to_json::fields(&lead));
        }
        Ok(stats)
    }

    /// Returns leads that were created after `since_ms` (milliseconds since 1970, exclusive), oldest first, at most 50.
    /// If `source` is set, only leads with this source are returned.
    pub async fn recent_leads(
        &self,
        scope: Scope,
        source: Option<&str>,
        since_ms: i64,
    ) -> Result<Vec<Document>, Fault> {
        let leads = self.collection(LEADS).await?;
        let mut parts = vec![
            scope.readable(),
            doc! { "createdAt": { "$gt": DateTime::from_millis(since_ms) } },
        ];
        if let Some(source) = source {
            parts.push(doc! { "source": source });
        }
        let cursor = leads
            .find(doc! { "$and": parts })
            .sort(doc! { "createdAt": 1, "_id": 1 })
            .limit(MAX_RECENT)
            .projection(projection(&["name", "source", "createdAt"]))
            .await?;
        Ok(cursor.try_collect().await?)
    }

    /// Returns those of the lead ids `ids` that exist and that the scope may read.
    pub async fn readable_leads(
        &self,
        scope: Scope,
        ids: &[ObjectId],
    ) -> Result<Vec<ObjectId>, Fault> {
        let leads = self.collection(LEADS).await?;
        let mut wanted = scope.readable();
        wanted.insert("_id", doc! { "$in": ids });
        let found: Vec<Document> = leads
            .find(wanted)
            .projection(doc! { "_id": 1 })
            .await?
            .try_collect()
            .await?;
        let ids = found.iter().filter_map(|l| l.get_object_id("_id").ok());
        Ok(ids.collect())
    }
}

fn projection(fields: &[&str]) -> Document {
    fields.iter().map(|f| ((*f).to_owned(), 1.into())).collect()
}
