//! Access to MongoDB. No other module accesses the database. Correctness does not depend on indexes, which may be
//! missing. E-mail addresses and invite codes, for example, are kept unique by inserts with a fixed `_id`.

pub mod administration;
pub mod audit;
pub mod calls;
mod collections;
mod database;
pub mod dial_counts;
pub mod dispositions;
pub mod fault;
pub mod health;
pub mod leads;
pub mod lease;
pub mod lists;
pub mod live;
pub mod migrate;
mod numbers;
pub mod passcodes;
pub mod profile;
pub mod resets;
pub mod sessions;
pub mod settings;
pub mod users;
pub mod vendor;

pub use database::Store;
