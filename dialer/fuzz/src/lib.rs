//! Fuzz targets for the dialer's parsers. A target parses arbitrary bytes and checks properties of the result, such as
//! length limits and round trips. `scripts/fuzz.sh` runs the targets with libFuzzer. The unit tests run them on the
//! inputs in `seeds/<target>/` and on a few hundred variations of these inputs.

mod access;
mod bodies;
mod contact;
mod files;
mod input;
mod leads;
mod process;
mod scrub;
mod secrets;
mod vendor;

/// A named fuzz target.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// Name of the target and of its directory in `seeds/`.
    pub name: &'static str,
    /// Function that checks one input and panics if a property is violated.
    pub check: fn(&[u8]),
}

const fn target(name: &'static str, check: fn(&[u8])) -> Target {
    Target { name, check }
}

/// All fuzz targets.
pub const TARGETS: &[Target] = &[
    target("client_address", access::client_address),
    target("config", process::config),
    target("csv_row", files::csv_row),
    target("csv_scan", files::csv_scan),
    target("csv_sheet", files::csv_sheet),
    target("dispositions", bodies::dispositions),
    target("export", leads::export),
    target("keyring", secrets::keyring),
    target("lead_edit", leads::lead_edit),
    target("lead_query", leads::lead_query),
    target("lead_view", leads::lead_view),
    target("merge", vendor::merge),
    target("notes", leads::notes),
    target("numbers", contact::numbers),
    target("passcode", bodies::passcode),
    target("price", vendor::price),
    target("profile", bodies::profile),
    target("same", vendor::same),
    target("scrub", scrub::scrub),
    target("sealed", secrets::sealed),
    target("settings", bodies::settings),
    target("socket", access::socket),
    target("token", secrets::token),
    target("token_header", access::token_header),
    target("webhook", vendor::webhook),
];

/// Returns the target with this name; `None` if there is none.
pub fn named(name: &str) -> Option<&'static Target> {
    TARGETS.iter().find(|target| target.name == name)
}

#[cfg(test)]
mod tests;
