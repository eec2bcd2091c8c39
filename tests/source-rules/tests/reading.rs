//! Tests of the source analysis with small crates, mainly of which paths count as imports.

use std::collections::BTreeMap;
use std::path::Path;

use crokodial_source_rules::circles::circles;
use crokodial_source_rules::imports::imports;
use crokodial_source_rules::modules::Crate;
use crokodial_source_rules::names::repeated_types;

/// Writes these files (name and text) to a temporary folder and parses them as a crate.
fn read(files: &[(&str, &str)]) -> Crate {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    Crate::read(&folder.path().join("lib.rs")).unwrap()
}

/// Returns the imports between these files, as lines `a.rs -> b.rs`.
fn arrows(files: &[(&str, &str)]) -> Vec<String> {
    let read = read(files);
    let short: BTreeMap<&Path, &str> = read
        .modules
        .values()
        .map(|module| {
            let file = module.file.as_path();
            let name = files
                .iter()
                .map(|(name, _)| *name)
                .filter(|name| file.ends_with(name));
            (file, name.max_by_key(|name| name.len()).unwrap())
        })
        .collect();
    let found = imports(&read);
    let line = |from: &Path, to: &Path| format!("{} -> {}", short[from], short[to]);
    found.keys().map(|(from, to)| line(from, to)).collect()
}

#[test]
fn imports_are_found_wherever_a_path_is_written() {
    let one = |text: &str| {
        let files = [
            ("lib.rs", "mod a; mod b;"),
            ("b.rs", "pub struct B;"),
            ("a.rs", text),
        ];
        arrows(&files)
    };
    for text in [
        "use crate::b::B;",
        "use super::b::B;",
        "use super::b;\nfn f() { b::g() }",
        "use super::b as other;\nfn f() { other::g() }",
        "use crate::{b::{self, B}};",
        "use crate::b::*;",
        "pub use crate::b::B;",
        "fn f() -> crate::b::B { todo!() }",
        "fn f() { println!(\"{}\", crate::b::g()); }",
        "impl<T: super::b::B> X for T {}",
        "fn f() { Vec::<crate::b::B>::new(); }",
        "mod inner { use super::super::b::B; }",
    ] {
        assert_eq!(one(text), ["a.rs -> b.rs"], "{text}");
    }
    for text in [
        "use other::b::B;",
        "fn f() { b::g() }",
        "pub(in crate::b) fn f() {}",
        "#[cfg(test)]\nmod tests { use crate::b::B; }",
        "#[cfg(test)]\nuse crate::b::B;",
        "// crate::b::B",
    ] {
        assert!(one(text).is_empty(), "{text}");
    }
}

#[test]
fn a_path_counts_for_the_deepest_module_that_it_names() {
    let files = |text: &'static str| {
        [
            ("lib.rs", "mod a; mod b;"),
            ("b/mod.rs", "pub mod c; pub use c::C;"),
            ("b/c.rs", "pub struct C;"),
            ("a.rs", text),
        ]
    };
    assert_eq!(
        arrows(&files("use crate::b::c::C;")),
        ["a.rs -> b/c.rs", "b/mod.rs -> b/c.rs"]
    );
    assert_eq!(
        arrows(&files("use crate::b::C;")),
        ["a.rs -> b/mod.rs", "b/mod.rs -> b/c.rs"]
    );
    assert_eq!(
        arrows(&files("use crate::b;\nfn f() { b::c::g() }")),
        ["a.rs -> b/c.rs", "a.rs -> b/mod.rs", "b/mod.rs -> b/c.rs"]
    );
}

#[test]
fn a_circle_is_found_through_other_files() {
    let read = read(&[
        ("lib.rs", "mod a; mod b; mod c; mod d;"),
        ("a.rs", "use crate::b::B;"),
        ("b.rs", "use crate::c::C;"),
        ("c.rs", "use crate::a::A; use crate::d::D;"),
        ("d.rs", ""),
    ]);
    let imports = imports(&read);
    let found = circles(&imports);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].len(), 3);
}

#[test]
fn public_types_of_one_name_are_found_in_inline_modules_too() {
    let read = read(&[
        (
            "lib.rs",
            "mod a; pub struct T; mod b { pub enum T {} pub(crate) struct U; }",
        ),
        (
            "a.rs",
            "struct T; pub type U = u8; #[cfg(test)] mod tests { pub struct T; }",
        ),
    ]);
    let found = repeated_types(&read);
    assert_eq!(found.keys().collect::<Vec<_>>(), ["T"]);
    assert_eq!(found["T"].len(), 2);
}

#[test]
fn a_module_without_a_file_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("lib.rs");
    std::fs::write(&file, "mod missing;").unwrap();
    let error = Crate::read(&file).unwrap_err().to_string();
    assert!(error.contains("no file for `mod missing`"), "{error}");
}
