//! Plain data of one reconcile that every step may read. No I/O, no clock.

pub mod annotations;
pub mod children;
pub mod class;
pub mod image;
pub mod objects;
pub mod observed;
pub mod owned_fields;
pub mod owner;
pub mod promotion;
pub mod refused;
pub mod tag;
pub mod tenancy;
pub mod trials;
