//! Arguments and readiness check of FerretDB, a server for the MongoDB protocol that stores its data in SQLite files.

use std::fmt;

use super::probe::Probe;
use super::spec::{Part, PartSpec};
use super::{Inputs, on_node};
use crate::layout::{Layout, NODE_IP};

/// Password of a database account. The `Debug` output does not contain it.
#[derive(Clone, PartialEq, Eq)]
pub struct AdminPassword(pub String);

impl fmt::Debug for AdminPassword {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("AdminPassword(…)")
    }
}

pub(super) fn spec(layout: &Layout, inputs: &Inputs) -> anyhow::Result<PartSpec> {
    let data = layout.path("mongo");
    // Readiness needs only a TCP connection; logins are checked when the accounts are created.
    let probe = Probe::Tcp(on_node(27017)?);
    let mut spec = PartSpec::new(Part::Ferretdb, layout.binary("ferretdb"), probe);
    spec.args = vec![
        format!("--listen-addr={NODE_IP}:27017"),
        "--handler=sqlite".to_owned(),
        format!("--sqlite-url=file:{}/", data.display()),
        format!("--state-dir={}", data.display()),
        "--telemetry=disable".to_owned(),
        "--debug-addr=-".to_owned(),
        "--log-level=warn".to_owned(),
        "--setup-database=admin".to_owned(),
        "--setup-username=admin".to_owned(),
        "--test-enable-new-auth".to_owned(),
    ];
    // Passed as an environment variable, so that the process list does not show the password.
    spec.env
        .insert("FERRETDB_SETUP_PASSWORD", inputs.mongo_admin.0.clone());
    spec.folders = vec![data];
    Ok(spec)
}
