//! Checks that the sources of the workspace follow rules, such as no import cycles. The sources are parsed with `syn`.
//!
//! [`modules`] reads the files of a crate, [`imports`] finds the imports between them, [`circles`] finds import cycles,
//! and [`names`] finds public types of the same name. Test modules are ignored, because tests may import anything.

pub mod circles;
pub mod imports;
pub mod modules;
pub mod names;
