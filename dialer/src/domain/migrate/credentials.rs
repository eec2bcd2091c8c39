//! Inspection of stored vendor credentials for the command `dialer migrate`.

use bson::Document;

use super::{Finding, Occurrences, Severity};
use crate::security::keyring;

/// Collects findings about vendor credentials. Each stored credential is passed to `see`.
#[derive(Debug, Default)]
pub struct CredentialInspector {
    plain: Occurrences,
    odd: Occurrences,
}

impl CredentialInspector {
    pub fn see(&mut self, row: &Document) {
        let id = row.get("_id");
        let whole = row.get_object_id("_id").is_ok()
            && row.get_object_id("tenantId").is_ok()
            && row.get_str("sid").is_ok();
        match row.get_str("apiKey") {
            Ok(key) if whole => self.plain.at_if(!keyring::is_sealed(key), id),
            _ => self.odd.at(id),
        }
    }

    pub fn findings(&self) -> Vec<Finding> {
        [
            Finding::new(
                "nextgencredentials.plain",
                Severity::Pending,
                &self.plain,
                "vendors' keys in plain text; `--contract` seals them under the first of ENCRYPTION_KEYS, and vendors go \
                 on sending the same ones",
            ),
            Finding::new(
                "nextgencredentials.odd",
                Severity::Conflict,
                &self.odd,
                "no user's id, sid or key that can be read: no vendor can use them, and they stay as they are; delete \
                 them",
            ),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bson::doc;
    use bson::oid::ObjectId;

    #[test]
    fn plain_keys_are_pending_and_what_is_nobody_s_is_for_somebody_to_decide() {
        let pair = |key: &str| {
            doc! { "_id": ObjectId::new(), "tenantId": ObjectId::new(), "sid": "crk_1", "apiKey": key }
        };
        let mut inspector = CredentialInspector::default();
        inspector.see(&pair("sealed.v1.k1.abc"));
        assert_eq!(inspector.findings(), []);
        let (first, odd) = (pair("key_1"), doc! { "_id": "x", "apiKey": "key_3" });
        for row in [&first, &pair("key_2"), &odd] {
            inspector.see(row);
        }
        let found = inspector.findings();
        let told: Vec<_> = found.iter().map(|f| (f.severity, f.count)).collect();
        assert_eq!(told, [(Severity::Pending, 2), (Severity::Conflict, 1)]);
        let id = first.get_object_id("_id").unwrap().to_hex();
        assert_eq!(found[0].example.as_ref(), Some(&id));
        assert!(!format!("{found:?}").contains("key_"), "no key is shown");
    }
}
