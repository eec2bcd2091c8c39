//! Creation, changes and deletion of single leads by users. Users can only change leads that they own. Administrators
//! can also claim leads without an owner.

use bson::oid::ObjectId;
use bson::{DateTime, Document, doc};
use mongodb::options::ReturnDocument;

use crate::domain::leads::edit::Edit;
use crate::domain::tenant::Scope;
use crate::store::collections::LEADS;
use crate::store::database::Store;
use crate::store::fault::{Fault, Reason};
use crate::store::numbers::number;

/// Collection of deleted leads. They are kept for [`RETENTION_MS`].
const DELETED: &str = "deletedleads";

/// Time for which a deleted lead can be restored, in milliseconds: 30 days.
const RETENTION_MS: i64 = 30 * 24 * 3_600_000;

/// Condition that a stored lead must meet to be changed. The default contains no condition.
#[derive(Debug, Clone, Copy, Default)]
pub struct Guard {
    /// Value that `updatedAt` of the stored lead must have, in milliseconds since 1970. It detects that the lead has
    /// changed since the client read it. `None` means no condition.
    pub unless_changed_since_ms: Option<i64>,
}

/// Result of an attempt to change a lead.
#[derive(Debug)]
pub enum Changed {
    /// The lead was changed. Contains the new document.
    Done(Document),
    /// The lead was not changed, because the [`Guard`] was not met or because the user already owns the lead to be
    /// claimed. Contains the stored document.
    Conflict(Document),
    /// The lead does not exist, or the user may not change it.
    Missing,
}

impl Store {
    /// Creates a lead that belongs to the user of the scope. Returns the stored document.
    pub async fn insert_lead(&self, scope: Scope, edit: &Edit) -> Result<Document, Fault> {
        let leads = self.collection(LEADS).await?;
        let last = leads
            .find_one(scope.writable())
            .sort(doc! { "order": -1 })
            .projection(doc! { "order": 1 })
            .await?;
        // `order` only affects the display, so duplicates are harmless.
        let order = last.and_then(|lead| number(lead.get("order")));
        let document = new_lead(scope, edit, order.map_or(0, |n| n.saturating_add(1)));
        leads.insert_one(&document).await?;
        Ok(document)
    }

    /// Sets fields of a lead if the stored lead meets `guard`.
    pub async fn update_lead(
        &self,
        scope: Scope,
        id: ObjectId,
        edit: &Edit,
        guard: Guard,
    ) -> Result<Changed, Fault> {
        let leads = self.collection(LEADS).await?;
        let mut own = scope.writable();
        own.insert("_id", id);
        let mut wanted = own.clone();
        if let Some(ms) = guard.unless_changed_since_ms {
            wanted.insert("updatedAt", DateTime::from_millis(ms));
        }
        let mut set = Document::new();
        for (field, value) in &edit.0 {
            set.insert(*field, value);
        }
        set.insert("updatedAt", DateTime::now());
        let done = leads
            .find_one_and_update(wanted, doc! { "$set": set })
            .return_document(ReturnDocument::After)
            .await?;
        if let Some(lead) = done {
            return Ok(Changed::Done(lead));
        }
        let there = leads.find_one(own).await?;
        Ok(there.map_or(Changed::Missing, Changed::Conflict))
    }

    /// Moves a lead to the collection of deleted leads. Returns false if the lead does not exist or does not belong to
    /// the user.
    pub async fn delete_lead(&self, scope: Scope, id: ObjectId) -> Result<bool, Fault> {
        let mut own = scope.writable();
        own.insert("_id", id);
        self.move_lead((LEADS, DELETED), own, |lead| {
            lead.insert("deletedAt", DateTime::now());
        })
        .await
    }

    /// Moves a deleted lead back to the collection `leads`. Returns false if there is no such deleted lead, or if it
    /// does not belong to the user.
    pub async fn restore_lead(&self, scope: Scope, id: ObjectId) -> Result<bool, Fault> {
        let mut own = scope.writable();
        own.insert("_id", id);
        self.move_lead((DELETED, LEADS), own, |lead| {
            lead.remove("deletedAt");
        })
        .await
    }

    /// Moves a lead to another collection: copies it, then deletes the original. If the process ends in between, both
    /// copies exist, and the move can be repeated.
    async fn move_lead(
        &self,
        (from, to): (&str, &str),
        own: Document,
        change: impl FnOnce(&mut Document),
    ) -> Result<bool, Fault> {
        let source = self.collection(from).await?;
        let Some(mut lead) = source.find_one(own.clone()).await? else {
            return Ok(false);
        };
        change(&mut lead);
        let target = self.collection(to).await?;
        match target.insert_one(&lead).await.map_err(Fault::from) {
            Ok(_) => {}
            // An interrupted move left a copy. A copy among the deleted leads is replaced; a lead in `leads` is not
            // overwritten.
            Err(fault) if fault.reason == Reason::DuplicateKey => {
                if to == DELETED {
                    target.replace_one(own.clone(), lead).await?;
                }
            }
            Err(fault) => return Err(fault),
        }
        source.delete_one(own).await?;
        Ok(true)
    }

    /// Assigns a lead without an owner to the user of the scope. Returns [`Changed::Missing`] if the user is not an
    /// administrator.
    pub async fn claim_lead(&self, scope: Scope, id: ObjectId) -> Result<Changed, Fault> {
        let Some(mut unowned) = scope.claimable() else {
            return Ok(Changed::Missing);
        };
        let leads = self.collection(LEADS).await?;
        unowned.insert("_id", id);
        let set = doc! { "tenantId": scope.user(), "updatedAt": DateTime::now() };
        let claimed = leads.update_one(unowned, doc! { "$set": set }).await?;
        // The lead is read again: on a server without atomic compare-and-set, a concurrent claim may have overwritten
        // this one.
        let mut own = scope.writable();
        own.insert("_id", id);
        Ok(match leads.find_one(own).await? {
            Some(lead) if claimed.modified_count > 0 => Changed::Done(lead),
            Some(lead) => Changed::Conflict(lead),
            None => Changed::Missing,
        })
    }

    /// Deletes permanently all leads that were deleted 30 days ago or earlier. Returns their number.
    pub async fn purge_deleted_leads(&self, now_ms: i64) -> Result<u64, Fault> {
        let until = now_ms.saturating_sub(RETENTION_MS);
        self.purge(DELETED, "deletedAt", until).await
    }
}

/// Builds a lead with the default values of the legacy schema.
pub(in crate::store) fn blank(id: ObjectId, tenant: ObjectId) -> Document {
    let now = DateTime::now();
    doc! {
        "_id": id,
        "name": "Blank Lead",
        "email": "",
        "phone": "",
        "tenantId": tenant,
        "status": "New",
        "notes": "",
        "state": "",
        "city": "",
        "military": false,
        "pregnant": false,
        "tobaccoUser": false,
        "hasPrescription": false,
        "hasMedicarePartsAB": false,
        "hasMedicalCondition": false,
        "medicalConditions": [],
        "price": 0,
        "callHistory": [],
        "disposition": "",
        "order": 0,
        "policyDocuments": [],
        "timeZone": "",
        "createdAt": now,
        "updatedAt": now,
        "__v": 0,
    }
}

/// Builds a lead that a user creates: the default values, overwritten by the fields of `edit`.
fn new_lead(scope: Scope, edit: &Edit, order: i64) -> Document {
    let mut lead = blank(ObjectId::new(), scope.user());
    lead.extend(doc! { "assignedTo": scope.user(), "source": "Manual Entry", "order": order });
    for (field, value) in &edit.0 {
        lead.insert(*field, value);
    }
    lead
}

#[cfg(test)]
mod tests {
    use super::*;
    use bson::Bson;

    #[test]
    fn a_new_lead_has_the_old_shape_and_belongs_to_who_made_it() {
        let user = ObjectId::new();
        let edit = Edit(vec![
            ("name", "Ann".to_owned()),
            ("source", "Usha".to_owned()),
        ]);
        let lead = new_lead(Scope::OwnOrUnowned(user), &edit, 7);
        assert_eq!(lead.get_object_id("tenantId"), Ok(user));
        assert_eq!(lead.get_object_id("assignedTo"), Ok(user));
        assert_eq!(lead.get_str("name"), Ok("Ann"));
        assert_eq!(lead.get_str("source"), Ok("Usha"));
        assert_eq!(lead.get_i64("order"), Ok(7));
        assert_eq!(lead.get_i32("__v"), Ok(0));
    }

    #[test]
    fn an_order_of_any_type_is_read() {
        assert_eq!(number(Some(&Bson::Int32(3))), Some(3));
        assert_eq!(number(Some(&Bson::Int64(4))), Some(4));
        assert_eq!(number(Some(&Bson::from("5"))), None);
        assert_eq!(number(None), None);
    }
}
