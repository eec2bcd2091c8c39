//! A correction to a module's source at build time: a copy of it is corrected and takes its place by `-modfile`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};
use serde_json::Value;

use super::command::run;

/// Exact replacements in one file of a module.
#[derive(Clone, Copy, Debug)]
pub struct Patch {
    /// The module's path.
    pub module: &'static str,
    /// The file in it.
    pub file: &'static str,
    /// (text that stands there exactly once, text to put instead).
    pub edits: &'static [(&'static str, &'static str)],
}

/// FerretDB 1 ends SCRAM with an exchange more than MongoDB since 4.4, and the Rust driver does not make it: without
/// this every login of the driver fails with "expected SCRAM authentication to have completed".
pub const FERRETDB_SCRAM: Patch = Patch {
    module: "github.com/FerretDB/FerretDB",
    file: "internal/handler/msg_saslcontinue.go",
    edits: &[
        (
            "\"done\", valid, // for compatibility, assign the validity of the conversation before [Step] was called",
            "\"done\", conv.Valid(),",
        ),
        (
            "\th.L.DebugContext(connCtx, \"saslContinue: step succeed\", attrs...)\n",
            "\tif conv.Valid() {\n\t\tconninfo.Get(connCtx).SetBypassBackendAuth()\n\t}\n",
        ),
    ],
};

impl Patch {
    /// Copies the module into `folder`, corrects the copy and writes a `go.mod` that uses it; returns the path of that file.
    ///
    /// # Errors
    /// When the module cannot be had, or its source is not the one the edits were made for.
    pub fn write(&self, module: &Path, folder: &Path) -> anyhow::Result<PathBuf> {
        let output = run(Command::new("go")
            .args(["mod", "download", "-json", self.module])
            .current_dir(module))?;
        let answer: Value =
            serde_json::from_slice(&output.stdout).context("reading go mod download's answer")?;
        let Some(source) = answer["Dir"].as_str() else {
            bail!("go mod download {} names no folder", self.module);
        };
        let copy = folder.join("source");
        copy_tree(Path::new(source), &copy)?;
        let file = copy.join(self.file);
        let text =
            fs::read_to_string(&file).with_context(|| format!("reading {}", file.display()))?;
        fs::write(&file, self.apply(&text)?).context("writing the corrected file")?;
        let mut requirements =
            fs::read_to_string(module.join("go.mod")).context("reading go.mod")?;
        requirements.push_str(&format!(
            "\nreplace {} => {}\n",
            self.module,
            copy.display()
        ));
        let modfile = folder.join("go.mod");
        fs::write(&modfile, requirements).context("writing go.mod")?;
        fs::copy(module.join("go.sum"), folder.join("go.sum")).context("copying go.sum")?;
        Ok(modfile)
    }

    fn apply(&self, text: &str) -> anyhow::Result<String> {
        let mut text = text.to_owned();
        for (from, to) in self.edits {
            if text.matches(from).count() != 1 {
                bail!(
                    "{} of {} changed: the correction {from:?} does not fit",
                    self.file,
                    self.module
                );
            }
            text = text.replace(from, to);
        }
        Ok(text)
    }
}

/// The module cache is read-only; the copy is not.
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
        let patch = Patch {
            module: "m",
            file: "f.go",
            edits: &[("old", "new")],
        };
        assert_eq!(patch.apply("an old one").unwrap(), "an new one");
        assert!(patch.apply("another").is_err());
        assert!(patch.apply("old and old").is_err());
    }
}
