//! Invite codes. `passcodes` is the old server's collection and is only read; a use is a document of its own,
//! `_id` = `<code>:<slot>`, so that the last place goes to exactly one of any number of callers.

use mongodb::bson::{DateTime, Document, doc};

use super::fault::{Fault, Reason};
use super::{Store, number};

const NAME: &str = "passcodes";
const USES: &str = "passcodeuses";

/// Places tried at most for one code: a bound on work, far above any real invite.
const MAX_SLOTS: i64 = 10_000;

/// A place taken on a code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Use(String);

/// Why a code does not admit. The words `expired` and `maximum usage` are what the clients look for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    #[error("the invite code is not valid")]
    Unknown,
    #[error("the invite code has expired")]
    Expired,
    #[error("the invite code has reached its maximum usage")]
    UsedUp,
}

/// Codes are compared trimmed and upper-cased, as they are stored.
pub fn normalise(code: &str) -> String {
    code.trim().to_uppercase()
}

/// How many places new uses may take: what the old server counted is gone already.
fn slots(passcode: &Document, now_ms: i64) -> Result<i64, Refused> {
    if !passcode.get_bool("isActive").unwrap_or(false) {
        return Err(Refused::Unknown);
    }
    if let Ok(expires) = passcode.get_datetime("expiresAt")
        && expires.timestamp_millis() <= now_ms
    {
        return Err(Refused::Expired);
    }
    let slots = number(passcode.get("maxUses")).unwrap_or(1)
        - number(passcode.get("currentUses")).unwrap_or(0);
    if slots < 1 {
        return Err(Refused::UsedUp);
    }
    Ok(slots.min(MAX_SLOTS))
}

impl Store {
    /// Takes a place on a normalised code.
    ///
    /// # Errors
    /// The outer one is the database's.
    pub async fn take_passcode(
        &self,
        code: &str,
        now_ms: i64,
    ) -> Result<Result<Use, Refused>, Fault> {
        let passcodes = self.collection(NAME).await?;
        let Some(passcode) = passcodes.find_one(doc! { "code": code }).await? else {
            return Ok(Err(Refused::Unknown));
        };
        let slots = match slots(&passcode, now_ms) {
            Ok(slots) => slots,
            Err(refused) => return Ok(Err(refused)),
        };
        let uses = self.collection(USES).await?;
        for slot in 0..slots {
            let id = format!("{code}:{slot}");
            let document =
                doc! { "_id": &id, "code": code, "createdAt": DateTime::from_millis(now_ms) };
            match uses.insert_one(document).await.map_err(Fault::from) {
                Ok(_) => return Ok(Ok(Use(id))),
                Err(fault) if fault.reason == Reason::DuplicateKey => {}
                Err(fault) => return Err(fault),
            }
        }
        Ok(Err(Refused::UsedUp))
    }

    /// Gives a place back when the registration it was taken for failed.
    pub async fn release_passcode(&self, taken: &Use) -> Result<(), Fault> {
        let uses = self.collection(USES).await?;
        uses.delete_one(doc! { "_id": &taken.0 }).await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mongodb::bson::Bson;

    #[test]
    fn places_left() {
        let code = |fields: Document| {
            let mut code =
                doc! { "isActive": true, "maxUses": 3, "currentUses": 1, "expiresAt": Bson::Null };
            code.extend(fields);
            code
        };
        assert_eq!(slots(&code(doc! {}), 0), Ok(2));
        assert_eq!(
            slots(&code(doc! { "maxUses": 3.0, "currentUses": 2.0 }), 0),
            Ok(1)
        );
        assert_eq!(
            slots(&code(doc! { "currentUses": 3 }), 0),
            Err(Refused::UsedUp)
        );
        assert_eq!(
            slots(&code(doc! { "isActive": false }), 0),
            Err(Refused::Unknown)
        );
        let ends = code(doc! { "expiresAt": DateTime::from_millis(1_000) });
        assert_eq!(slots(&ends, 999), Ok(2));
        assert_eq!(slots(&ends, 1_000), Err(Refused::Expired));
        assert_eq!(normalise(" abc123 "), "ABC123");
    }
}
