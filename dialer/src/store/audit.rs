//! The collection `auditlogs`. It records the operations that [`AuditAction`] lists.

use bson::oid::ObjectId;
use bson::{DateTime, Document, doc};

use super::database::Store;
use super::fault::Fault;
use crate::domain::lists::List;

/// Operation that is recorded in the audit log. `Export`, `Delete`, `Restore` and `Import` are operations on leads.
/// `CredentialRotate` replaces a vendor credential, and the `Passcode` operations concern invite codes.
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
    /// Addition of phone numbers to a list, with the number of phone numbers that were not on it before.
    ListAdd(List, usize),
    /// Removal of a phone number from a list.
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
    /// Returns the value of `entityType`: the kind of object that the operation affected.
    fn entity_type(self) -> &'static str {
        match self {
            Self::Export | Self::Delete | Self::Restore | Self::Import => "lead",
            Self::PasscodeCreate | Self::PasscodeDeactivate | Self::PasscodeDelete => "passcode",
            Self::CredentialRotate => "credential",
            Self::ListAdd(list, _) | Self::ListRemove(list) => list.name(),
            _ => "user",
        }
    }

    /// Returns the number of affected phone numbers; `None` for operations that do not record it.
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

/// Entry to write to the audit log. [`Store::insert_audit`] stores it in the format of the legacy schema.
#[derive(Debug)]
pub struct AuditEntry {
    pub action: AuditAction,
    pub user: Option<ObjectId>,
    /// Id of the affected lead, account or invite code. If it is `None`, the id in `user` is stored instead. If `user`
    /// is `None`, neither id is stored.
    pub entity: Option<ObjectId>,
    /// Name, old value and new value of the changed field. Must not contain a secret.
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
