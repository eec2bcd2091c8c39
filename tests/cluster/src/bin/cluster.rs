//! Program `cluster`, which starts, inspects and removes the local Kubernetes cluster of this checkout. See `cluster
//! --help`.

use std::process::ExitCode;

fn main() -> ExitCode {
    crokodial_cluster::cli::main()
}
