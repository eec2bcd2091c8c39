//! `cluster logs`: prints the log files of the cluster's processes.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, bail};

use crate::layout::Layout;

/// Number of lines printed from the end of each log.
const TAIL_LINES: usize = 40;
/// Time between two checks for new lines when logs are followed.
const POLL_INTERVAL: Duration = Duration::from_millis(250);

/// Prints the last lines of the log of the process `part`, or of all logs if `part` is `None`. If `follow` is true,
/// also prints new lines until this program is interrupted.
///
/// # Errors
/// When `part` has no log, or a log cannot be read.
pub fn print(layout: &Layout, part: Option<&str>, follow: bool) -> anyhow::Result<()> {
    let logs = find(layout, part)?;
    let prefixed = logs.len() > 1;
    let mut readers = Vec::new();
    for (name, path) in &logs {
        let file = File::open(path).with_context(|| format!("opening {}", path.display()))?;
        let mut reader = BufReader::new(file);
        let mut text = Vec::new();
        reader
            .read_to_end(&mut text)
            .with_context(|| format!("reading {}", path.display()))?;
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<_> = text.lines().collect();
        for line in lines.iter().skip(lines.len().saturating_sub(TAIL_LINES)) {
            show(name, prefixed, line)?;
        }
        readers.push((name.clone(), reader));
    }
    if follow {
        follow_all(&mut readers, prefixed)?;
    }
    Ok(())
}

/// Prints new lines of the logs until this program is interrupted. If `prefixed` is true, each line starts with the
/// name of its log.
fn follow_all(readers: &mut [(String, BufReader<File>)], prefixed: bool) -> anyhow::Result<()> {
    loop {
        for (name, reader) in readers.iter_mut() {
            let mut line = String::new();
            while reader.read_line(&mut line).context("reading a log")? > 0 {
                show(name, prefixed, line.trim_end())?;
                line.clear();
            }
            // The file is shorter than before, so it was truncated and is read from its start.
            let position = reader.stream_position().context("reading a log")?;
            if reader.get_ref().metadata().context("reading a log")?.len() < position {
                reader.seek(SeekFrom::Start(0)).context("reading a log")?;
            }
        }
        std::thread::sleep(POLL_INTERVAL);
    }
}

fn show(name: &str, prefixed: bool, line: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    if prefixed {
        writeln!(out, "{name}: {line}")
    } else {
        writeln!(out, "{line}")
    }
    .context("writing")
}

fn find(layout: &Layout, part: Option<&str>) -> anyhow::Result<BTreeMap<String, PathBuf>> {
    let folder = layout.path("logs");
    let mut logs = BTreeMap::new();
    for entry in std::fs::read_dir(&folder).into_iter().flatten() {
        let path = entry.context("listing the logs")?.path();
        if path.extension().is_some_and(|extension| extension == "log")
            && let Some(name) = path.file_stem()
        {
            logs.insert(name.to_string_lossy().into_owned(), path);
        }
    }
    if logs.is_empty() {
        bail!(
            "no logs in {}: `make up` starts the cluster",
            folder.display()
        );
    }
    let Some(part) = part else {
        return Ok(logs);
    };
    match logs.remove_entry(part) {
        Some(entry) => Ok(BTreeMap::from([entry])),
        None => bail!(
            "no part {part:?}; there are: {}",
            logs.into_keys().collect::<Vec<_>>().join(", ")
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_error_for_an_unknown_part_lists_the_known_ones() {
        let dir = tempfile::tempdir().unwrap();
        let layout = Layout::new(dir.path()).unwrap();
        assert!(find(&layout, None).is_err());
        std::fs::create_dir_all(layout.path("logs")).unwrap();
        std::fs::write(layout.log("etcd"), "x\n").unwrap();
        std::fs::write(layout.log("kubelet"), "y\n").unwrap();
        assert_eq!(find(&layout, None).unwrap().len(), 2);
        assert_eq!(find(&layout, Some("etcd")).unwrap().len(), 1);
        let error = find(&layout, Some("nope")).unwrap_err().to_string();
        assert!(error.contains("etcd, kubelet"), "{error}");
    }
}
