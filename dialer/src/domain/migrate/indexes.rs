//! Database indexes: those that this application needs, and those of the legacy server that must be dropped. The
//! application is correct without any index. Indexes make queries faster and are a second safeguard for uniqueness.

use bson::{Bson, Document};

use super::{Finding, Occurrences, Severity};

/// Definition of an index. Indexes are compared by their keys, because different servers give them different names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Index {
    pub collection: &'static str,
    /// Name and direction of each key field: 1 is ascending, -1 is descending.
    pub keys: &'static [(&'static str, i32)],
    pub unique: bool,
}

const fn plain(collection: &'static str, keys: &'static [(&'static str, i32)]) -> Index {
    Index {
        collection,
        keys,
        unique: false,
    }
}

const fn unique(collection: &'static str, keys: &'static [(&'static str, i32)]) -> Index {
    Index {
        collection,
        keys,
        unique: true,
    }
}

/// Indexes that the database should have. `dialer migrate --apply` creates those that are missing.
pub const WANTED: &[Index] = &[
    unique("users", &[("email", 1)]),
    unique("users", &[("username", 1)]),
    plain("users", &[("emailLower", 1)]),
    plain("sessions", &[("userId", 1)]),
    plain("events", &[("at", 1)]),
    plain("passcodeuses", &[("code", 1)]),
    plain("leads", &[("tenantId", 1), ("createdAt", -1)]),
    plain("leads", &[("tenantId", 1), ("phone", 1)]),
    plain("leads", &[("tenantId", 1), ("email", 1)]),
    plain("leads", &[("tenantId", 1), ("leadId", 1)]),
    plain("leads", &[("tenantId", 1), ("nextgenId", 1)]),
    plain("calls", &[("agent", 1), ("createdAt", -1)]),
    plain("dialcounts", &[("userId", 1), ("phone", 1)]),
    plain("webhookrejects", &[("tenantId", 1), ("createdAt", -1)]),
    plain("nextgencredentials", &[("keyHash", 1)]),
    plain("donotcall", &[("tenantId", 1), ("createdAt", -1)]),
    plain("textoptouts", &[("tenantId", 1), ("createdAt", -1)]),
];

/// Indexes of the legacy server that the database should not have, each with the reason. Only `dialer migrate
/// --contract` drops them, because the legacy server would create them again at its next start.
pub const UNWANTED: &[(Index, &str)] = &[
    (
        unique("leads", &[("leadId", 1)]),
        "two tenants cannot have the same vendor's lead",
    ),
    (
        unique("leads", &[("tenantId", 1), ("leadId", 1)]),
        "a tenant cannot have two leads without a vendor's id",
    ),
    (
        unique("dispositions", &[("name", 1)]),
        "two users cannot have a disposition of the same name",
    ),
];

impl Index {
    /// Formats the index for messages, for example `leads(tenantId:1,createdAt:-1)`.
    pub fn shown(&self) -> String {
        let keys: Vec<String> = self
            .keys
            .iter()
            .map(|(field, direction)| format!("{field}:{direction}"))
            .collect();
        let unique = if self.unique { " unique" } else { "" };
        format!("{}({}){unique}", self.collection, keys.join(","))
    }

    /// Returns the keys as a MongoDB document.
    pub fn keys(&self) -> Document {
        let keys = self.keys.iter();
        keys.map(|(field, direction)| ((*field).to_owned(), Bson::from(*direction)))
            .collect()
    }

    /// Returns true if `present` is in the same collection and has the same keys. `unique` is not compared, because
    /// unique indexes are only an additional safeguard. `partial` is not compared either.
    pub fn is_served_by(&self, present: &ExistingIndex) -> bool {
        self.collection == present.collection && same_keys(self.keys, &present.keys)
    }

    fn is(&self, present: &ExistingIndex) -> bool {
        self.is_served_by(present) && self.unique == present.unique && !present.partial
    }
}

fn same_keys(keys: &[(&str, i32)], found: &Document) -> bool {
    keys.len() == found.len()
        && keys
            .iter()
            .zip(found)
            .all(|((field, direction), (name, value))| {
                let stored = match value {
                    Bson::Int32(n) => f64::from(*n),
                    Bson::Int64(n) if *n == 1 || *n == -1 => {
                        f64::from(i32::try_from(*n).unwrap_or(0))
                    }
                    Bson::Double(n) => *n,
                    _ => 0.0,
                };
                field == name && (stored - f64::from(*direction)).abs() < f64::EPSILON
            })
}

/// An index that exists in the database.
#[derive(Debug, Clone, PartialEq)]
pub struct ExistingIndex {
    pub collection: String,
    pub name: String,
    pub keys: Document,
    pub unique: bool,
    /// True if the index is partial: it covers only documents that match a filter.
    pub partial: bool,
}

/// Returns the indexes in [`WANTED`] that do not exist in the database.
pub fn missing(present: &[ExistingIndex]) -> Vec<Index> {
    let wanted = WANTED.iter().copied();
    wanted
        .filter(|index| !present.iter().any(|found| index.is_served_by(found)))
        .collect()
}

/// Returns the existing indexes that are listed in [`UNWANTED`], each with the reason.
pub fn in_the_way(present: &[ExistingIndex]) -> Vec<(ExistingIndex, &'static str)> {
    let found = UNWANTED.iter().flat_map(|(index, why)| {
        let found = present.iter().filter(|found| index.is(found));
        found.map(|found| (found.clone(), *why))
    });
    found.collect()
}

/// Returns one finding for each missing and each unwanted index.
pub fn findings(present: &[ExistingIndex]) -> Vec<Finding> {
    let one = Occurrences {
        count: 1,
        example: None,
    };
    let missing = missing(present).into_iter().filter_map(|index| {
        let message = format!("`--apply` makes {}", index.shown());
        Finding::new(
            format!("indexes.missing.{}", index.shown()),
            Severity::Pending,
            &one,
            message,
        )
    });
    let unwanted = in_the_way(present).into_iter().filter_map(|(found, why)| {
        let message =
            format!("{why}; `--contract` drops it once the legacy server is gone for good");
        Finding::new(
            format!("indexes.old.{}.{}", found.collection, found.name),
            Severity::Conflict,
            &one,
            message,
        )
    });
    missing.chain(unwanted).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use bson::doc;

    fn present(collection: &str, keys: Document, unique: bool) -> ExistingIndex {
        ExistingIndex {
            collection: collection.into(),
            name: "any".into(),
            keys,
            unique,
            partial: false,
        }
    }

    #[test]
    fn an_index_is_known_by_its_keys_whatever_its_name_and_number_type() {
        let all: Vec<ExistingIndex> = WANTED
            .iter()
            .map(|index| present(index.collection, index.keys(), index.unique))
            .collect();
        assert_eq!(missing(&all), []);
        let [.., last] = WANTED else { unreachable!() };
        let doubles = doc! { "tenantId": 1.0, "createdAt": -1_i64 };
        assert!(last.is_served_by(&present(last.collection, doubles, false)));
        let turned = doc! { "tenantId": 1, "createdAt": 1 };
        assert!(!last.is_served_by(&present(last.collection, turned, false)));
        let swapped = doc! { "createdAt": -1, "tenantId": 1 };
        assert!(!last.is_served_by(&present(last.collection, swapped, false)));
    }

    #[test]
    fn what_the_old_server_made_unique_is_in_the_way_and_still_serves() {
        let old = present("leads", doc! { "tenantId": 1, "leadId": 1 }, true);
        let found = findings(std::slice::from_ref(&old));
        let conflicts: Vec<&Finding> = found
            .iter()
            .filter(|f| f.severity == Severity::Conflict)
            .collect();
        assert_eq!(conflicts.len(), 1);
        assert_eq!(conflicts[0].id, "indexes.old.leads.any");
        assert_eq!(missing(std::slice::from_ref(&old)).len(), WANTED.len() - 1);
        let partial = ExistingIndex {
            partial: true,
            ..old
        };
        assert_eq!(in_the_way(&[partial]), []);
        let plain = present("leads", doc! { "leadId": 1 }, false);
        assert_eq!(in_the_way(&[plain]), []);
    }
}
