//! libFuzzer binary for all fuzz targets. libFuzzer provides the `main` function; the code here selects the target.
#![no_main]

use std::sync::OnceLock;

use crokodial_dialer_fuzz::{TARGETS, named};
use libfuzzer_sys::fuzz_target;

static CHECK: OnceLock<fn(&[u8])> = OnceLock::new();

fuzz_target!(init: choose(), |data| {
    if let Some(check) = CHECK.get() {
        check(data);
    }
});

/// Selects the target named by the environment variable `FUZZ_TARGET`. It is not a command-line argument, because
/// libFuzzer parses the command line.
fn choose() {
    let wanted = std::env::var("FUZZ_TARGET").unwrap_or_default();
    let Some(target) = named(&wanted) else {
        let names: Vec<&str> = TARGETS.iter().map(|target| target.name).collect();
        eprintln!("set FUZZ_TARGET to one of: {}", names.join(" "));
        std::process::exit(2);
    };
    CHECK.get_or_init(|| target.check);
}
