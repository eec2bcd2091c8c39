//! `make bench`: sizes and memory of what runs in the cluster, beside the limits they must keep.

use std::fs;

use anyhow::{Context, bail};

use super::images::{Image, VERSION};
use crate::cluster::{Cluster, images, leftovers};

/// One measured value and its limit, both in bytes.
struct Row {
    what: String,
    measured: u64,
    limit: u64,
}

/// Megabyte and mebibyte: images are counted in the first, memory in the second.
const MB: u64 = 1_000_000;
const MIB: u64 = 1 << 20;

/// Prints the table.
///
/// # Errors
/// When something cannot be measured, or is above its limit.
pub async fn print(cluster: &Cluster) -> anyhow::Result<()> {
    let mut rows = Vec::new();
    for (image, limit) in [(Image::Operator, 20 * MB), (Image::Dialer, 25 * MB)] {
        let name = format!("crokodial/{}:{VERSION}", image.name());
        let measured = images::size(&cluster.ports(), &name).await?;
        rows.push(Row {
            what: format!("image {name}, compressed"),
            measured,
            limit,
        });
    }
    for (program, limit) in [("/crokodial-operator", 20 * MIB), ("/dialer", 25 * MIB)] {
        let processes = leftovers::pods_running(&cluster.layout, program)?;
        if processes.is_empty() {
            bail!("no pod runs {program}: `make up` first");
        }
        for pid in processes {
            rows.push(Row {
                what: format!("RSS of {program} ({pid})"),
                measured: rss(pid)?,
                limit,
            });
        }
    }
    let mut above = Vec::new();
    for Row {
        what,
        measured,
        limit,
    } in rows
    {
        println!(
            "{what:<48} {:>6} KiB  limit {:>6} KiB",
            measured / 1024,
            limit / 1024
        );
        if measured > limit {
            above.push(what);
        }
    }
    if above.is_empty() {
        Ok(())
    } else {
        bail!("above the limit: {}", above.join(", "))
    }
}

/// `VmRSS` of `/proc/<pid>/status`, in bytes.
fn rss(pid: i32) -> anyhow::Result<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))
        .with_context(|| format!("reading the memory of process {pid}"))?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .context("no VmRSS")?;
    let kib: u64 = line
        .trim()
        .trim_end_matches(" kB")
        .trim()
        .parse()
        .context("reading VmRSS")?;
    Ok(kib * 1024)
}
