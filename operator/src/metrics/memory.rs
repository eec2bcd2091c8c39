//! Metric of the operator's own memory usage.

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Unit;

/// Collector of the process's resident memory, which is read at each scrape.
#[derive(Debug)]
pub(super) struct ResidentMemory;

impl Collector for ResidentMemory {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), std::fmt::Error> {
        let Some(bytes) = std::fs::read_to_string("/proc/self/status")
            .ok()
            .and_then(|status| resident_bytes(&status))
        else {
            // There is no such file except on Linux. The metric is then left out.
            return Ok(());
        };
        let gauge = ConstGauge::new(bytes);
        let descriptor = encoder.encode_descriptor(
            "process_resident_memory",
            "Resident memory size",
            Some(&Unit::Bytes),
            gauge.metric_type(),
        )?;
        gauge.encode(descriptor)
    }
}

/// Returns `VmRSS` from the text of `/proc/<pid>/status`, in bytes; `None` if it cannot be parsed. The kernel writes
/// the value in KiB, with the unit `kB` (proc(5)).
pub(super) fn resident_bytes(status: &str) -> Option<i64> {
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: i64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kibibytes.checked_mul(1024)
}
