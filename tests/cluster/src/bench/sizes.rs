//! Measures the sizes of the images of the operator and the dialer, and the memory use of their processes.

use std::fs;

use anyhow::{Context, bail};

use super::report::{Report, Row, Unit};
use crate::deploy::images::{Image, VERSION};
use crate::{Cluster, image_builder, leftovers};

/// Number of bytes in a megabyte, the unit of the limits on image size.
const MB: u64 = 1_000_000;
/// Number of bytes in a mebibyte, the unit of the limits on memory use.
pub(super) const MIB: u64 = 1 << 20;
/// Path of the operator's binary in its image.
pub(super) const OPERATOR: &str = "/crokodial-operator";

pub(super) async fn measure(cluster: &Cluster, report: &mut Report) -> anyhow::Result<()> {
    for (image, limit) in [(Image::Operator, 20 * MB), (Image::Dialer, 25 * MB)] {
        let name = format!("crokodial/{}:{VERSION}", image.name());
        let measured = image_builder::size(&cluster.ports(), &name).await?;
        let what = format!("image {name}, compressed");
        report.add(Row::new(what, Unit::Bytes, measured).limit(limit));
    }
    for (program, limit) in [(OPERATOR, 20 * MIB), ("/dialer", 25 * MIB)] {
        let processes = leftovers::pods_running(&cluster.layout, program)?;
        if processes.is_empty() {
            bail!("no pod runs {program}: `make up` first");
        }
        for pid in processes {
            let what = format!("RSS of {program} ({pid})");
            report.add(Row::new(what, Unit::Bytes, rss(pid)?).limit(limit));
        }
    }
    Ok(())
}

/// Returns the resident memory of a process in bytes: `VmRSS` in `/proc/<pid>/status`.
pub(super) fn rss(pid: i32) -> anyhow::Result<u64> {
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
