//! The libFuzzer program for all targets. libFuzzer provides the main function; the code here selects the target.
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

/// Selects the target that the variable FUZZ_TARGET names. Not an argument, because libFuzzer parses the arguments.
fn choose() {
    let wanted = std::env::var("FUZZ_TARGET").unwrap_or_default();
    let Some(target) = named(&wanted) else {
        let names: Vec<&str> = TARGETS.iter().map(|target| target.name).collect();
        eprintln!("set FUZZ_TARGET to one of: {}", names.join(" "));
        std::process::exit(2);
    };
    CHECK.get_or_init(|| target.check);
}
