//! Writing of the rows of a CSV file to the collection `leads`, in batches and by the rules for webhook messages.
//! Writing a row twice changes nothing, so an interrupted import can be continued.

use std::collections::HashMap;

use bson::oid::ObjectId;
use bson::{Bson, DateTime, Document, doc};
use futures::{StreamExt, TryStreamExt, stream};
use jiff::Timestamp;
use mongodb::error::ErrorKind;
use mongodb::{Collection, error::Error};

use super::lead::{LeadDiff, Settled, apply, fold, new_lead, settle};
use crate::domain::to_json;
use crate::domain::vendor::file::columns::{Columns, Reading};
use crate::domain::vendor::file::row::{Row, RowCounts};
use crate::domain::vendor::file::vendor::Vendor;
use crate::domain::vendor::lead::VendorLead;
use crate::domain::vendor::lead_index::{KnownLead, LeadIndex, WantedKeys};
use crate::domain::vendor::matching::{self, MatchKeys};
use crate::store::collections::LEADS;
use crate::store::database::Store;
use crate::store::fault::{DUPLICATE_KEY, Fault, Reason};
use crate::store::numbers::number;

/// Maximum number of leads in a batch that are updated at the same time.
const MAX_CONCURRENT: usize = 8;

/// Properties of an import that are needed to write its rows.
#[derive(Debug, Clone, Copy)]
pub struct Job<'a> {
    pub tenant: ObjectId,
    pub import: ObjectId,
    pub columns: &'a Columns,
    /// Start time of the import. It is used as the time of receipt of all rows, so that a process that continues the
    /// import derives the same values from them.
    pub began: Timestamp,
    /// True for a dry run, which only counts the changes and writes nothing.
    pub dry: bool,
}

/// Rows of a batch that belong to the same lead, in the order of the file.
struct Group {
    id: ObjectId,
    known: bool,
    rows: Vec<(Row, Reading, VendorLead)>,
}

impl Group {
    fn came(&self) -> Vec<&VendorLead> {
        self.rows.iter().map(|(_, _, lead)| lead).collect()
    }
}

impl Store {
    /// Returns an index of the tenant's leads that a row of the file could match. One query reads the match keys of all
    /// leads. Only leads with a key in `wanted` are added to the index.
    pub async fn known_leads(
        &self,
        tenant: ObjectId,
        wanted: &WantedKeys,
    ) -> Result<LeadIndex, Fault> {
        let leads = self.collection(LEADS).await?;
        let mut cursor = leads
            .find(doc! { "tenantId": tenant })
            .projection(
                doc! { "leadId": 1, "nextgenId": 1, "phone": 1, "email": 1, "createdAt": 1 },
            )
            .await?;
        let mut index = LeadIndex::default();
        while let Some(lead) = cursor.try_next().await? {
            let keys = MatchKeys::of_stored(&to_json::fields(&lead));
            if let (true, Ok(id)) = (wanted.meets(&keys), lead.get_object_id("_id")) {
                let created = lead.get_datetime("createdAt");
                index.add(KnownLead {
                    id,
                    keys,
                    created_ms: created.map_or(i64::MAX, |at| at.timestamp_millis()),
                    phone_is_blank: match lead.get("phone") {
                        Some(Bson::String(phone)) => phone.trim().is_empty(),
                        other => matches!(other, None | Some(Bson::Null)),
                    },
                });
            }
        }
        Ok(index)
    }

    /// Writes a batch of rows to the collection `leads` and returns the counts. Rows without a lead are skipped. In a
    /// dry run nothing is written.
    pub async fn take_rows(
        &self,
        job: &Job<'_>,
        index: &mut LeadIndex,
        rows: Vec<Row>,
    ) -> Result<RowCounts, Fault> {
        let leads = self.collection(LEADS).await?;
        let (known, new): (Vec<Group>, Vec<Group>) =
            grouped(job, index, rows).into_iter().partition(|g| g.known);
        let mut counts = RowCounts::default();
        let known = if job.dry {
            counts = counts.plus(planned(job, &new));
            known
        } else {
            let (made, others) = insert(&leads, job, new).await?;
            counts = counts.plus(made);
            known.into_iter().chain(others).collect()
        };
        let mut stored = read(&leads, job.tenant, &known).await?;
        let settling = known.into_iter().map(|group| {
            let (leads, read) = (leads.clone(), stored.remove(&group.id));
            async move { take(&leads, job, &group, read).await }
        });
        let taken: Vec<RowCounts> = stream::iter(settling)
            .buffer_unordered(MAX_CONCURRENT)
            .try_collect()
            .await?;
        Ok(taken.into_iter().fold(counts, RowCounts::plus))
    }
}

/// Groups rows by the lead that they match. A row that matches no known lead starts the group of a new lead, which
/// later rows can match.
fn grouped(job: &Job<'_>, index: &mut LeadIndex, rows: Vec<Row>) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    let mut places: HashMap<ObjectId, usize> = HashMap::new();
    for row in rows {
        let mut reading = job.columns.read(&row);
        let Some(lead) = reading.lead.take() else {
            continue;
        };
        let keys = MatchKeys::of_vendor(&lead);
        let found = index.take(&keys);
        let id = found.unwrap_or_else(|| matching::new_id(job.tenant, &lead));
        if found.is_none() {
            let bought = lead.bought_at.map_or(job.began, |at| at.min(job.began));
            index.add(KnownLead {
                id,
                phone_is_blank: lead.phone.is_none(),
                created_ms: bought.as_millisecond(),
                keys,
            });
        }
        let place = *places.entry(id).or_insert_with(|| {
            groups.push(Group {
                id,
                known: found.is_some(),
                rows: Vec::new(),
            });
            groups.len() - 1
        });
        if let Some(group) = groups.get_mut(place) {
            group.rows.push((row, reading, lead));
        }
    }
    groups
}

/// Returns the counts that inserting the new leads would produce. Used for dry runs.
fn planned(job: &Job<'_>, new: &[Group]) -> RowCounts {
    new.iter().fold(RowCounts::default(), |counts, group| {
        let told = document(job, group).map_or_else(Vec::new, |(_, told)| told);
        counts.plus(counted(group, &told, true))
    })
}

/// Inserts the new leads. Returns the counts of the inserted leads, and the groups whose lead already exists. A lead
/// may already exist because of a concurrent request, or because the import was interrupted and continued.
async fn insert(
    leads: &Collection<Document>,
    job: &Job<'_>,
    new: Vec<Group>,
) -> Result<(RowCounts, Vec<Group>), Fault> {
    let made: Vec<(Group, Document, Vec<bool>)> = new
        .into_iter()
        .filter_map(|group| {
            let (document, told) = document(job, &group)?;
            Some((group, document, told))
        })
        .collect();
    if made.is_empty() {
        return Ok((RowCounts::default(), Vec::new()));
    }
    let documents = made.iter().map(|(_, document, _)| document);
    let inserted = leads.insert_many(documents).ordered(false).await;
    let taken = match inserted {
        Ok(_) => Vec::new(),
        Err(error) => duplicates(error)?,
    };
    let (mut counts, mut others) = (RowCounts::default(), Vec::new());
    for (at, (group, _, told)) in made.into_iter().enumerate() {
        if taken.contains(&at) {
            others.push(group);
        } else {
            counts = counts.plus(counted(&group, &told, true));
        }
    }
    Ok((counts, others))
}

/// Returns the positions of the documents that were not inserted because their `_id` already exists.
///
/// # Errors
/// Returns an error if the insert also failed for another reason.
fn duplicates(error: Error) -> Result<Vec<usize>, Fault> {
    if let ErrorKind::InsertMany(many) = error.kind.as_ref()
        && many.write_concern_error.is_none()
        && let Some(errors) = &many.write_errors
    {
        if errors.iter().all(|error| error.code == DUPLICATE_KEY) {
            return Ok(errors.iter().map(|error| error.index).collect());
        }
        return Err(Fault {
            reason: Reason::ServerError,
            code: errors.iter().map(|e| e.code).find(|c| *c != DUPLICATE_KEY),
        });
    }
    Err(error.into())
}

/// Builds the document of a new lead from all its rows. Also returns for each row whether it contributed a value.
fn document(job: &Job<'_>, group: &Group) -> Option<(Document, Vec<bool>)> {
    let (row, reading, first) = group.rows.first()?;
    let vendor = job.columns.vendor;
    let mut document = new_lead((job.tenant, group.id), first, vendor.name(), job.began);
    let (original, cut) = job.columns.original(row);
    let original: Document = original.into_iter().map(|(k, v)| (k, v.into())).collect();
    let named = first.person.iter().any(|(field, _)| *field == "name");
    if !named && vendor != Vendor::NextGen {
        document.insert("name", "Blank Lead");
    }
    document.extend(doc! {
        "assignedTo": job.tenant,
        "status": reading.status.as_deref().unwrap_or("New"),
        "disposition": reading.disposition.as_deref().unwrap_or_default(),
        "notesMetadata": {
            "importDate": DateTime::from_millis(job.began.as_millisecond()),
            "source": "CSV",
            "importId": job.import,
            "row": row.number,
            "cut": cut,
            "originalCSVData": original,
        },
    });
    let came = group.came();
    let more = fold(&document, came.get(1..)?, job.began, false);
    apply(&mut document, more.set);
    let told = std::iter::once(true).chain(more.told).collect();
    Some((document, told))
}

/// Reads the stored leads of the groups with one query. Returns them by their `_id`.
async fn read(
    leads: &Collection<Document>,
    tenant: ObjectId,
    groups: &[Group],
) -> Result<HashMap<ObjectId, Document>, Fault> {
    if groups.is_empty() {
        return Ok(HashMap::new());
    }
    let ids: Vec<ObjectId> = groups.iter().map(|group| group.id).collect();
    let found: Vec<Document> = leads
        .find(doc! { "_id": { "$in": ids }, "tenantId": tenant })
        .projection(doc! { "notes": 0, "notesMetadata.originalCSVData": 0 })
        .await?
        .try_collect()
        .await?;
    let by_id = found
        .into_iter()
        .filter_map(|lead| Some((lead.get_object_id("_id").ok()?, lead)));
    Ok(by_id.collect())
}

/// Merges the rows of a group into its stored lead and returns the counts. In a dry run nothing is written.
async fn take(
    leads: &Collection<Document>,
    job: &Job<'_>,
    group: &Group,
    read: Option<Document>,
) -> Result<RowCounts, Fault> {
    // In a dry run the lead may not exist yet. Otherwise its owner has deleted it in the meantime.
    let Some(stored) = read else {
        return Ok(counted(group, &vec![job.dry; group.rows.len()], false));
    };
    let own_work = made_by(&stored, job, group);
    let came = group.came();
    let Settled { changed, told, .. } = if job.dry {
        let LeadDiff { set, told, news } = fold(&stored, &came, job.began, false);
        Settled {
            news,
            changed: !set.is_empty(),
            told,
        }
    } else {
        let own = doc! { "_id": group.id, "tenantId": job.tenant };
        settle(leads, &own, &came, job.began, Some(stored)).await?
    };
    let none = vec![false; group.rows.len()];
    Ok(counted(
        group,
        if changed { &told } else { &none },
        own_work,
    ))
}

/// Returns true if this import has already created the lead from the first row of the group, before it was interrupted.
fn made_by(stored: &Document, job: &Job<'_>, group: &Group) -> bool {
    let (Ok(made), Some((row, ..))) = (stored.get_document("notesMetadata"), group.rows.first())
    else {
        return false;
    };
    let import = made.get_object_id("importId");
    import == Ok(job.import) && number(made.get("row")) == Some(i64::from(row.number))
}

fn counted(group: &Group, told: &[bool], made: bool) -> RowCounts {
    let mut counts = RowCounts::default();
    for at in 0..group.rows.len() {
        let count = match (made && at == 0, told.get(at)) {
            (true, _) => &mut counts.imported,
            (_, Some(true)) => &mut counts.updated,
            _ => &mut counts.unchanged,
        };
        *count += 1;
    }
    counts
}
