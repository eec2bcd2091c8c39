//! Whose leads a request may touch. The store cannot be asked about leads without one of these.

use bson::oid::ObjectId;
use bson::{Bson, Document, doc};

/// The field that names a lead's owner.
const OWNER: &str = "tenantId";

/// What an account may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    User,
    Administrator,
}

impl Role {
    /// As stored in an account: what is not exactly an administrator is a user.
    pub fn of(stored: &str) -> Self {
        if stored == Self::Administrator.name() {
            Self::Administrator
        } else {
            Self::User
        }
    }

    /// As it is stored.
    pub fn name(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Administrator => "admin",
        }
    }
}

/// Exactly two answers: nobody ever sees another tenant's leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// The user's own leads.
    Own(ObjectId),
    /// An administrator's own leads, and, to read and to claim, those that have no owner: old rows.
    OwnOrUnowned(ObjectId),
}

impl Scope {
    /// By role, as stored in the account.
    pub fn of(user: ObjectId, role: &str) -> Self {
        match Role::of(role) {
            Role::Administrator => Self::OwnOrUnowned(user),
            Role::User => Self::Own(user),
        }
    }

    /// Who asks.
    pub fn user(self) -> ObjectId {
        match self {
            Self::Own(user) | Self::OwnOrUnowned(user) => user,
        }
    }

    /// What may be read.
    pub fn readable(self) -> Document {
        match self {
            Self::Own(user) => doc! { OWNER: user },
            // `null` also matches documents without the field.
            Self::OwnOrUnowned(user) => doc! { OWNER: { "$in": [user, Bson::Null] } },
        }
    }

    /// What may be changed. Leads without an owner are read-only until somebody claims them.
    pub fn writable(self) -> Document {
        doc! { OWNER: self.user() }
    }

    /// What may be claimed: nothing, but for administrators.
    pub fn claimable(self) -> Option<Document> {
        match self {
            Self::Own(_) => None,
            Self::OwnOrUnowned(_) => Some(doc! { OWNER: Bson::Null }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_administrators_see_leads_without_an_owner_and_nobody_changes_them() {
        let user = ObjectId::new();
        let (rep, admin) = (Scope::of(user, "user"), Scope::of(user, "admin"));
        assert_eq!(rep, Scope::Own(user));
        assert_eq!(rep.readable(), doc! { "tenantId": user });
        assert_eq!(rep.claimable(), None);
        assert_eq!(
            admin.readable(),
            doc! { "tenantId": { "$in": [user, Bson::Null] } }
        );
        assert_eq!(admin.writable(), doc! { "tenantId": user });
        assert_eq!(Scope::of(user, "Admin"), Scope::Own(user));
    }
}
