//! Names of the public types of a crate.

use std::collections::BTreeMap;
use std::path::PathBuf;

use syn::{Item, Visibility};

use crate::modules::Crate;

/// Returns the names that more than one public type of a crate has, with the files that define these types. Only types
/// with the visibility `pub` count, not `pub(crate)` or narrower.
pub fn repeated_types(read: &Crate) -> BTreeMap<String, Vec<PathBuf>> {
    let mut found: BTreeMap<String, Vec<PathBuf>> = BTreeMap::new();
    for module in read.modules.values() {
        for name in module.items.iter().filter_map(public_type) {
            found.entry(name).or_default().push(module.file.clone());
        }
    }
    found.retain(|_, files| files.len() > 1);
    found
}

fn public_type(item: &Item) -> Option<String> {
    let (visibility, name) = match item {
        Item::Enum(i) => (&i.vis, &i.ident),
        Item::Struct(i) => (&i.vis, &i.ident),
        Item::Trait(i) => (&i.vis, &i.ident),
        Item::Type(i) => (&i.vis, &i.ident),
        Item::Union(i) => (&i.vis, &i.ident),
        _ => return None,
    };
    matches!(visibility, Visibility::Public(_)).then(|| name.to_string())
}
