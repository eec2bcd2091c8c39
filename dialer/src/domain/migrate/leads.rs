//! Inspection of leads for the command `dialer migrate`. It finds, for example, missing owners, duplicates, and fields
//! whose type differs from the legacy schema.

use std::collections::BTreeMap;
use std::collections::HashMap;

use bson::oid::ObjectId;
use bson::{Bson, Document};

use super::{Finding, Occurrences, Severity, type_name};
use crate::domain::to_json;
use crate::domain::vendor::matching::MatchKeys;

/// Fields that are text in the legacy schema.
const TEXT: &[&str] = &[
    "name",
    "firstName",
    "lastName",
    "email",
    "phone",
    "leadId",
    "nextgenId",
    "status",
    "source",
    "notes",
    "zipcode",
    "dob",
    "height",
    "weight",
    "gender",
    "state",
    "city",
    "street1",
    "street2",
    "householdSize",
    "householdIncome",
    "insuranceTimeframe",
    "campaignName",
    "product",
    "vendorName",
    "accountName",
    "bidType",
    "sourceCode",
    "sourceHash",
    "subIdHash",
    "callLogId",
    "callDuration",
    "disposition",
    "timeZone",
];
const NUMBERS: &[&str] = &["price", "order"];
const FLAGS: &[&str] = &[
    "military",
    "pregnant",
    "tobaccoUser",
    "hasPrescription",
    "hasMedicarePartsAB",
    "hasMedicalCondition",
];
const DATES: &[&str] = &["createdAt", "updatedAt", "lastContactedAt"];

/// Maximum number of leads that are compared to find duplicates. It limits the memory for their match keys.
const MAX_COMPARED: u64 = 500_000;

/// Collects findings about leads. Each stored lead is passed to `see`.
#[derive(Debug, Default)]
pub struct LeadInspector {
    looked_at: u64,
    unreadable: Occurrences,
    unowned: Occurrences,
    odd_owner: Occurrences,
    undated: Occurrences,
    same: Occurrences,
    types: BTreeMap<(&'static str, &'static str), Occurrences>,
    known: HashMap<(ObjectId, Key), Holders>,
}

#[derive(Debug, PartialEq, Eq, Hash)]
enum Key {
    VendorId(String),
    Phone(String),
    Email(String),
}

/// Kinds of leads that have a certain match key: leads with a vendor id, leads without one, or both.
#[derive(Debug, Default)]
struct Holders {
    with_id: bool,
    without: bool,
}

impl LeadInspector {
    pub fn see(&mut self, lead: &Document) {
        self.looked_at = self.looked_at.saturating_add(1);
        let id = lead.get("_id");
        let readable = matches!(id, Some(Bson::ObjectId(_)));
        self.unreadable.at_if(!readable, id);
        self.undated.at_if(
            !matches!(lead.get("createdAt"), Some(Bson::DateTime(_))),
            id,
        );
        self.see_types(lead);
        match lead.get("tenantId") {
            Some(Bson::ObjectId(tenant)) => {
                if self.looked_at <= MAX_COMPARED && self.is_known(*tenant, lead) {
                    self.same.at(id);
                }
            }
            None | Some(Bson::Null) => self.unowned.at(id),
            Some(_) => self.odd_owner.at(id),
        }
    }

    fn see_types(&mut self, lead: &Document) {
        let id = lead.get("_id");
        let mut odd = |fields: &'static [&'static str], fits: fn(&Bson) -> bool| {
            for field in fields {
                let Some(value) = lead.get(field) else {
                    continue;
                };
                if !fits(value) && *value != Bson::Null {
                    let key = (*field, type_name(value));
                    self.types.entry(key).or_default().at(id);
                }
            }
        };
        odd(TEXT, |v| matches!(v, Bson::String(_)));
        odd(NUMBERS, |v| {
            matches!(v, Bson::Int32(_) | Bson::Int64(_) | Bson::Double(_))
        });
        odd(FLAGS, |v| matches!(v, Bson::Boolean(_)));
        odd(DATES, |v| matches!(v, Bson::DateTime(_)));
    }

    /// Returns true if a lead that was inspected earlier is a duplicate of this one by the rules of `vendor::matching`.
    /// Also stores the match keys of this lead.
    fn is_known(&mut self, tenant: ObjectId, lead: &Document) -> bool {
        let keys = MatchKeys::of_stored(&to_json::fields(lead));
        let has_id = !keys.vendor_ids.is_empty();
        let ids = keys.vendor_ids.into_iter().map(Key::VendorId);
        let contact = [keys.phone.map(Key::Phone), keys.email.map(Key::Email)];
        let mut same = false;
        for key in ids.chain(contact.into_iter().flatten()) {
            let by_id = matches!(key, Key::VendorId(_));
            let holders = self.known.entry((tenant, key)).or_default();
            same |= if by_id || !has_id {
                holders.with_id || holders.without
            } else {
                holders.without
            };
            if has_id {
                holders.with_id = true;
            } else {
                holders.without = true;
            }
        }
        same
    }

    pub fn findings(&self) -> Vec<Finding> {
        let types = self.types.iter().filter_map(|((field, found), seen)| {
            Finding::new(
                format!("leads.{field}.{found}"),
                Severity::Note,
                seen,
                format!("{field} is of type {found}: read as it is and left as it is"),
            )
        });
        let uncompared = Occurrences {
            count: self.looked_at.saturating_sub(MAX_COMPARED),
            example: None,
        };
        let uncompared = Finding::new(
            "leads.uncompared".to_owned(),
            Severity::Note,
            &uncompared,
            "not compared with the others: there are too many",
        );
        self.of_whole_leads()
            .into_iter()
            .flatten()
            .chain(types)
            .chain(uncompared)
            .collect()
    }

    /// Returns the findings that concern a lead as a whole: its id, owner, creation date and duplicates.
    fn of_whole_leads(&self) -> [Option<Finding>; 5] {
        let of = |id: &str, severity, seen: &Occurrences, message: &str| {
            Finding::new(format!("leads.{id}"), severity, seen, message)
        };
        [
            of(
                "unreadable",
                Severity::Conflict,
                &self.unreadable,
                "their _id is no ObjectId: they show in lists but cannot be opened; left as they are",
            ),
            of(
                "unowned",
                Severity::Conflict,
                &self.unowned,
                "no tenantId: only administrators see them, read-only, until POST /api/leads/:id/claim or \
                 `dialer migrate --assign-unowned USER`",
            ),
            of(
                "oddOwner",
                Severity::Conflict,
                &self.odd_owner,
                "tenantId is no ObjectId: nobody sees them; set it to a user's _id by hand",
            ),
            of(
                "undated",
                Severity::Note,
                &self.undated,
                "no createdAt: they sort last and no date filter finds them; left as they are",
            ),
            of(
                "same",
                Severity::Note,
                &self.same,
                "the same as an older lead of their tenant (vendor id, phone or e-mail): left as they are; what a vendor \
                 sends next goes to the oldest",
            ),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bson::{DateTime, doc};

    fn findings(leads: &[Document]) -> Vec<(String, u64)> {
        let mut inspector = LeadInspector::default();
        for lead in leads {
            inspector.see(lead);
        }
        let found = inspector.findings().into_iter();
        found.map(|f| (f.id, f.count)).collect()
    }

    fn lead(tenant: ObjectId, more: Document) -> Document {
        let mut lead =
            doc! { "_id": ObjectId::new(), "tenantId": tenant, "createdAt": DateTime::now() };
        lead.extend(more);
        lead
    }

    #[test]
    fn a_lead_of_either_old_server_is_nothing_to_report() {
        let tenant = ObjectId::new();
        let old = lead(
            tenant,
            doc! {
                "name": "Ann", "phone": "(555) 012-3456", "price": 4.5, "order": 0, "military": false, "vendorData": { "x": 1 },
                "source_hash": "free-form", "disposition": Bson::Null,
            },
        );
        assert_eq!(findings(&[old]), []);
    }

    #[test]
    fn what_is_odd_is_counted_by_field_and_type() {
        let tenant = ObjectId::new();
        let found = findings(&[
            lead(tenant, doc! { "price": "4.50", "zipcode": 7001 }),
            lead(tenant, doc! { "price": "x", "military": "true" }),
            doc! { "_id": ObjectId::new(), "createdAt": DateTime::now() },
            doc! { "_id": "1", "tenantId": tenant.to_hex(), "createdAt": "yesterday" },
        ]);
        let expected = [
            ("leads.unreadable", 1),
            ("leads.unowned", 1),
            ("leads.oddOwner", 1),
            ("leads.undated", 1),
            ("leads.createdAt.string", 1),
            ("leads.military.string", 1),
            ("leads.price.string", 2),
            ("leads.zipcode.int", 1),
        ];
        assert_eq!(found, expected.map(|(id, n)| (id.to_owned(), n)));
    }

    #[test]
    fn the_same_lead_is_counted_as_the_webhook_would_find_it() {
        let (one, two) = (ObjectId::new(), ObjectId::new());
        let phone = doc! { "phone": "5550123456" };
        let same = |leads: &[Document]| {
            let found = findings(leads);
            found
                .iter()
                .find(|(id, _)| id == "leads.same")
                .map_or(0, |f| f.1)
        };
        let with = |id: &str| doc! { "leadId": id, "phone": "+1 555 012 3456" };
        for (leads, count) in [
            (vec![lead(one, phone.clone()), lead(one, phone.clone())], 1),
            (vec![lead(one, phone.clone()), lead(two, phone.clone())], 0),
            (vec![lead(one, with("a")), lead(one, with("b"))], 0),
            (
                vec![lead(one, with("a")), lead(one, doc! { "nextgenId": "A" })],
                1,
            ),
            (vec![lead(one, with("a")), lead(one, phone.clone())], 1),
            (vec![lead(one, phone.clone()), lead(one, with("a"))], 1),
            (vec![lead(one, doc! {}), lead(one, doc! {})], 0),
        ] {
            assert_eq!(same(&leads), count, "{leads:?}");
        }
    }
}
