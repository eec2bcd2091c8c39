//! Checks that no personal data and no credentials are committed to the repository.

use std::fs;
use std::path::{Path, PathBuf};

use regex::Regex;

/// Directories that are not searched: build output, downloaded packages, and the files of git.
const NOT_OURS: [&str; 4] = ["target", "node_modules", "dist", ".git"];

fn files() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let (mut found, mut folders) = (Vec::new(), vec![root]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_dir() && !path.is_symlink() {
                folders.extend((!NOT_OURS.contains(&name.as_str())).then_some(path));
            } else {
                found.push(path);
            }
        }
    }
    assert!(found.len() > 300, "only {} files were found", found.len());
    found
}

#[test]
fn no_file_is_of_a_kind_that_holds_people_s_data() {
    let kinds = Regex::new(
        r"(?i)(\.(csv|xlsx?|pdf|docx?|bak|dump|bson|pem|key|p12)|^\.env(\..*)?|client_secret.*\.json|^credentials.*\.json)$",
    )
    .unwrap();
    let wrong: Vec<PathBuf> = files()
        .into_iter()
        .filter(|path| kinds.is_match(&path.file_name().unwrap().to_string_lossy()))
        .collect();
    assert!(wrong.is_empty(), "{wrong:?}");
}

#[test]
fn no_file_holds_a_credential() {
    // Only texts with many distinct characters count as secrets, because examples repeat characters.
    let secrets = Regex::new(
        r"(crk_[0-9a-f]{32}|key_[0-9a-f]{64}|mongodb(\+srv)?://[^\s:/@]+:[A-Za-z0-9+]{16,}@|AKIA[0-9A-Z]{16}|-----BEGIN [A-Z ]*PRIVATE KEY-----|eyJhbGciOi[\w-]{20,}\.[\w-]{20,}\.[\w-]{20,})",
    )
    .unwrap();
    let mut wrong = Vec::new();
    for path in files() {
        let Ok(text) = fs::read_to_string(&path) else {
            continue;
        };
        let found = secrets.find_iter(&text).map(|m| m.as_str());
        let found = found.filter(|text| distinct(text) > 8);
        wrong.extend(found.map(|_| path.clone()));
    }
    assert!(wrong.is_empty(), "{wrong:?}");
}

/// Returns the number of distinct characters in a secret, not counting its prefix.
fn distinct(secret: &str) -> usize {
    let body = secret.rsplit(['_', '/', ' ']).next().unwrap_or_default();
    body.chars()
        .collect::<std::collections::BTreeSet<char>>()
        .len()
}
