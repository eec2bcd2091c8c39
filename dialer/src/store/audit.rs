//! The `auditlogs` collection. It records sign-ins, changes of roles, accounts, credentials and lists, and imports,
//! exports, deletions and restores of leads.

use bson::oid::ObjectId;
use bson::{DateTime, Document, doc};

use super::database::Store;
use super::fault::Fault;
use crate::domain::lists::List;

/// Actions that are recorded in the audit log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuditAction {
    Login,
    LoginFailed,
    Register,
    Logout,
    Export,
    Delete,
    Restore,
    Import,
    CredentialRotate,
    ListAdd(List, usize),
    ListRemove(List),
    SessionEnd,
    PasswordChange,
    EmailChange,
    RoleChange,
    UserDisable,
    UserEnable,
    ResetLink,
    PasswordReset,
    PasscodeCreate,
    PasscodeDeactivate,
    PasscodeDelete,
}

impl AuditAction {
    /// The `entityType` of an entry: what kind of object the action affects.
    fn entity_type(self) -> &'static str {
        match self {
            Self::Export | Self::Delete | Self::Restore | Self::Import => "lead",
            Self::PasscodeCreate | Self::PasscodeDeactivate | Self::PasscodeDelete => "passcode",
            Self::CredentialRotate => "credential",
            Self::ListAdd(list, _) | Self::ListRemove(list) => list.name(),
            _ => "user",
        }
    }

    /// Number of affected phone numbers, for actions that record it.
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
            Self::SessionEnd => "SESSION_END",
            Self::PasswordChange => "PASSWORD_CHANGE",
            Self::EmailChange => "EMAIL_CHANGE",
            Self::RoleChange => "ROLE_CHANGE",
            Self::UserDisable => "USER_DISABLE",
            Self::UserEnable => "USER_ENABLE",
            Self::ResetLink => "RESET_LINK",
            Self::PasswordReset => "PASSWORD_RESET",
            Self::PasscodeCreate => "PASSCODE_CREATE",
            Self::PasscodeDeactivate => "PASSCODE_DEACTIVATE",
            Self::PasscodeDelete => "PASSCODE_DELETE",
        }
    }
}

/// An audit log entry, in the format of the old schema.
#[derive(Debug)]
pub struct AuditEntry {
    pub action: AuditAction,
    pub user: Option<ObjectId>,
    /// Id of the affected lead, account or passcode. `None` if the action affects the user's own account or several
    /// leads.
    pub entity: Option<ObjectId>,
    /// The changed field with its old and new value. Never a secret.
    pub change: Option<(&'static str, String, String)>,
    pub email: String,
    pub address: String,
    pub user_agent: String,
}

impl Store {
    /// Writes an entry to the audit log.
    pub async fn insert_audit(&self, entry: &AuditEntry) -> Result<(), Fault> {
        let now = DateTime::now();
        let mut metadata =
            doc! { "ip": &entry.address, "userAgent": &entry.user_agent, "source": "dialer" };
        if let Some(count) = entry.action.count() {
            metadata.insert("bulkCount", count);
        }
        let changes = entry.change.iter();
        let changes: Vec<Document> = changes
            .map(|(field, old, new)| doc! { "field": *field, "oldValue": old, "newValue": new })
            .collect();
        let mut document = doc! {
            "_id": ObjectId::new(),
            "userEmail": &entry.email,
            "action": entry.action.name(),
            "entityType": entry.action.entity_type(),
            "changes": changes,
            "metadata": metadata,
            "timestamp": now,
            "createdAt": now,
            "updatedAt": now,
            "__v": 0,
        };
        if let Some(user) = entry.user {
            document.insert("userId", user);
            document.insert("entityId", entry.entity.unwrap_or(user));
        }
        let audit = self.collection("auditlogs").await?;
        audit.insert_one(document).await?;
        Ok(())
    }
}
