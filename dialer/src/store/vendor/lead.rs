//! Storage of leads that vendors send by webhook. Concurrent messages are handled correctly without any index. The
//! `_id` of a new lead is derived from its match key, so only one insert succeeds. An update is computed from the
//! stored lead, and computed again if another write has changed the lead in the meantime.

use bson::oid::ObjectId;
use bson::{Bson, DateTime, Document, doc};
use futures::TryStreamExt;
use jiff::Timestamp;
use mongodb::{Collection, error::Error};

use crate::domain::leads::phone;
use crate::domain::to_json;
use crate::domain::vendor::lead::{Field, VendorLead};
use crate::domain::vendor::matching::{self, MatchKeys};
use crate::domain::vendor::merge::{Merge, Purchase, merge};
use crate::domain::vendor::price::Cents;
use crate::store::collections::LEADS;
use crate::store::database::Store;
use crate::store::fault::{Fault, Reason};
use crate::store::leads::write::blank;

/// Maximum number of stored leads that are compared with one lead of a vendor.
const MAX_CANDIDATES: i64 = 50;

/// Maximum number of attempts to write a message. An attempt only fails if another write to the same lead succeeded.
const MAX_ATTEMPTS: usize = 300;

/// Result of storing a lead that a vendor sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReceivedLead {
    /// `_id` of the lead.
    pub id: ObjectId,
    /// True if this message created the lead.
    pub created: bool,
    /// True if the message contained a purchase that was not stored before.
    pub news: bool,
    /// Number of stored leads that match the message by the most reliable kind of key, including a lead that the
    /// message created. If there is more than one, the vendor receives a warning.
    pub alike: usize,
}

impl Store {
    /// Stores a lead that a vendor sent: merges it into the matching stored lead, or creates a new lead. `source` is
    /// the vendor's name, which becomes the field `source` of a new lead.
    pub async fn receive_lead(
        &self,
        tenant: ObjectId,
        lead: &VendorLead,
        source: &str,
        now: Timestamp,
    ) -> Result<ReceivedLead, Fault> {
        let leads = self.collection(LEADS).await?;
        let keys = MatchKeys::of_vendor(lead);
        if let Some((id, alike)) = known(&leads, tenant, &keys, lead).await? {
            let own = doc! { "_id": id, "tenantId": tenant };
            let settled = settle(&leads, &own, &[lead], now, None).await?;
            return Ok(ReceivedLead {
                id,
                created: false,
                news: settled.news,
                alike,
            });
        }
        let id = matching::new_id(tenant, lead);
        let first = new_lead((tenant, id), lead, source, now);
        let created = match leads.insert_one(first).await.map_err(Fault::from) {
            Ok(_) => true,
            Err(fault) if fault.reason == Reason::DuplicateKey => false,
            Err(fault) => return Err(fault),
        };
        // A lead that was just inserted is complete. If a concurrent message inserted it, this message is merged into
        // it.
        let own = doc! { "_id": id, "tenantId": tenant };
        let news = created || settle(&leads, &own, &[lead], now, None).await?.news;
        Ok(ReceivedLead {
            id,
            created,
            news,
            alike: 1,
        })
    }
}

/// Finds the oldest stored lead that matches the vendor's lead, and returns its id. Also returns the number of leads
/// that match by the same kind of key.
async fn known(
    leads: &Collection<Document>,
    tenant: ObjectId,
    keys: &MatchKeys,
    lead: &VendorLead,
) -> Result<Option<(ObjectId, usize)>, Fault> {
    let mut any = Vec::new();
    for id in &keys.vendor_ids {
        // Stored ids may be in lower case (old importer) or as sent (old webhook).
        let mut spellings = vec![id.clone(), id.to_uppercase()];
        spellings.extend(lead.vendor_id.clone());
        any.push(doc! { "leadId": { "$in": &spellings } });
        any.push(doc! { "nextgenId": { "$in": spellings } });
    }
    if let Some(phone) = &keys.phone {
        let digits = phone::digits(phone.trim_start_matches("+1"));
        any.push(doc! { "phone": { "$regex": phone::pattern(&digits) } });
    }
    if let Some(email) = &keys.email {
        any.push(doc! { "email": email });
    }
    if any.is_empty() {
        return Ok(None);
    }
    let found: Vec<Document> = leads
        .find(doc! { "$and": [{ "tenantId": tenant }, { "$or": any }] })
        .projection(doc! { "leadId": 1, "nextgenId": 1, "phone": 1, "email": 1 })
        .sort(doc! { "createdAt": 1, "_id": 1 })
        .limit(MAX_CANDIDATES)
        .await?
        .try_collect()
        .await?;
    let alike: Vec<(MatchKeys, ObjectId)> = found
        .iter()
        .filter_map(|l| {
            Some((
                MatchKeys::of_stored(&to_json::fields(l)),
                l.get_object_id("_id").ok()?,
            ))
        })
        .collect();
    Ok(matching::find(keys, alike.iter().map(|(k, id)| (k, *id))))
}

/// Result of [`settle`].
#[derive(Debug, Default)]
pub(super) struct Settled {
    /// True if the vendor's leads contained a purchase that was not stored before.
    pub news: bool,
    /// True if the stored lead was changed.
    pub changed: bool,
    /// For each of the vendor's leads: true if it changed the stored lead.
    pub told: Vec<bool>,
}

/// Merges one or more leads of a vendor into the stored lead that `own` selects. All fields are written once. Then the
/// lead is read again, and its price is corrected until it equals the sum of the price parts. The price is thus also
/// correct on servers without atomic compare-and-set. Other fields are not corrected, so that later changes are kept.
/// `read` is the stored lead if the caller has just read it.
pub(super) async fn settle(
    leads: &Collection<Document>,
    own: &Document,
    came: &[&VendorLead],
    now: Timestamp,
    mut read: Option<Document>,
) -> Result<Settled, Fault> {
    let mut settled = Settled::default();
    for _ in 0..MAX_ATTEMPTS {
        let stored = match read.take() {
            Some(stored) => stored,
            None => match leads.find_one(own.clone()).await? {
                Some(stored) => stored,
                // The owner deleted the lead in the meantime; it is not restored.
                None => return Ok(settled),
            },
        };
        let change = fold(&stored, came, now, settled.changed);
        if !settled.changed {
            settled.told = change.told;
        }
        if change.set.is_empty() {
            return Ok(settled);
        }
        if write(leads, own, &stored, change.set).await? {
            settled.changed = true;
            settled.news |= change.news;
        }
    }
    Err(Fault::new(Reason::NoAnswer))
}

/// Changes that one or more leads of a vendor make to a stored lead. `news` and `told` have the same meaning as in
/// [`Settled`].
pub(super) struct LeadDiff {
    /// Fields to set, with their paths; empty if nothing changes.
    pub set: Document,
    pub news: bool,
    pub told: Vec<bool>,
}

/// Computes the changes that the leads in `came` make to a stored lead, merging them in order. If `price_only` is true,
/// only changes to the price are returned.
pub(super) fn fold(
    stored: &Document,
    came: &[&VendorLead],
    now: Timestamp,
    price_only: bool,
) -> LeadDiff {
    let mut seen = stored.clone();
    let (mut all, mut news, mut told) = (Document::new(), false, Vec::new());
    for lead in came {
        let mut merged = merge(&to_json::fields(&seen), lead, now);
        if price_only {
            merged = Merge {
                price: merged.price,
                ..Merge::default()
            };
        }
        news |= merged.is_news();
        told.push(!merged.is_empty());
        let set = set(&merged);
        apply(&mut seen, set.clone());
        all.extend(set);
    }
    // A field whose value a later lead changed back is not a change.
    let set = all
        .into_iter()
        .filter(|(path, value)| at(stored, path) != Some(value))
        .collect();
    LeadDiff { set, news, told }
}

fn at<'a>(document: &'a Document, path: &str) -> Option<&'a Bson> {
    match path.split_once('.') {
        None => document.get(path),
        Some((map, part)) => document.get_document(map).ok()?.get(part),
    }
}

/// Sets fields of a document by path, like MongoDB's `$set`. Paths have at most two parts.
pub(super) fn apply(document: &mut Document, set: Document) {
    for (path, value) in set {
        match path.split_once('.') {
            None => document.insert(path, value),
            Some((map, part)) => {
                let mut parts = document.get_document(map).cloned().unwrap_or_default();
                parts.insert(part, value);
                document.insert(map, parts)
            }
        };
    }
}

/// Writes fields to a stored lead. Returns false and writes nothing if the lead has changed since it was read.
async fn write(
    leads: &Collection<Document>,
    own: &Document,
    read: &Document,
    mut set: Document,
) -> Result<bool, Error> {
    let mut unchanged = own.clone();
    let seen = read.get("updatedAt").cloned().unwrap_or(Bson::Null);
    // `updatedAt` increases with every write, even with two in the same millisecond, so that every write can be
    // detected.
    let last = seen.as_datetime().map_or(0, |at| at.timestamp_millis());
    let next = DateTime::now()
        .timestamp_millis()
        .max(last.saturating_add(1));
    unchanged.insert("updatedAt", seen);
    set.insert("updatedAt", DateTime::from_millis(next));
    let done = leads.update_one(unchanged, doc! { "$set": set }).await?;
    Ok(done.matched_count > 0)
}

/// Builds the document of a new lead: the default values of leads from vendors, overwritten by the fields that the
/// vendor sent.
pub(super) fn new_lead(
    (tenant, id): (ObjectId, ObjectId),
    lead: &VendorLead,
    source: &str,
    now: Timestamp,
) -> Document {
    let at = DateTime::from_millis(now.as_millisecond());
    let bought = lead.bought_at.map_or(now, |bought| bought.min(now));
    let mut document = blank(id, tenant);
    document.extend(doc! {
        "name": "NextGen Lead",
        "source": source,
        "sourceCode": source,
        "disposition": "New Lead",
        // `createdAt` is also the date of purchase.
        "createdAt": DateTime::from_millis(bought.as_millisecond()),
        "updatedAt": at,
    });
    let merged = merge(&serde_json::Map::new(), lead, now);
    apply(&mut document, set(&merged));
    document
}

/// Returns the fields that a merge sets, with their paths. Price parts and purchases are set per product, so that
/// concurrent messages about different products do not overwrite each other.
fn set(merge: &Merge) -> Document {
    let mut set = Document::new();
    for (field, value) in &merge.fields {
        let value = match value {
            Field::Text(text) => Bson::from(text),
            Field::Flag(flag) => Bson::from(*flag),
            Field::List(items) => Bson::from(items.clone()),
        };
        set.insert(*field, value);
    }
    if let Some(parts) = merge.price {
        for (part, cents) in [("priceParts.data", parts.data), ("priceParts.ad", parts.ad)] {
            if let Some(cents) = cents {
                set.insert(part, cents.amount());
            }
        }
        set.insert("price", parts.sum().amount());
    }
    if let Some(product) = merge.product {
        set.insert("product", product.name());
    }
    if let Some(purchase) = merge.purchase {
        set.insert(
            format!("purchases.{}", purchase.product.name()),
            line(purchase),
        );
    }
    set
}

/// Builds the stored form of an entry in the purchase history.
fn line(purchase: Purchase) -> Document {
    let price = purchase.price.map(Cents::amount);
    doc! { "price": price, "at": DateTime::from_millis(purchase.at.as_millisecond()) }
}
