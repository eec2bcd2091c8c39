//! Error type of crdgen, which generates the CRD manifests and the reference pages.

use std::io;
use std::path::PathBuf;

use crate::troubleshoot;

/// Error of a run of crdgen.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{}: {source}", path.display())]
    File { path: PathBuf, source: io::Error },
    #[error("a definition cannot be written as YAML: {0}")]
    Yaml(String),
    #[error(
        "the definition of {0} contains {{{{, which Helm would read as a template: reword the rustdoc"
    )]
    Template(String),
    #[error(
        "{} lost the line above which it is written by hand: put it back, after the introduction:\n{}",
        troubleshoot::PATH,
        troubleshoot::MARK
    )]
    Mark,
    #[error("unknown argument {0:?}: crdgen takes --check or nothing")]
    Argument(String),
}
