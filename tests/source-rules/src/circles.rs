//! Import cycles between the files of a crate.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use petgraph::algo::tarjan_scc;
use petgraph::graphmap::DiGraphMap;

use crate::imports::Imports;

/// Returns the import cycles. A cycle is a set of at least two files that all import each other, directly or
/// indirectly. Files and cycles are sorted.
pub fn circles(imports: &Imports) -> Vec<Vec<&PathBuf>> {
    let graph: DiGraphMap<&PathBuf, ()> = imports.keys().map(|(from, to)| (from, to, ())).collect();
    let mut found: Vec<Vec<&PathBuf>> = tarjan_scc(&graph);
    found.retain(|circle| circle.len() > 1);
    for circle in &mut found {
        circle.sort();
    }
    found.sort();
    found
}

/// Returns the imports between the files of a cycle, as one line each.
pub fn arrows(imports: &Imports, circle: &[&PathBuf]) -> Vec<String> {
    let inside = |file: &PathBuf| circle.contains(&file);
    let tying = imports
        .iter()
        .filter(|((from, to), _)| inside(from) && inside(to));
    tying
        .map(|((from, to), names)| arrow(from, to, names))
        .collect()
}

/// Formats one import as a line: `from -> to: names`.
pub fn arrow(from: &Path, to: &Path, names: &BTreeSet<String>) -> String {
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    format!(
        "{} -> {}: {}",
        from.display(),
        to.display(),
        names.join(", ")
    )
}
