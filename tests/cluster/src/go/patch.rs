//! Patches for the source code of Go modules. A build copies the module and patches the copy. It then passes a
//! `go.mod` with `-modfile` that replaces the module with the copy.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};
use serde_json::Value;

use crate::command::run;

/// Changes to the source of one Go module. The `Debug` output of this type is part of the cache key of the patched
/// programs, so renaming a field or variant rebuilds them on every machine.
#[derive(Clone, Copy, Debug)]
pub struct Patch {
    /// Import path of the module.
    pub module: &'static str,
    /// Changed files: the path in the module, and the change.
    pub files: &'static [(&'static str, Change)],
}

/// A change to one file.
#[derive(Clone, Copy, Debug)]
pub enum Change {
    /// Text replacements. Each pair contains the old text, which the file must contain exactly once, and the new text.
    Edits(&'static [(&'static str, &'static str)]),
    /// New content of the whole file.
    Whole(&'static str),
    /// Removal of the file.
    Removed,
}

/// Patch that makes FerretDB 1 end a SCRAM login as MongoDB does since version 4.4. Unpatched FerretDB expects one
/// more exchange, which the Rust driver does not make. Every login then fails with "expected SCRAM authentication to
/// have completed".
pub const FERRETDB_SCRAM: Patch = Patch {
    module: "github.com/FerretDB/FerretDB",
    files: &[(
        "internal/handler/msg_saslcontinue.go",
        Change::Edits(&[
            (
                "\"done\", valid, // for compatibility, assign the validity of the conversation before [Step] was called",
                "\"done\", conv.Valid(),",
            ),
            (
                "\th.L.DebugContext(connCtx, \"saslContinue: step succeed\", attrs...)\n",
                "\tif conv.Valid() {\n\t\tconninfo.Get(connCtx).SetBypassBackendAuth()\n\t}\n",
            ),
        ]),
    )],
};

/// Patch that removes the API clients of about 180 DNS providers from Traefik's ACME client. They account for most of
/// Traefik's compile time and are not needed, because no certificate is requested through Traefik here.
pub const TRAEFIK_WITHOUT_DNS_HOSTS: Patch = Patch {
    module: "github.com/go-acme/lego/v4",
    files: &[(
        "providers/dns/zz_gen_dns_providers.go",
        Change::Whole(include_str!(
            "../../../parts/cluster/traefik_dns_providers.txt"
        )),
    )],
};

/// Patch that removes Traefik's provider for Amazon ECS, and with it Traefik's largest dependency, the client of
/// Amazon EC2.
pub const TRAEFIK_WITHOUT_ECS: Patch = Patch {
    module: "github.com/traefik/traefik/v3",
    files: &[
        (
            "pkg/provider/ecs/ecs.go",
            Change::Whole(include_str!("../../../parts/cluster/traefik_ecs.txt")),
        ),
        ("pkg/provider/ecs/config.go", Change::Removed),
        ("pkg/provider/ecs/label.go", Change::Removed),
    ],
};

impl Patch {
    /// Downloads the Go module to patch, in the version that the `go.mod` in the folder `module` requires. Copies it
    /// into `folder` and patches the copy. Returns the `replace` line of a `go.mod` that uses the copy.
    fn write(&self, module: &Path, folder: &Path) -> anyhow::Result<String> {
        let output = run(Command::new("go")
            .args(["mod", "download", "-json", self.module])
            .current_dir(module))?;
        let answer: Value =
            serde_json::from_slice(&output.stdout).context("reading go mod download's answer")?;
        let Some(source) = answer["Dir"].as_str() else {
            bail!("go mod download {} names no folder", self.module);
        };
        let copy = folder.join(self.module);
        copy_tree(Path::new(source), &copy)?;
        for (file, change) in self.files {
            let path = copy.join(file);
            let text =
                fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
            match change.apply(&text) {
                Ok(Some(text)) => fs::write(&path, text),
                Ok(None) => fs::remove_file(&path),
                Err(edit) => bail!(
                    "{file} of {} changed: the correction {edit:?} does not fit",
                    self.module
                ),
            }
            .with_context(|| format!("correcting {}", path.display()))?;
        }
        Ok(format!("replace {} => {}\n", self.module, copy.display()))
    }
}

impl Change {
    /// Returns the new content of a file with the content `text`; `None` if the file is to be removed.
    ///
    /// # Errors
    /// When `text` does not contain the old text of an edit exactly once. The error is that old text.
    fn apply(&self, text: &str) -> Result<Option<String>, &'static str> {
        match self {
            Self::Whole(text) => Ok(Some((*text).to_owned())),
            Self::Removed => Ok(None),
            Self::Edits(edits) => {
                let mut text = text.to_owned();
                for (from, to) in *edits {
                    if text.matches(from).count() != 1 {
                        return Err(from);
                    }
                    text = text.replace(from, to);
                }
                Ok(Some(text))
            }
        }
    }
}

/// Writes patched copies of modules into `folder`, and a `go.mod` that extends that of the folder `module` and uses the
/// copies. Returns the path of the new `go.mod`.
///
/// # Errors
/// When a module cannot be downloaded, or a patch does not match the module's source.
pub fn write(patches: &[Patch], module: &Path, folder: &Path) -> anyhow::Result<PathBuf> {
    let mut requirements = fs::read_to_string(module.join("go.mod")).context("reading go.mod")?;
    requirements.push('\n');
    for patch in patches {
        requirements.push_str(&patch.write(module, folder)?);
    }
    let modfile = folder.join("go.mod");
    fs::write(&modfile, requirements).context("writing go.mod")?;
    fs::copy(module.join("go.sum"), folder.join("go.sum")).context("copying go.sum")?;
    Ok(modfile)
}

/// Copies a folder recursively. The copied files are writable, although the files in Go's module cache are read-only.
fn copy_tree(from: &Path, to: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(to).with_context(|| format!("creating {}", to.display()))?;
    for entry in fs::read_dir(from).with_context(|| format!("listing {}", from.display()))? {
        let entry = entry.with_context(|| format!("listing {}", from.display()))?;
        let target = to.join(entry.file_name());
        if entry.file_type().context("looking at a file")?.is_dir() {
            copy_tree(&entry.path(), &target)?;
        } else {
            let content = fs::read(entry.path()).context("copying a source file")?;
            fs::write(&target, content).context("copying a source file")?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_edit_that_does_not_fit_is_refused() {
        let change = Change::Edits(&[("old", "new")]);
        assert_eq!(
            change.apply("an old one"),
            Ok(Some("an new one".to_owned()))
        );
        assert_eq!(change.apply("another"), Err("old"));
        assert_eq!(change.apply("old and old"), Err("old"));
    }
}
