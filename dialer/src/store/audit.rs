//! The `auditlogs` collection: who signed in, and who failed to.

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
}

impl Action {
    fn name(self) -> &'static str {
        match self {
            Self::Login => "LOGIN",
            Self::LoginFailed => "LOGIN_FAILED",
            Self::Register => "REGISTER",
            Self::Logout => "LOGOUT",
        }
    }
}

/// One entry, in the shape of the old schema.
#[derive(Debug)]
pub struct Entry {
    pub action: Action,
    pub user: Option<ObjectId>,
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
            "entityType": "user",
            "changes": [],
            "metadata": { "ip": &entry.address, "userAgent": &entry.user_agent, "source": "dialer" },
            "timestamp": now,
            "createdAt": now,
            "updatedAt": now,
            "__v": 0,
        };
        if let Some(user) = entry.user {
            document.insert("userId", user);
            document.insert("entityId", user);
        }
        let audit = self.collection("auditlogs").await?;
        audit.insert_one(document).await?;
        Ok(())
    }
}
