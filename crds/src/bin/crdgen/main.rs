//! Writes everything that is generated from the API types, or with `--check` names what is out of date.

mod manifest;
mod reference;
mod troubleshoot;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::{env, fs, io};

use crokodial_crds::schema;

/// Partly written by hand.
const TROUBLESHOOT: &str = "docs/troubleshoot.md";

const HOW: &str = "run: make crdgen";

/// One generated file: where it stands in the repository and what is in it.
struct Output {
    path: PathBuf,
    text: String,
}

#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("{}: {source}", path.display())]
    File { path: PathBuf, source: io::Error },
    #[error("a definition cannot be written as YAML: {0}")]
    Yaml(String),
    #[error(
        "the definition of {0} contains {{{{, which Helm would read as a template: reword the rustdoc"
    )]
    Template(String),
    #[error(
        "{TROUBLESHOOT} lost the line above which it is written by hand: put it back, after the introduction:\n{}",
        troubleshoot::MARK
    )]
    Mark,
    #[error("unknown argument {0:?}: crdgen takes --check or nothing")]
    Argument(String),
}

fn main() -> ExitCode {
    match run() {
        Ok(code) => code,
        Err(error) => {
            eprintln!("crdgen: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<ExitCode, Error> {
    let check = match env::args().nth(1).as_deref() {
        None => false,
        Some("--check") => true,
        Some(other) => return Err(Error::Argument(other.to_owned())),
    };
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut stale = 0;
    for Output { path, text } in outputs(&root)? {
        let target = root.join(&path);
        if fs::read_to_string(&target).is_ok_and(|found| found == text) {
            continue;
        }
        stale += 1;
        if check {
            eprintln!("{} is out of date; {HOW}", path.display());
        } else {
            write(&target, &text)?;
            println!("wrote {}", path.display());
        }
    }
    Ok(if check && stale > 0 {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

fn outputs(root: &Path) -> Result<Vec<Output>, Error> {
    let mut outputs = vec![
        Output {
            path: "docs/reference/conditions.md".into(),
            text: reference::conditions(),
        },
        troubleshoot_page(root)?,
    ];
    for crd in schema::all() {
        let plural = &crd.spec.names.plural;
        outputs.push(Output {
            path: format!("crds/manifests/{plural}.yaml").into(),
            text: manifest::plain(&crd)?,
        });
        outputs.push(Output {
            path: format!("charts/crokodial-operator/templates/crds/{plural}.yaml").into(),
            text: manifest::chart(&crd)?,
        });
        outputs.push(Output {
            path: format!("docs/reference/{plural}.md").into(),
            text: reference::kind(&crd),
        });
    }
    Ok(outputs)
}

fn troubleshoot_page(root: &Path) -> Result<Output, Error> {
    let path = PathBuf::from(TROUBLESHOOT);
    let existing = fs::read_to_string(root.join(&path)).map_err(|source| Error::File {
        path: path.clone(),
        source,
    })?;
    let text = troubleshoot::page(&existing).ok_or(Error::Mark)?;
    Ok(Output { path, text })
}

fn write(path: &Path, text: &str) -> Result<(), Error> {
    let name = |source| Error::File {
        path: path.to_owned(),
        source,
    };
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(name)?;
    }
    fs::write(path, text).map_err(name)
}
