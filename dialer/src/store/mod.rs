//! Access to MongoDB; only this module talks to the server. Concurrent writers are kept apart by inserts and deletes by
//! `_id`. Indexes are only a safeguard and may be missing.

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
