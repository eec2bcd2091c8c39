//! Imports between the files of a crate: in `use`, and in paths written out where they are used, macros included.
//!
//! A path counts for the file of the deepest module that it names. A re-export is an import of the file that
//! re-exports; declaring a child module with `mod` is none.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use quote::ToTokens;
use syn::{Item, UseTree};

use crate::modules::{Crate, ModulePath};

/// What one file takes from another, by (importing file, imported file).
pub type Imports = BTreeMap<(PathBuf, PathBuf), BTreeSet<String>>;

/// Imports between all files of a crate; none of a file to itself.
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

/// Every path in a module that leads into its own crate, from the crate's root.
fn named_paths(read: &Crate, at: &ModulePath, items: &[Item]) -> Vec<Vec<String>> {
    let uses: Vec<Use> = items.iter().flat_map(uses).collect();
    let mut names = BTreeMap::new();
    let mut found = Vec::new();
    // Twice: a `use` may begin with what another `use` brought.
    for _ in 0..2 {
        found.clear();
        for Use { name, path } in &uses {
            if let Some(full) = resolve(read, at, &names, path) {
                // The name of an item is an import of its file already: only a module leads further.
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

/// One name that a `use` brings.
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

/// `a::b::self` brings `b`.
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

/// The path from the crate's root; `None` for one that leads into another crate or names a local.
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

/// The deepest module on a path, and what follows it.
fn deepest(read: &Crate, path: &[String]) -> (ModulePath, Vec<String>) {
    let longest = (0..=path.len())
        .rev()
        .find(|n| read.modules.contains_key(&path[..*n]))
        .unwrap_or(0);
    (path[..longest].to_vec(), path[longest..].to_vec())
}

/// Paths of two and more segments among the tokens, those inside macros too.
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

/// `(in crate::x)` of `pub(in crate::x)`.
fn is_visibility(group: &proc_macro2::Group) -> bool {
    let first = group.stream().into_iter().next();
    group.delimiter() == Delimiter::Parenthesis
        && matches!(first, Some(TokenTree::Ident(word)) if word == "in")
}

/// The path that begins at a token, and where it ends.
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
