//! Table tests of the pure steps, with one row per situation. The inputs are built by [`super::fixture`].

mod build;
mod builders;
mod certificate;
mod conditions;
mod decide;
mod defaults;
mod effective;
mod golden;
mod golden_statuses;
mod plan;
mod ready;
mod records;
mod rollout;
mod secrecy;
mod status;
mod validate;
