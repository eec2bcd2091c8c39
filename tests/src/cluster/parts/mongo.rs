//! FerretDB: the MongoDB protocol on SQLite files.

use std::fmt;

use crate::cluster::layout::{Layout, NODE_IP};
use crate::cluster::part::{Part, Spec};
use crate::cluster::probe::Probe;

use super::{Inputs, on_node};

/// Password of the user `admin`; never shown by `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct AdminPassword(pub String);

impl fmt::Debug for AdminPassword {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("AdminPassword(…)")
    }
}

pub(super) fn spec(layout: &Layout, inputs: &Inputs) -> anyhow::Result<Spec> {
    let data = layout.path("mongo");
    // A TCP check only: that users can log in is checked when their accounts are made.
    let probe = Probe::Tcp(on_node(27017)?);
    let mut spec = Spec::new(Part::Ferretdb, layout.binary("ferretdb"), probe);
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
    // By environment, so that the process list does not show it.
    spec.env
        .insert("FERRETDB_SETUP_PASSWORD", inputs.mongo_admin.0.clone());
    spec.folders = vec![data];
    Ok(spec)
}
