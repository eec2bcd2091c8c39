//! The `auditlogs` collection: who signed in or failed to, who took leads out or away, who changed credentials or
//! lists of numbers.

use mongodb::bson::oid::ObjectId;
use mongodb::bson::{DateTime, doc};

use super::Store;
use super::fault::Fault;
use crate::domain::lists::List;

/// Things worth keeping.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    Login,
    LoginFailed,
    Register,
    Logout,
    Export,
    Delete,
    Restore,
    CredentialRotate,
    ListAdd(List, usize),
    ListRemove(List),
    Import,
}

impl Action {
    fn entity(self) -> &'static str {
        match self {
            Self::Login | Self::LoginFailed | Self::Register | Self::Logout => "user",
            Self::Export | Self::Delete | Self::Restore | Self::Import => "lead",
            Self::CredentialRotate => "credential",
            Self::ListAdd(list, _) | Self::ListRemove(list) => list.name(),
        }
    }

    /// How many things it was done to, where that is told.
    fn count(self) -> Option<i64> {
        match self {
            Self::ListAdd(_, count) => i64::try_from(count).ok(),
            _ => None,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Login => "LOGIN",
            Self::LoginFailed => "LOGIN_FAILED",
            Self::Register => "REGISTER",
            Self::Logout => "LOGOUT",
            Self::Export => "EXPORT",
            Self::Delete => "DELETE",
            Self::Restore => "RESTORE",
            Self::CredentialRotate => "ROTATE",
            Self::ListAdd(..) => "LIST_ADD",
            Self::ListRemove(_) => "LIST_REMOVE",
            Self::Import => "IMPORT",
        }
    }
}

/// One entry, in the shape of the old schema.
#[derive(Debug)]
pub struct Entry {
    pub action: Action,
    pub user: Option<ObjectId>,
    /// The lead it was done to; `None`: the account, or many.
    pub lead: Option<ObjectId>,
    pub email: String,
    pub address: String,
    pub user_agent: String,
}

impl Store {
    pub async fn insert_audit(&self, entry: &Entry) -> Result<(), Fault> {
        let now = DateTime::now();
        let mut metadata =
            doc! { "ip": &entry.address, "userAgent": &entry.user_agent, "source": "dialer" };
        if let Some(count) = entry.action.count() {
            metadata.insert("bulkCount", count);
        }
        let mut document = doc! {
            "_id": ObjectId::new(),
            "userEmail": &entry.email,
            "action": entry.action.name(),
            "entityType": entry.action.entity(),
            "changes": [],
            "metadata": metadata,
            "timestamp": now,
            "createdAt": now,
            "updatedAt": now,
            "__v": 0,
        };
        if let Some(user) = entry.user {
            document.insert("userId", user);
            document.insert("entityId", entry.lead.unwrap_or(user));
        }
        let audit = self.collection("auditlogs").await?;
        audit.insert_one(document).await?;
        Ok(())
    }
}
