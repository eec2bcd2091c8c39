//! What each pure step answers, a row a situation. The worlds are those of [`super::fixture`].

mod build;
mod builders;
mod certificate;
mod conditions;
mod decide;
mod defaults;
mod effective;
mod golden;
mod plan;
mod ready;
mod records;
mod rollout;
mod secrecy;
mod status;
mod validate;
