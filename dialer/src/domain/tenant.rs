//! Scope of a request: the leads that its user may access. Every query of the store for leads requires a scope.

use bson::oid::ObjectId;
use bson::{Bson, Document, doc};

/// The field that contains a lead's owner.
const OWNER: &str = "tenantId";

/// Role of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    User,
    Administrator,
}

impl Role {
    /// Parses a stored role. Everything except exactly `admin` is a user.
    pub fn of(stored: &str) -> Self {
        if stored == Self::Administrator.name() {
            Self::Administrator
        } else {
            Self::User
        }
    }

    /// The role as stored.
    pub fn name(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Administrator => "admin",
        }
    }
}

/// The leads that a user may access. Nobody can access another tenant's leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// The user's own leads.
    Own(ObjectId),
    /// An administrator's own leads, and leads without an owner, which old data contains. Unowned leads can only be
    /// read and claimed.
    OwnOrUnowned(ObjectId),
}

impl Scope {
    /// The scope of the account `user` with its stored `role`.
    pub fn of(user: ObjectId, role: &str) -> Self {
        match Role::of(role) {
            Role::Administrator => Self::OwnOrUnowned(user),
            Role::User => Self::Own(user),
        }
    }

    /// The account that this scope belongs to.
    pub fn user(self) -> ObjectId {
        match self {
            Self::Own(user) | Self::OwnOrUnowned(user) => user,
        }
    }

    /// MongoDB filter of the leads that may be read.
    pub fn readable(self) -> Document {
        match self {
            Self::Own(user) => doc! { OWNER: user },
            // `null` also matches documents without the field.
            Self::OwnOrUnowned(user) => doc! { OWNER: { "$in": [user, Bson::Null] } },
        }
    }

    /// MongoDB filter of the leads that may be changed. Leads without an owner are read-only until they are claimed.
    pub fn writable(self) -> Document {
        doc! { OWNER: self.user() }
    }

    /// MongoDB filter of the leads that may be claimed; `None` unless the user is an administrator.
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
