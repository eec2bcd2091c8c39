//! Checks that a login has a role on a database. The check uses the privileges in the response to `connectionStatus`,
//! and a command that requires the role but changes nothing.

use mongodb::bson::{Bson, Document, doc};
use serde::{Deserialize, Serialize};

/// MongoDB role that an application needs on its database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "camelCase")]
#[value(rename_all = "camelCase")]
pub enum Role {
    /// Read access, as in the MongoDB role `read`.
    Read,
    /// Read and write access, as in the MongoDB role `readWrite`.
    ReadWrite,
}

/// Name of a collection that is used only in commands that change nothing.
const COLLECTION: &str = "crokodial.preflight";

impl Role {
    /// Returns the MongoDB actions that the role must allow.
    fn actions(self) -> &'static [&'static str] {
        match self {
            Self::Read => &["find"],
            Self::ReadWrite => &["find", "insert", "update", "remove"],
        }
    }

    /// Returns a command that requires the role and changes nothing.
    pub fn harmless_command(self) -> Document {
        let nothing = doc! {"_id": "matches nothing"};
        match self {
            Self::Read => doc! {"find": COLLECTION, "filter": nothing, "limit": 1},
            Self::ReadWrite => doc! {
                "update": COLLECTION,
                "updates": [{"q": nothing, "u": {"$set": {"crokodial": 1}}, "upsert": false, "multi": false}],
            },
        }
    }
}

/// Returns false if the server lists the login's privileges and one that the role needs is missing. A server without
/// access control or roles lists no privileges. The result is then true, and the response to [`Role::harmless_command`]
/// decides.
pub fn may(status: &Document, role: Role, database: &str) -> bool {
    let Some(privileges) = status
        .get_document("authInfo")
        .ok()
        .and_then(|info| info.get_array("authenticatedUserPrivileges").ok())
        .filter(|list| !list.is_empty())
    else {
        return true;
    };
    role.actions()
        .iter()
        .all(|action| privileges.iter().any(|p| grants(p, action, database)))
}

fn grants(privilege: &Bson, action: &str, database: &str) -> bool {
    let Some(privilege) = privilege.as_document() else {
        return false;
    };
    let covers = privilege.get_document("resource").is_ok_and(|resource| {
        let any = resource.get_bool("anyResource").unwrap_or(false);
        let named = |field: &str| resource.get_str(field).ok();
        // An empty database name means every database. A privilege on a single collection does not cover the whole
        // database.
        any || (named("db").is_some_and(|db| db.is_empty() || db == database)
            && named("collection").is_some_and(str::is_empty))
    });
    let allows = privilege.get_array("actions").is_ok_and(|actions| {
        let named = |wanted: &str| actions.iter().any(|a| a.as_str() == Some(wanted));
        named(action) || named("anyAction")
    });
    covers && allows
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(privileges: Vec<Document>) -> Document {
        doc! {"authInfo": {"authenticatedUserPrivileges": privileges}, "ok": 1}
    }

    fn on(db: &str, collection: &str, actions: &[&str]) -> Document {
        doc! {"resource": {"db": db, "collection": collection}, "actions": actions.to_vec()}
    }

    const WRITE: [&str; 4] = ["find", "insert", "update", "remove"];

    #[test]
    fn a_role_is_all_its_actions_on_the_whole_database() {
        for (privileges, read, write) in [
            (vec![on("app", "", &WRITE)], true, true),
            (vec![on("", "", &WRITE)], true, true),
            (vec![on("app", "", &["find"])], true, false),
            (vec![on("other", "", &WRITE)], false, false),
            (vec![on("app", "users", &WRITE)], false, false),
            (
                vec![
                    on("app", "", &["find"]),
                    on("", "", &["insert", "update", "remove"]),
                ],
                true,
                true,
            ),
            (
                vec![doc! {"resource": {"anyResource": true}, "actions": ["anyAction"]}],
                true,
                true,
            ),
            (
                vec![doc! {"resource": {"cluster": true}, "actions": ["find"]}],
                false,
                false,
            ),
        ] {
            let status = status(privileges);
            assert_eq!(may(&status, Role::Read, "app"), read, "{status}");
            assert_eq!(may(&status, Role::ReadWrite, "app"), write, "{status}");
        }
    }

    #[test]
    fn a_server_that_lists_no_privileges_leaves_it_to_the_command() {
        assert!(may(&status(Vec::new()), Role::ReadWrite, "app"));
        assert!(may(
            &doc! {"authInfo": {"authenticatedUsers": []}},
            Role::ReadWrite,
            "app"
        ));
        assert!(may(&doc! {}, Role::ReadWrite, "app"));
    }

    #[test]
    fn the_confirming_command_can_change_nothing() {
        let update = Role::ReadWrite.harmless_command();
        let statement = update.get_array("updates").unwrap()[0]
            .as_document()
            .unwrap();
        assert_eq!(statement.get_bool("upsert"), Ok(false));
        assert!(
            !statement.get_document("q").unwrap().is_empty(),
            "an empty filter matches everything"
        );
    }
}
