//! Checks of the contract table `tests/contract/rows.toml`, and generation of `docs/dialer-compat.md` from it (`make
//! generate`). Each row is a rule of the old Node.js server's interface, or a defect of that server. It states what
//! became of the rule or defect in the dialer, and which tests cover it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;

/// Number of known defects of the old Node.js server. Each has a row `H-<number>` in the contract table.
const DEFECTS: u32 = 49;

/// Test files that no row of the contract table refers to: this file, and the tests of the command line and of the
/// benchmark report.
const OTHERS: [&str; 3] = ["contract", "command_line", "compare_report"];

#[derive(Debug, Deserialize)]
struct Table {
    row: Vec<Row>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    /// Id of the row: `C-<section of the contract>-<number>` for a rule, `H-<number>` for a defect.
    id: String,
    /// Description of the rule or defect of the old Node.js server.
    rule: String,
    verdict: Verdict,
    /// Reason why the dialer does not follow the rule; may be empty if it does.
    #[serde(default)]
    reason: String,
    /// Tests that cover the row, as `<file of dialer/tests>::<function>` or `src/<path>.rs::<function>`.
    #[serde(default)]
    tests: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Verdict {
    Kept,
    Changed,
    Dropped,
    Later,
}

fn dialer() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn rows() -> Vec<Row> {
    let text = fs::read_to_string(dialer().join("tests/contract/rows.toml")).unwrap();
    let table: Table = toml::from_str(&text).unwrap();
    table.row
}

/// Returns the names of all test functions in a file.
fn tests_of(file: &Path) -> BTreeSet<String> {
    let text = fs::read_to_string(file).unwrap_or_default();
    let mut found = BTreeSet::new();
    let mut marked = false;
    for line in text.lines().map(str::trim) {
        if line.starts_with("#[test") || line.starts_with("#[tokio::test") {
            marked = true;
        } else if let Some((_, rest)) = line.split_once("fn ").filter(|_| marked) {
            let name = rest.split(['(', '<']).next().unwrap_or_default();
            found.insert(name.to_owned());
            marked = false;
        }
    }
    found
}

/// Returns the file and the function of a test name, such as `<file>::<function>`; `None` if the name has no `::`.
fn place(test: &str) -> Option<(PathBuf, &str)> {
    let (file, function) = test.rsplit_once("::")?;
    let file = if file.starts_with("src/") {
        dialer().join(file)
    } else {
        dialer().join("tests").join(format!("{file}.rs"))
    };
    Some((file, function))
}

#[test]
fn every_row_is_whole() {
    let mut wrong = Vec::new();
    let mut ids = BTreeSet::new();
    for row in rows() {
        let id = &row.id;
        if !ids.insert(id.clone()) {
            wrong.push(format!("{id}: twice"));
        }
        if !(id.starts_with("C-") || id.starts_with("H-")) {
            wrong.push(format!(
                "{id}: no id of the form C-<section>-<number> or H-<number>"
            ));
        }
        if row.rule.is_empty() {
            wrong.push(format!("{id}: no rule"));
        }
        if row.verdict != Verdict::Kept && row.reason.is_empty() {
            wrong.push(format!("{id}: no reason"));
        }
        if row.tests.is_empty() != (row.verdict == Verdict::Later) {
            wrong.push(format!(
                "{id}: a row has a test, but for one that is for later"
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_test_that_a_row_names_is_there() {
    let mut wrong = Vec::new();
    let mut known: BTreeMap<PathBuf, BTreeSet<String>> = BTreeMap::new();
    for row in rows() {
        for test in &row.tests {
            let there = place(test).is_some_and(|(file, function)| {
                let tests = known.entry(file.clone()).or_insert_with(|| tests_of(&file));
                tests.contains(function)
            });
            if !there {
                wrong.push(format!("{}: there is no test {test}", row.id));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_test_of_the_suite_is_named_by_a_row() {
    let named: BTreeSet<String> = rows().into_iter().flat_map(|row| row.tests).collect();
    let mut wrong = Vec::new();
    for entry in fs::read_dir(dialer().join("tests")).unwrap() {
        let file = entry.unwrap().path();
        let stem = file.file_stem().unwrap().to_str().unwrap().to_owned();
        if file.extension().is_none_or(|e| e != "rs") || OTHERS.contains(&stem.as_str()) {
            continue;
        }
        let tests = tests_of(&file)
            .into_iter()
            .map(|test| format!("{stem}::{test}"));
        wrong.extend(tests.filter(|test| !named.contains(test)));
    }
    assert!(wrong.is_empty(), "no row names\n{}", wrong.join("\n"));
}

#[test]
fn every_defect_of_the_old_application_is_a_row() {
    let ids: BTreeSet<String> = rows().into_iter().map(|row| row.id).collect();
    let missing: Vec<String> = (1..=DEFECTS)
        .map(|n| format!("H-{n:02}"))
        .filter(|id| !ids.contains(id))
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn the_document_is_the_table() {
    let path = dialer().join("../docs/dialer-compat.md");
    let wanted = document(rows());
    if std::env::var_os("CONTRACT_WRITE").is_some() {
        fs::write(&path, &wanted).unwrap();
    }
    let found = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        found == wanted,
        "docs/dialer-compat.md differs from dialer/tests/contract/rows.toml: run `make generate`"
    );
}

fn document(rows: Vec<Row>) -> String {
    let mut text = String::from(HEAD);
    let count = |verdict| rows.iter().filter(|row| row.verdict == verdict).count();
    let (kept, changed) = (count(Verdict::Kept), count(Verdict::Changed));
    let (dropped, later) = (count(Verdict::Dropped), count(Verdict::Later));
    writeln!(
        text,
        "{} rules: {kept} kept, {changed} changed, {dropped} dropped, {later} for later.",
        rows.len()
    )
    .unwrap();
    let mut sections: BTreeMap<(bool, String), Vec<Row>> = BTreeMap::new();
    for row in rows {
        let section = section(&row.id);
        sections.entry(section).or_default().push(row);
    }
    for ((_, section), mut rows) in sections {
        rows.sort_by(|a, b| a.id.cmp(&b.id));
        let title = title(&section);
        write!(
            text,
            "\n## {title}\n\n| id | rule | what became of it | tests |\n|---|---|---|---|\n"
        )
        .unwrap();
        for row in rows {
            let verdict = match row.verdict {
                Verdict::Kept => "kept",
                Verdict::Changed => "changed",
                Verdict::Dropped => "dropped",
                Verdict::Later => "later",
            };
            let reason = if row.reason.is_empty() {
                String::new()
            } else {
                format!(": {}", row.reason)
            };
            let tests: Vec<String> = row.tests.iter().map(|test| format!("`{test}`")).collect();
            let cells = [
                row.id,
                row.rule,
                format!("{verdict}{reason}"),
                tests.join(", "),
            ];
            let cells = cells.map(|cell| cell.replace('|', "\\|"));
            writeln!(text, "| {} |", cells.join(" | ")).unwrap();
        }
    }
    text
}

const HEAD: &str = "<!-- Generated from dialer/tests/contract/rows.toml by `make generate`. -->\n\
# What became of the old application's interface\n\n\
For the owner of clients and vendors that spoke to the Node application: which of its rules still hold. A rule that is\n\
kept or changed names the tests that show it; one that is for later has none yet. Defects of the old application that\n\
must not come back are at the end.\n\n";

/// Returns the sort key of the row `id`. Rules are sorted by section, and defects come last.
fn section(id: &str) -> (bool, String) {
    let number = id
        .strip_prefix("C-")
        .and_then(|rest| rest.split('-').next());
    match number {
        Some(number) => (false, number.to_owned()),
        None => (true, "H".to_owned()),
    }
}

fn title(section: &str) -> &'static str {
    match section {
        "1.1" => "Configuration",
        "1.2" => "Start, stop, limits",
        "1.3" => "CORS, headers, errors",
        "1.4" => "System endpoints",
        "1.5" => "Static files",
        "2.0" => "MongoDB: conventions",
        "2.1" => "MongoDB: users",
        "2.2" => "MongoDB: leads",
        "2.3" => "MongoDB: other collections",
        "3.0" => "HTTP: authentication",
        "3.1" => "HTTP: accounts and passcodes",
        "3.2" => "HTTP: leads",
        "3.3" => "HTTP: dispositions",
        "3.4" => "HTTP: calls, dial counts, settings",
        "3.5" => "HTTP: analytics",
        "3.6" => "HTTP: documents",
        "3.7" => "HTTP: integrations",
        "3.8" => "HTTP: e-mail templates and campaigns",
        "3.9" => "HTTP: GroupMe and Gmail",
        "4" => "WebSocket",
        "5.1" => "Vendor webhook: message and answers",
        "5.2" => "Vendor webhook: the same lead, and its price",
        "5.3" => "Vendor webhook: the older address",
        "5.4" => "Other vendors",
        "6" => "CSV import",
        "7" => "Textdrip",
        "8" => "UI",
        "H" => "Defects that must not come back",
        other => panic!("no title for section {other} of the contract"),
    }
}

/// Checks that `main.rs` declares every test file as a module. Tests in other files would never run, because `main.rs`
/// is the only Cargo test target.
#[test]
fn every_file_of_tests_is_compiled() {
    for package in ["crds", "dialer", "operator"] {
        let tests = dialer().join("..").join(package).join("tests");
        let main = fs::read_to_string(tests.join("main.rs")).unwrap();
        for entry in fs::read_dir(&tests).unwrap() {
            let path = entry.unwrap().path();
            let stem = path.file_stem().unwrap().to_str().unwrap();
            if path.extension().is_some_and(|e| e == "rs") && stem != "main" {
                assert!(
                    main.lines().any(|line| line == format!("mod {stem};")),
                    "{package}/tests/main.rs does not name {stem}"
                );
            }
        }
    }
}
