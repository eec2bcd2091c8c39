//! Arguments of `dialer migrate` that several tests use.

use crokodial_dialer::cli::{Migrate, Output};

pub const CHECK: Migrate = Migrate {
    check: true,
    apply: false,
    contract: false,
    assign_unowned: None,
    output: Output::Text,
};
pub const APPLY: Migrate = Migrate {
    check: false,
    apply: true,
    ..CHECK
};
pub const CONTRACT: Migrate = Migrate {
    check: false,
    contract: true,
    ..CHECK
};
