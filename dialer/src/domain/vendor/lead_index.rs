//! In-memory index of stored leads by their match keys. It finds the lead for each row of a file without a query per
//! row.

use std::collections::{HashMap, HashSet};

use bson::oid::ObjectId;

use super::matching::{self, MatchKeys};

/// Maximum number of leads per key. Only the oldest are kept. The query for a webhook message also returns at most this
/// number of leads.
const MAX_CANDIDATES: usize = 50;

/// Match keys of all rows of a file. A stored lead with none of these keys cannot match a row.
#[derive(Debug, Default)]
pub struct WantedKeys(HashSet<Key>);

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Key {
    Vendor(String),
    Phone(String),
    Email(String),
}

fn all(keys: &MatchKeys) -> Vec<Key> {
    let ids = keys.vendor_ids.iter().cloned().map(Key::Vendor);
    let phone = keys.phone.iter().cloned().map(Key::Phone);
    ids.chain(phone)
        .chain(keys.email.iter().cloned().map(Key::Email))
        .collect()
}

impl WantedKeys {
    pub fn add(&mut self, keys: &MatchKeys) {
        self.0.extend(all(keys));
    }

    /// Returns true if at least one of `keys` is also a key of a row.
    pub fn meets(&self, keys: &MatchKeys) -> bool {
        all(keys).iter().any(|key| self.0.contains(key))
    }
}

/// A lead that is already stored or will be stored by the current import.
#[derive(Debug, Clone)]
pub struct KnownLead {
    pub id: ObjectId,
    pub keys: MatchKeys,
    /// Time of creation, in milliseconds since 1970. If several leads match a row, the oldest is used.
    pub created_ms: i64,
    /// True if the stored lead has no phone number. The phone number of a matching row is then added to the lead.
    pub phone_is_blank: bool,
}

/// Index that finds known leads by any of their match keys.
#[derive(Debug, Default)]
pub struct LeadIndex {
    known: Vec<KnownLead>,
    places: HashMap<Key, Vec<usize>>,
}

impl LeadIndex {
    pub fn add(&mut self, known: KnownLead) {
        let (place, keys) = (self.known.len(), all(&known.keys));
        self.known.push(known);
        for key in keys {
            self.enter(key, place);
        }
    }

    fn enter(&mut self, key: Key, place: usize) {
        let age = |at: usize| self.known.get(at).map(|k| (k.created_ms, k.id));
        let own = age(place);
        let list = self.places.entry(key).or_default();
        let at = list.partition_point(|other| age(*other) <= own);
        if at < MAX_CANDIDATES && !list.contains(&place) {
            list.insert(at, place);
            list.truncate(MAX_CANDIDATES);
        }
    }

    /// Returns the id of the known lead that matches a row, by the rules for webhook messages. `None` if no lead
    /// matches. Keys that the row adds to that lead are also added to the index.
    pub fn take(&mut self, incoming: &MatchKeys) -> Option<ObjectId> {
        let mut places: Vec<usize> = all(incoming)
            .iter()
            .filter_map(|key| self.places.get(key))
            .flatten()
            .copied()
            .collect();
        places.sort_by_key(|at| self.known.get(*at).map(|k| (k.created_ms, k.id)));
        places.dedup();
        let alike = places
            .iter()
            .filter_map(|at| Some((&self.known.get(*at)?.keys, *at)));
        let (place, _) = matching::find(incoming, alike)?;
        let known = self.known.get_mut(place)?;
        if known.keys.vendor_ids.is_empty() {
            known.keys.vendor_ids.clone_from(&incoming.vendor_ids);
        }
        if known.phone_is_blank && incoming.phone.is_some() {
            known.keys.phone.clone_from(&incoming.phone);
            known.phone_is_blank = false;
        }
        if known.keys.email.is_none() {
            known.keys.email.clone_from(&incoming.email);
        }
        let (id, keys) = (known.id, all(&known.keys));
        for key in keys {
            self.enter(key, place);
        }
        Some(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn keys(id: &str, phone: &str, email: &str) -> MatchKeys {
        let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        MatchKeys {
            vendor_ids: some(id).into_iter().collect(),
            phone: some(phone),
            email: some(email),
        }
    }

    fn known(number: u8, keys: MatchKeys) -> KnownLead {
        let phone_is_blank = keys.phone.is_none();
        KnownLead {
            id: ObjectId::from_bytes([number; 12]),
            keys,
            created_ms: i64::from(number),
            phone_is_blank,
        }
    }

    #[test]
    fn a_lead_that_got_its_id_is_no_longer_known_by_its_phone_to_other_ids() {
        let mut index = LeadIndex::default();
        index.add(known(1, keys("", "+1", "")));
        let id = ObjectId::from_bytes([1; 12]);
        assert_eq!(index.take(&keys("a", "+1", "x@y")), Some(id));
        assert_eq!(index.take(&keys("b", "+1", "")), None);
        assert_eq!(index.take(&keys("a", "", "")), Some(id));
        assert_eq!(index.take(&keys("", "", "x@y")), Some(id));
    }

    #[test]
    fn only_what_some_row_could_be_known_by_is_wanted() {
        let mut wanted = WantedKeys::default();
        wanted.add(&keys("a", "+1", ""));
        assert!(wanted.meets(&keys("b", "+1", "")) && wanted.meets(&keys("a", "", "")));
        assert!(!wanted.meets(&keys("+1", "a", "x@y")) && !wanted.meets(&keys("", "", "")));
    }

    proptest! {
        #[test]
        fn it_finds_what_looking_at_all_would(
            stored in proptest::collection::vec(("[ab]?", "(|[+]1|[+]2)", "(|x|y)"), 0..12),
            incoming in ("[ab]?", "(|[+]1|[+]2)", "(|x|y)")
        ) {
            let mut index = LeadIndex::default();
            let stored: Vec<KnownLead> = (1_u8..).zip(&stored).map(|(n, s)| known(n, keys(&s.0, &s.1, &s.2))).collect();
            // Added in reverse, because the order does not matter: the index sorts leads by age.
            for known in stored.iter().rev() {
                index.add(known.clone());
            }
            let incoming = keys(&incoming.0, &incoming.1, &incoming.2);
            let plain = matching::find(&incoming, stored.iter().map(|k| (&k.keys, k.id))).map(|(id, _)| id);
            prop_assert_eq!(index.take(&incoming), plain);
        }
    }
}
