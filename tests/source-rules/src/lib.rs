//! Rules that the sources of the workspace keep, read from their syntax trees with `syn`.
//!
//! [`modules`] reads the files of a crate, [`imports`] which file names what of which other, [`circles`] what
//! imports itself in the end, [`names`] the types that a crate shows. Test modules are left out: a test may name all.

pub mod circles;
pub mod imports;
pub mod modules;
pub mod names;
