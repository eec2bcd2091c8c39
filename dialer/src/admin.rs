//! The command `dialer admin`, which creates administrators and resets passwords.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use anyhow::bail;
use rand::RngCore;

use crate::accounts::{Accounts, Caller};
use crate::config::Config;
use crate::domain::email;
use crate::security::token::TokenKeys;
use crate::store::Store;

/// Creates an administrator with a random password and returns the password. The database contains only its hash.
///
/// # Errors
/// The address is invalid or taken, or the database fails. The message is for the operator.
pub async fn create(config: &Config, typed: &str, name: &str) -> anyhow::Result<String> {
    let address = normal(typed)?;
    let password = random_password();
    accounts(config)
        .create(&address, name.trim(), password.clone(), "admin")
        .await?;
    Ok(password)
}

/// Sets a random password, ends the account's sessions, and returns the password.
///
/// # Errors
/// The account does not exist or is disabled, or the database fails. The message is for the operator.
pub async fn reset(config: &Config, typed: &str) -> anyhow::Result<String> {
    let address = normal(typed)?;
    let password = random_password();
    let caller = Caller {
        address: IpAddr::V4(Ipv4Addr::LOCALHOST),
        user_agent: "dialer admin reset".to_owned(),
    };
    accounts(config)
        .force_password(typed.trim(), &address, password.clone(), &caller)
        .await?;
    Ok(password)
}

fn normal(typed: &str) -> anyhow::Result<String> {
    let address = email::normalise(typed);
    if let Err(advice) = email::check(&address) {
        bail!("--email {advice}");
    }
    Ok(address)
}

fn random_password() -> String {
    let mut secret = [0_u8; 15];
    rand::rng().fill_bytes(&mut secret);
    hex::encode(secret)
}

fn accounts(config: &Config) -> Accounts {
    Accounts::new(
        Arc::new(Store::new(config.mongo.clone())),
        TokenKeys::new(config.jwt_secret.expose().as_bytes()),
        config.login_limits,
        config.registration,
        config.session_lifetime,
    )
}
