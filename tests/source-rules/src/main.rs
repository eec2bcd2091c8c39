//! Prints the imports between the files of a crate, and the import cycles.

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Result, bail};
use crokodial_source_rules::circles::{arrow, arrows, circles};
use crokodial_source_rules::imports::imports;
use crokodial_source_rules::modules::Crate;

const USAGE: &str = "usage: imports ROOT…\n\n\
    ROOT is the root file of a crate, for example operator/src/lib.rs.\n\
    Prints every import between its files, then its circles. Exit code 1 where there is one.";

fn main() -> Result<ExitCode> {
    let roots: Vec<String> = std::env::args().skip(1).collect();
    if roots.is_empty() || roots.iter().any(|r| r.starts_with('-')) {
        bail!(USAGE);
    }
    let mut code = ExitCode::SUCCESS;
    for root in roots {
        let found = imports(&Crate::read(Path::new(&root))?);
        for ((from, to), names) in &found {
            println!("{}", arrow(from, to, names));
        }
        for circle in circles(&found) {
            code = ExitCode::FAILURE;
            println!("circle of {} files in {root}:", circle.len());
            for line in arrows(&found, &circle) {
                println!("  {line}");
            }
        }
    }
    Ok(code)
}
