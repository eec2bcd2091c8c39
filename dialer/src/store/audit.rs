//! The `auditlogs` collection: who signed in or failed to, and who took leads out or away.

use mongodb::bson::oid::ObjectId;
use mongodb::bson::{DateTime, doc};

use super::Store;
use super::fault::Fault;

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
    Import,
}

impl Action {
    fn is_of_leads(self) -> bool {
        matches!(
            self,
            Self::Export | Self::Delete | Self::Restore | Self::Import
        )
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
        let mut document = doc! {
            "_id": ObjectId::new(),
            "userEmail": &entry.email,
            "action": entry.action.name(),
            "entityType": if entry.action.is_of_leads() { "lead" } else { "user" },
            "changes": [],
            "metadata": { "ip": &entry.address, "userAgent": &entry.user_agent, "source": "dialer" },
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
