//! Generates all files that are derived from the API types: manifests, chart templates and documentation. With
//! `--check` it writes no files but reports those that are out of date.

mod error;
mod kustomize;
mod manifest;
mod reference;
mod runbook;
mod troubleshoot;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::{env, fs};

use crokodial_crds::schema;

use error::Error;
use troubleshoot::PATH as TROUBLESHOOT;

const HOW: &str = "run: make crdgen";

/// One generated file: its path in the repository and its content.
struct Output {
    path: PathBuf,
    text: String,
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
        if crd.spec.names.kind == "CrokodialEnvironment" {
            outputs.push(Output {
                path: "deploy/gitops/kustomize/openapi.yaml".into(),
                text: kustomize::openapi(&crd)?,
            });
        }
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
