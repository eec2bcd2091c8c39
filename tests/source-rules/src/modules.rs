//! The module tree of a crate, with the file that contains each module.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use syn::{Attribute, Expr, Item, ItemMod, Lit, Meta};

/// Path of a module below the crate's root, for example `["release", "gate"]`; empty for the root.
pub type ModulePath = Vec<String>;

/// Module of a crate, in a separate file or inline.
pub struct Module {
    /// File that contains the module.
    pub file: PathBuf,
    /// Items of the module, without child modules and without items that are compiled only for tests.
    pub items: Vec<Item>,
}

impl std::fmt::Debug for Module {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Module")
            .field("file", &self.file)
            .finish_non_exhaustive()
    }
}

/// All modules of one crate, except those that are compiled only for tests.
#[derive(Debug, Default)]
pub struct Crate {
    /// Modules by their path.
    pub modules: BTreeMap<ModulePath, Module>,
}

impl Crate {
    /// Reads the crate with this root file, such as `src/lib.rs`, and the files of all its modules except those that are
    /// compiled only for tests.
    ///
    /// # Errors
    /// Returns an error if a file is missing or cannot be parsed.
    pub fn read(root: &Path) -> Result<Self> {
        let mut read = Self::default();
        let folder = root.parent().unwrap_or(Path::new("")).to_owned();
        read.file(root, Vec::new(), &folder)?;
        Ok(read)
    }

    /// Reads the file of the module `path`. `folder` is the directory that contains the files of its child modules.
    fn file(&mut self, file: &Path, path: ModulePath, folder: &Path) -> Result<()> {
        let text = std::fs::read_to_string(file).with_context(|| file.display().to_string())?;
        let parsed = syn::parse_file(&text).with_context(|| file.display().to_string())?;
        self.module(file, path, folder, parsed.items)
    }

    fn module(
        &mut self,
        file: &Path,
        path: ModulePath,
        folder: &Path,
        items: Vec<Item>,
    ) -> Result<()> {
        let mut kept = Vec::new();
        for item in items {
            if attributes(&item).iter().any(is_for_tests) {
                continue;
            }
            match item {
                Item::Mod(module) => self.child(file, &path, folder, module)?,
                item => kept.push(item),
            }
        }
        let file = file.to_owned();
        self.modules.insert(path, Module { file, items: kept });
        Ok(())
    }

    fn child(
        &mut self,
        file: &Path,
        parent: &ModulePath,
        folder: &Path,
        module: ItemMod,
    ) -> Result<()> {
        let name = module.ident.to_string();
        let mut path = parent.clone();
        path.push(name.clone());
        if let Some((_, items)) = module.content {
            return self.module(file, path, &folder.join(&name), items);
        }
        let beside = folder.join(format!("{name}.rs"));
        let inside = folder.join(&name).join("mod.rs");
        let found = match named_path(&module.attrs) {
            Some(named) => file.parent().unwrap_or(folder).join(named),
            None if beside.is_file() => beside,
            None if inside.is_file() => inside,
            None => bail!("{}: no file for `mod {name}`", file.display()),
        };
        self.file(&found, path, &folder.join(&name))
    }
}

/// Returns the value of the attribute `#[path = "…"]`, if there is one.
fn named_path(attributes: &[Attribute]) -> Option<String> {
    let value = attributes.iter().find_map(|a| match &a.meta {
        Meta::NameValue(pair) if pair.path.is_ident("path") => Some(&pair.value),
        _ => None,
    })?;
    match value {
        Expr::Lit(literal) => match &literal.lit {
            Lit::Str(text) => Some(text.value()),
            _ => None,
        },
        _ => None,
    }
}

/// Returns true if the attribute is a `#[cfg(…)]` that mentions `test`.
fn is_for_tests(attribute: &Attribute) -> bool {
    let Meta::List(list) = &attribute.meta else {
        return false;
    };
    let words = list.tokens.to_string();
    list.path.is_ident("cfg")
        && words
            .split(|c: char| !c.is_alphanumeric())
            .any(|word| word == "test")
}

fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(i) => &i.attrs,
        Item::Enum(i) => &i.attrs,
        Item::Fn(i) => &i.attrs,
        Item::Impl(i) => &i.attrs,
        Item::Macro(i) => &i.attrs,
        Item::Mod(i) => &i.attrs,
        Item::Static(i) => &i.attrs,
        Item::Struct(i) => &i.attrs,
        Item::Trait(i) => &i.attrs,
        Item::Type(i) => &i.attrs,
        Item::Use(i) => &i.attrs,
        _ => &[],
    }
}
