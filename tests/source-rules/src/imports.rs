//! Imports between the files of a crate: `use` declarations, and full paths in the code, including inside macros.
//!
//! A path counts as an import of the file that contains the deepest module named in the path. A re-export counts as an
//! import by the file that re-exports. Declaring a child module with `mod` is not an import.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use quote::ToTokens;
use syn::{Item, UseTree};

use crate::modules::{Crate, ModulePath};

/// Names that one file imports from another. The key is the pair of importing file and imported file.
pub type Imports = BTreeMap<(PathBuf, PathBuf), BTreeSet<String>>;

/// Returns all imports between different files of a crate.
pub fn imports(read: &Crate) -> Imports {
    let mut found = Imports::new();
    for (path, module) in &read.modules {
        for named in named_paths(read, path, &module.items) {
            let (target, rest) = deepest(read, &named);
            let file = &read.modules[&target].file;
            if *file != module.file {
                let what = rest.first().cloned().unwrap_or_else(|| "(module)".into());
                let arrow = (module.file.clone(), file.clone());
                found.entry(arrow).or_default().insert(what);
            }
        }
    }
    found
}

/// Returns the paths in a module that start with `crate`, `self`, `super` or the name of a module of the crate that is
/// in scope. They are resolved to start at the crate's root.
fn named_paths(read: &Crate, at: &ModulePath, items: &[Item]) -> Vec<Vec<String>> {
    let uses: Vec<Use> = items.iter().flat_map(uses).collect();
    let mut names = BTreeMap::new();
    let mut found = Vec::new();
    // Two passes, because the path of a `use` may start with a name that another `use` brings into scope.
    for _ in 0..2 {
        found.clear();
        for Use { name, path } in &uses {
            if let Some(full) = resolve(read, at, &names, path) {
                // Only names of modules are kept: paths that start with another item need no resolution, because the
                // `use` of that item already counts as the import.
                if read.modules.contains_key(&full) {
                    names.insert(name.clone(), full.clone());
                }
                found.push(full);
            }
        }
    }
    let others = items.iter().filter(|item| !matches!(item, Item::Use(_)));
    let mut written = Vec::new();
    for item in others {
        collect(item.to_token_stream(), &mut written);
    }
    let full = written.iter().filter_map(|p| resolve(read, at, &names, p));
    found.extend(full);
    found
}

/// Name that a `use` declaration brings into scope, and its path as written.
struct Use {
    name: String,
    path: Vec<String>,
}

fn uses(item: &Item) -> Vec<Use> {
    let mut found = Vec::new();
    if let Item::Use(item) = item {
        flatten(&item.tree, &mut Vec::new(), &mut found);
    }
    found
}

fn flatten(tree: &UseTree, prefix: &mut Vec<String>, found: &mut Vec<Use>) {
    match tree {
        UseTree::Path(path) => {
            prefix.push(path.ident.to_string());
            flatten(&path.tree, prefix, found);
            prefix.pop();
        }
        UseTree::Group(group) => {
            for tree in &group.items {
                flatten(tree, prefix, found);
            }
        }
        UseTree::Name(name) => found.push(with(prefix, &name.ident.to_string(), None)),
        UseTree::Rename(name) => {
            let rename = name.rename.to_string();
            found.push(with(prefix, &name.ident.to_string(), Some(rename)));
        }
        UseTree::Glob(_) => found.push(Use {
            name: "*".to_owned(),
            path: prefix.clone(),
        }),
    }
}

/// Builds the [`Use`] for `prefix::last`. If `last` is `self`, as in `a::b::self`, the name in scope is `b`.
fn with(prefix: &[String], last: &str, rename: Option<String>) -> Use {
    let mut path = prefix.to_vec();
    if last != "self" || path.is_empty() {
        path.push(last.to_owned());
    }
    let name = rename.or_else(|| path.last().cloned());
    Use {
        name: name.unwrap_or_default(),
        path,
    }
}

/// Resolves a path in the module `at` to a path from the crate's root. Returns `None` if the path refers to another
/// crate or starts with a name that is not a module.
fn resolve(
    read: &Crate,
    at: &ModulePath,
    names: &BTreeMap<String, ModulePath>,
    path: &[String],
) -> Option<Vec<String>> {
    let (first, mut rest) = path.split_first()?;
    let mut full = match first.as_str() {
        "crate" => Vec::new(),
        "self" => at.clone(),
        "super" => at[..at.len().checked_sub(1)?].to_vec(),
        name => {
            let mut child = at.clone();
            child.push(name.to_owned());
            match names.get(name) {
                Some(known) => known.clone(),
                None if read.modules.contains_key(&child) => child,
                None => return None,
            }
        }
    };
    while let Some(("super", further)) = rest.split_first().map(|(f, r)| (f.as_str(), r)) {
        full.pop()?;
        rest = further;
    }
    full.extend(rest.iter().cloned());
    Some(full)
}

/// Splits a path into the path of its deepest module and the remaining segments.
fn deepest(read: &Crate, path: &[String]) -> (ModulePath, Vec<String>) {
    let longest = (0..=path.len())
        .rev()
        .find(|n| read.modules.contains_key(&path[..*n]))
        .unwrap_or(0);
    (path[..longest].to_vec(), path[longest..].to_vec())
}

/// Collects the paths of at least two segments in the tokens, including those inside macros.
fn collect(tokens: TokenStream, found: &mut Vec<Vec<String>>) {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        match token {
            TokenTree::Group(group) => {
                if !is_visibility(group) {
                    collect(group.stream(), found);
                }
                at += 1;
            }
            TokenTree::Ident(_) if !is_colons(&tokens, at.wrapping_sub(2)) => {
                let (path, end) = path(&tokens, at);
                if path.len() > 1 {
                    found.push(path);
                }
                at = end;
            }
            _ => at += 1,
        }
    }
}

/// Returns true if the group is the `(in crate::x)` of `pub(in crate::x)`.
fn is_visibility(group: &proc_macro2::Group) -> bool {
    let first = group.stream().into_iter().next();
    group.delimiter() == Delimiter::Parenthesis
        && matches!(first, Some(TokenTree::Ident(word)) if word == "in")
}

/// Returns the path that begins at the token `start`, and the index after its last token.
fn path(tokens: &[TokenTree], start: usize) -> (Vec<String>, usize) {
    let mut at = start;
    let mut path = Vec::new();
    while let Some(TokenTree::Ident(word)) = tokens.get(at) {
        path.push(word.to_string());
        if !is_colons(tokens, at + 1) {
            return (path, at + 1);
        }
        at += 3;
    }
    (path, at)
}

fn is_colons(tokens: &[TokenTree], at: usize) -> bool {
    let colon =
        |at: usize| matches!(tokens.get(at), Some(TokenTree::Punct(p)) if p.as_char() == ':');
    colon(at) && colon(at.wrapping_add(1))
}
