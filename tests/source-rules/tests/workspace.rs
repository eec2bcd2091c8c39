//! Tests that the workspace follows the source rules.

use std::path::{Path, PathBuf};

use crokodial_source_rules::circles::{arrows, circles};
use crokodial_source_rules::imports::imports;
use crokodial_source_rules::modules::Crate;
use crokodial_source_rules::names::repeated_types;

/// Maximum number of lines of a source file (docs/architecture.md, rule 8).
const MAX_LINES: usize = 400;

/// Libraries that must have no import cycles, and no two public types of the same name.
const LIBRARIES: [&str; 3] = ["crds", "operator", "dialer"];

fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.join("../..").canonicalize().unwrap()
}

fn library(name: &str) -> Crate {
    let file = root().join(name).join("src/lib.rs");
    Crate::read(&file).unwrap()
}

fn relative(path: &Path) -> String {
    let full = path.strip_prefix(root()).unwrap_or(path);
    full.display().to_string()
}

#[test]
fn no_files_import_each_other_in_a_circle() {
    let mut found = Vec::new();
    for name in LIBRARIES {
        let imports = imports(&library(name));
        assert!(
            imports.len() > 10,
            "{name}: only {} imports found",
            imports.len()
        );
        for circle in circles(&imports) {
            let files: Vec<String> = circle.iter().map(|file| relative(file)).collect();
            let tied = arrows(&imports, &circle).join("\n  ");
            let tied = tied.replace(&format!("{}/", root().display()), "");
            found.push(format!("{}\n  {tied}", files.join(", ")));
        }
    }
    assert!(
        found.is_empty(),
        "circles of imports:\n{}",
        found.join("\n")
    );
}

#[test]
fn no_two_public_types_of_a_crate_have_one_name() {
    let mut found = Vec::new();
    for name in LIBRARIES {
        for (type_, files) in repeated_types(&library(name)) {
            let files: Vec<String> = files.iter().map(|file| relative(file)).collect();
            found.push(format!("{type_}: {}", files.join(", ")));
        }
    }
    assert!(
        found.is_empty(),
        "public types of one name:\n{}",
        found.join("\n")
    );
}

#[test]
fn no_source_file_is_too_long() {
    let mut found = Vec::new();
    for folder in ["crds", "operator", "dialer", "http-server", "tests"] {
        long_files(&root().join(folder), &mut found);
    }
    assert!(
        found.is_empty(),
        "over {MAX_LINES} lines:\n{}",
        found.join("\n")
    );
}

fn long_files(folder: &Path, found: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        if path.is_dir() && name != "target" && name != "node_modules" {
            long_files(&path, found);
        } else if name.ends_with(".rs") {
            let lines = std::fs::read_to_string(&path).unwrap().lines().count();
            if lines > MAX_LINES {
                found.push(format!("{}: {lines}", relative(&path)));
            }
        }
    }
}

/// Folders and files of `operator/src/environment` that may read from or write to the cluster. All others must be pure.
const ROOMS_WITH_IO: [&str; 6] = [
    "observe/",
    "apply/",
    "status/",
    "controller.rs",
    "watches.rs",
    "mod.rs",
];

#[test]
fn io_stays_in_its_rooms() {
    let folder = root().join("operator/src/environment");
    let imports = imports(&library("operator"));
    let io =
        ["operator/src/context.rs", "operator/src/kube_io/mod.rs"].map(|file| root().join(file));
    assert!(io.iter().all(|file| file.is_file()), "not there: {io:?}");
    let mut found = Vec::new();
    for ((from, to), names) in &imports {
        let Ok(inside) = from.strip_prefix(&folder) else {
            continue;
        };
        let inside = inside.to_string_lossy();
        let allowed = ROOMS_WITH_IO.iter().any(|room| inside.starts_with(room));
        let only_errors = names.iter().all(|name| name == "IoError");
        if io.contains(to) && !allowed && !only_errors {
            found.push(format!("{inside} imports {names:?} of {}", relative(to)));
        }
    }
    assert!(
        found.is_empty(),
        "I/O outside its rooms:\n{}",
        found.join("\n")
    );
}
