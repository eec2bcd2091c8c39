//! Rules that decide whether two leads of a tenant are duplicates, and how the `_id` of a new lead is derived.

use bson::oid::ObjectId;
use serde_json::{Map, Value};

use super::lead::VendorLead;
use crate::domain::email;
use crate::domain::ids;
use crate::domain::leads::phone;

/// Keys by which duplicates of a lead are found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MatchKeys {
    /// Ids that the vendor gave the lead, in lower case. A stored lead may have two, because the two versions of the
    /// legacy server used different fields.
    pub vendor_ids: Vec<String>,
    /// Phone number in E.164 form.
    pub phone: Option<String>,
    /// E-mail address, normalised to lower case.
    pub email: Option<String>,
}

impl MatchKeys {
    /// Returns the match keys of a stored lead.
    pub fn of_stored(lead: &Map<String, Value>) -> Self {
        let text = |field: &str| lead.get(field).and_then(Value::as_str).unwrap_or_default();
        let mut vendor_ids: Vec<String> = ["leadId", "nextgenId"]
            .iter()
            .map(|field| text(field).trim().to_lowercase())
            .filter(|id| !id.is_empty())
            .collect();
        vendor_ids.dedup();
        Self {
            vendor_ids,
            phone: phone::e164(text("phone")),
            email: Some(email::normalise(text("email"))).filter(|e| !e.is_empty()),
        }
    }

    /// Returns the match keys of a lead that a vendor sent.
    pub fn of_vendor(lead: &VendorLead) -> Self {
        Self {
            vendor_ids: lead.vendor_id.iter().map(|id| id.to_lowercase()).collect(),
            phone: lead.phone.as_deref().and_then(phone::e164),
            email: lead.email.clone(),
        }
    }

    /// Returns the kind of key by which both leads match; `None` if they are different leads. If both have vendor ids,
    /// only these are compared. Otherwise phone number and e-mail address are compared. They are less reliable because
    /// family members may share them.
    pub fn same(&self, other: &Self) -> Option<MatchedBy> {
        if !self.vendor_ids.is_empty() && !other.vendor_ids.is_empty() {
            let shared = self
                .vendor_ids
                .iter()
                .any(|id| other.vendor_ids.contains(id));
            return shared.then_some(MatchedBy::VendorId);
        }
        if self.phone.is_some() && self.phone == other.phone {
            return Some(MatchedBy::Phone);
        }
        (self.email.is_some() && self.email == other.email).then_some(MatchedBy::Email)
    }

    /// Derives the `_id` of a new lead from its most reliable key. Repeated messages have the same `_id`, so only one
    /// of their inserts succeeds. Returns `None` if the lead has no key.
    pub fn new_id(&self, tenant: ObjectId) -> Option<ObjectId> {
        let id = self.vendor_ids.first().map(|id| ("vendor", id));
        let (kind, key) = id
            .or_else(|| self.phone.as_ref().map(|phone| ("phone", phone)))
            .or_else(|| self.email.as_ref().map(|email| ("email", email)))?;
        Some(ids::derived(&[&tenant.to_hex(), kind, key]))
    }
}

/// Returns the `_id` of a new lead. It is derived from the most reliable match key of the lead. If the lead has none,
/// it is derived from the digits of the phone number, or from the phone number as sent if it has no digits. A repeated
/// message therefore results in the same `_id`.
pub fn new_id(tenant: ObjectId, lead: &VendorLead) -> ObjectId {
    let by_key = MatchKeys::of_vendor(lead).new_id(tenant);
    let digits = lead.phone.as_deref().map(phone::digits);
    let by_digits = || {
        let phone = digits.filter(|d| !d.is_empty()).or(lead.phone.clone());
        let keys = MatchKeys {
            phone: phone.map(|phone| format!("written {phone}")),
            ..MatchKeys::default()
        };
        keys.new_id(tenant)
    };
    by_key.or_else(by_digits).unwrap_or_default()
}

/// Kind of key by which two leads match, ordered from most to least reliable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum MatchedBy {
    VendorId,
    Phone,
    Email,
}

/// Finds the stored lead that matches `incoming` by the most reliable kind of key; `None` if no lead matches. If
/// several match, the first is returned, so `stored` must be sorted by age, oldest first. Also returns the number of
/// leads that match by this kind of key.
pub fn find<'a, T>(
    incoming: &MatchKeys,
    stored: impl IntoIterator<Item = (&'a MatchKeys, T)>,
) -> Option<(T, usize)> {
    let mut best: Option<(MatchedBy, T, usize)> = None;
    for (keys, lead) in stored {
        let Some(by) = keys.same(incoming) else {
            continue;
        };
        best = Some(match best {
            Some((found, first, count)) if found == by => (found, first, count + 1),
            Some((found, first, count)) if found < by => (found, first, count),
            _ => (by, lead, 1),
        });
    }
    best.map(|(_, lead, count)| (lead, count))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn stored(lead: &Value) -> MatchKeys {
        MatchKeys::of_stored(lead.as_object().unwrap())
    }

    fn keys(id: &str, phone: &str, email: &str) -> MatchKeys {
        stored(&json!({ "leadId": id, "phone": phone, "email": email }))
    }

    #[test]
    fn ids_decide_and_the_rest_only_where_one_has_none() {
        for (a, b, by) in [
            (
                keys("A1", "", ""),
                keys("a1", "", ""),
                Some(MatchedBy::VendorId),
            ),
            (
                keys("a1", "5550123456", "x@y"),
                keys("a2", "5550123456", "x@y"),
                None,
            ),
            (
                keys("a1", "5550123456", ""),
                keys("", "+1 555 012 3456", ""),
                Some(MatchedBy::Phone),
            ),
            (
                keys("", "5550123456", "x@y"),
                keys("", "5550123457", "X@Y "),
                Some(MatchedBy::Email),
            ),
            (keys("", "", ""), keys("", "", ""), None),
            (keys("", "123", ""), keys("", "123", ""), None),
        ] {
            assert_eq!((a.same(&b), b.same(&a)), (by, by), "{a:?} {b:?}");
        }
        let both = stored(&json!({ "leadId": "a", "nextgenId": "B" }));
        assert_eq!(both.same(&keys("b", "", "")), Some(MatchedBy::VendorId));
    }

    #[test]
    fn the_surest_then_the_oldest_is_found_and_how_many_there_are() {
        let known = [
            keys("", "", "x@y"),
            keys("", "5550123456", ""),
            keys("", "5550123456", "x@y"),
        ];
        let incoming = keys("", "5550123456", "x@y");
        let found = find(&incoming, known.iter().zip(0..));
        assert_eq!(found, Some((1, 2)));
        assert_eq!(find(&keys("", "", "z@y"), known.iter().zip(0..)), None);
    }

    #[test]
    fn a_new_id_is_each_tenant_s_own_and_of_the_surest_key() {
        let (one, two) = (ObjectId::new(), ObjectId::new());
        let id = |keys: &MatchKeys, tenant| keys.new_id(tenant).unwrap();
        let full = keys("A1", "5550123456", "x@y");
        assert_eq!(id(&full, one), id(&keys("a1", "", ""), one));
        assert_ne!(id(&full, one), id(&full, two));
        assert_ne!(
            id(&keys("", "5550123456", ""), one),
            id(&keys("+15550123456", "", ""), one)
        );
        assert_eq!(keys("", "12", "").new_id(one), None);
    }

    #[test]
    fn a_number_that_says_nothing_makes_the_same_lead_again() {
        let tenant = ObjectId::new();
        let lead = |phone: &str| VendorLead {
            phone: Some(phone.to_owned()),
            ..VendorLead::default()
        };
        let id = |phone: &str| new_id(tenant, &lead(phone));
        assert_eq!(id("12-345"), id("12345"));
        assert_eq!(id("call me"), id("call me"));
        assert_ne!(id("12345"), id("12346"));
    }

    proptest! {
        #[test]
        fn sameness_has_no_direction(
            a in ("[ab]?", "(|5550123456|5550123457)", "(|x@y|X@Y)"), b in ("[AB]?", "(|5550123456)", "(|x@y)")
        ) {
            let (a, b) = (keys(&a.0, &a.1, &a.2), keys(&b.0, &b.1, &b.2));
            prop_assert_eq!(a.same(&b), b.same(&a));
        }
    }
}
