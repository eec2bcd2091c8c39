//! Scope of a request: the leads that its user may access. The functions of `store::leads` that act for a user take a
//! scope.

use bson::oid::ObjectId;
use bson::{Bson, Document, doc};

/// Name of the field that contains the id of a lead's owner.
const OWNER: &str = "tenantId";

/// Role of a user account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    User,
    Administrator,
}

impl Role {
    /// Parses a stored role. Only the exact text `admin` is an administrator; any other text is a user.
    pub fn of(stored: &str) -> Self {
        if stored == Self::Administrator.name() {
            Self::Administrator
        } else {
            Self::User
        }
    }

    /// Returns the role in its stored form.
    pub fn name(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Administrator => "admin",
        }
    }
}

/// The leads that a user may access. A user can never access leads that belong to another user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// The leads that the user owns.
    Own(ObjectId),
    /// The leads that an administrator owns, and leads without an owner. Leads without an owner stem from the legacy
    /// server. They can only be read and claimed.
    OwnOrUnowned(ObjectId),
}

impl Scope {
    /// Returns the scope of a user with the stored `role`.
    pub fn of(user: ObjectId, role: &str) -> Self {
        match Role::of(role) {
            Role::Administrator => Self::OwnOrUnowned(user),
            Role::User => Self::Own(user),
        }
    }

    /// Returns the id of the user to whom this scope belongs.
    pub fn user(self) -> ObjectId {
        match self {
            Self::Own(user) | Self::OwnOrUnowned(user) => user,
        }
    }

    /// Returns the MongoDB filter for the leads that the user may read.
    pub fn readable(self) -> Document {
        match self {
            Self::Own(user) => doc! { OWNER: user },
            // `null` also matches documents without the field.
            Self::OwnOrUnowned(user) => doc! { OWNER: { "$in": [user, Bson::Null] } },
        }
    }

    /// Returns the MongoDB filter for the leads that the user may change. Leads without an owner are read-only until
    /// they are claimed.
    pub fn writable(self) -> Document {
        doc! { OWNER: self.user() }
    }

    /// Returns the MongoDB filter for the leads that the user may claim; `None` unless the user is an administrator.
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
