//! Accounts of the MongoDB-protocol server: an administrator, and one user for the database of each environment.

use anyhow::Context;
use mongodb::bson::{Document, doc};
use mongodb::options::ClientOptions;
use rand::Rng as _;
use rand::distr::Alphanumeric;
use serde::{Deserialize, Serialize};

use crate::files::write_private;
use crate::layout::{Layout, MONGO};
use crate::options::{Mode, Ports};
use crate::parts::AdminPassword;
use crate::state::{read_json, write_json};
use crate::wait::{Progress, until};

/// Stage of an environment in the local cluster: staging or production.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Environment `staging` in the namespace `crokodial-staging`.
    Staging,
    /// Environment `prod` in the namespace `crokodial-prod`.
    Prod,
}

impl Stage {
    /// Both stages, in the order in which their environments are created.
    pub const ALL: [Self; 2] = [Self::Staging, Self::Prod];

    /// Returns the name of the environment.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Staging => "staging",
            Self::Prod => "prod",
        }
    }

    /// Returns the name of the environment's database, which is also the name of the database user.
    #[must_use]
    pub fn database(self) -> String {
        format!("crokodial_{}", self.as_str())
    }

    /// Returns the namespace of the environment.
    #[must_use]
    pub fn namespace(self) -> String {
        format!("crokodial-{}", self.as_str())
    }

    /// Returns the domain of the environment.
    #[must_use]
    pub fn domain(self) -> &'static str {
        match self {
            Self::Staging => "staging.crokodial.test",
            Self::Prod => "crokodial.test",
        }
    }
}

/// Passwords of the database accounts. They are generated for each cluster.
#[derive(Clone, Debug)]
pub struct Accounts {
    /// Password of the user `admin` in the database `admin`.
    pub admin: AdminPassword,
    staging: AdminPassword,
    prod: AdminPassword,
}

#[derive(Serialize, Deserialize)]
struct Stored {
    admin: String,
    staging: String,
    prod: String,
}

impl Accounts {
    /// Reads the accounts of this cluster; `None` if they have not been created yet.
    ///
    /// # Errors
    /// When the file exists but cannot be read or parsed.
    pub fn read(layout: &Layout) -> anyhow::Result<Option<Self>> {
        let stored: Option<Stored> = read_json(&layout.path("mongo-accounts.json"))?;
        Ok(stored.map(|stored| Self {
            admin: AdminPassword(stored.admin),
            staging: AdminPassword(stored.staging),
            prod: AdminPassword(stored.prod),
        }))
    }

    /// Returns the accounts of this cluster, and generates their passwords if they do not exist yet. Also writes the
    /// administrator's connection string to the file `mongo-admin-uri`.
    ///
    /// # Errors
    /// When a file cannot be read or written.
    pub fn ensure(layout: &Layout, ports: &Ports) -> anyhow::Result<Self> {
        if Self::read(layout)?.is_none() {
            let stored = Stored {
                admin: password(),
                staging: password(),
                prod: password(),
            };
            write_json(&layout.path("mongo-accounts.json"), &stored)?;
        }
        let accounts = Self::read(layout)?.context("the Mongo accounts vanished")?;
        let path = layout.path("mongo-admin-uri");
        let uri = accounts.admin_uri(&Ports::local(ports.mongo).to_string());
        if std::fs::read_to_string(&path).ok().as_deref() != Some(uri.as_str()) {
            write_private(&path, uri.as_bytes())?;
        }
        Ok(accounts)
    }

    /// Returns the administrator's connection string. `host` is the host and port of the server.
    #[must_use]
    pub fn admin_uri(&self, host: &str) -> String {
        format!(
            "mongodb://admin:{}@{host}/admin?directConnection=true",
            self.admin.0
        )
    }

    /// Returns the connection string with which pods connect to the environment's database.
    #[must_use]
    pub fn uri(&self, stage: Stage) -> String {
        let database = stage.database();
        format!(
            "mongodb://{database}:{}@{MONGO}/{database}?directConnection=true",
            self.password(stage).0
        )
    }

    fn password(&self, stage: Stage) -> &AdminPassword {
        match stage {
            Stage::Staging => &self.staging,
            Stage::Prod => &self.prod,
        }
    }

    /// Creates the database users of both environments. Existing users are not changed.
    ///
    /// # Errors
    /// When the administrator cannot log in or the server rejects a user.
    pub async fn create_users(
        &self,
        mode: Mode,
        ports: &Ports,
        progress: &Progress,
    ) -> anyhow::Result<()> {
        let uri = self.admin_uri(&Ports::local(ports.mongo).to_string());
        let mut options = ClientOptions::parse(&uri)
            .await
            .context("the administrator's URI")?;
        options.server_selection_timeout = Some(std::time::Duration::from_secs(5));
        let client = mongodb::Client::with_options(options).context("connecting to Mongo")?;
        let deadline = std::time::Duration::from_secs(60);
        until(
            progress,
            "the Mongo administrator's login",
            deadline,
            || async {
                client
                    .database("admin")
                    .run_command(doc! { "listDatabases": 1, "nameOnly": true })
                    .await?;
                Ok(())
            },
        )
        .await?;
        for stage in Stage::ALL {
            let name = stage.database();
            let database = client.database(&name);
            let known: Document = database
                .run_command(doc! { "usersInfo": &name })
                .await
                .with_context(|| format!("looking for the Mongo user {name}"))?;
            if !known
                .get_array("users")
                .context("usersInfo without users")?
                .is_empty()
            {
                continue;
            }
            // FerretDB 1 has no roles and rejects them; on MongoDB a user without a role has no rights.
            let roles = match mode {
                Mode::Local => vec![],
                Mode::Kind | Mode::Current => vec![doc! { "role": "readWrite", "db": &name }],
            };
            let command =
                doc! { "createUser": &name, "pwd": &self.password(stage).0, "roles": roles };
            // Safe to show: the server's error message contains the user, but not the password.
            database
                .run_command(command)
                .await
                .with_context(|| format!("making the Mongo user {name}"))?;
        }
        Ok(())
    }
}

fn password() -> String {
    rand::rng()
        .sample_iter(Alphanumeric)
        .take(32)
        .map(char::from)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_environment_has_its_own_user_database_and_password() {
        let dir = tempfile::tempdir().unwrap();
        let layout = Layout::new(dir.path()).unwrap();
        let accounts = Accounts::ensure(&layout, &Ports::default()).unwrap();
        let staging = accounts.uri(Stage::Staging);
        assert!(
            staging.starts_with("mongodb://crokodial_staging:"),
            "{staging}"
        );
        assert!(
            staging.contains("@mongo.crokodial.test:27017/crokodial_staging?"),
            "{staging}"
        );
        assert_ne!(accounts.staging.0, accounts.prod.0);
        let again = Accounts::ensure(&layout, &Ports::default()).unwrap();
        assert_eq!(again.uri(Stage::Staging), staging);
        let admin = std::fs::read_to_string(layout.path("mongo-admin-uri")).unwrap();
        assert!(admin.contains("@127.0.0.1:27017/admin"), "{admin}");
    }

    #[test]
    fn debug_shows_no_password() {
        let dir = tempfile::tempdir().unwrap();
        let layout = Layout::new(dir.path()).unwrap();
        let accounts = Accounts::ensure(&layout, &Ports::default()).unwrap();
        assert!(!format!("{accounts:?}").contains(&accounts.admin.0));
    }
}
