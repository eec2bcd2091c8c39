//! Implementation of `dialer admin`, which creates administrator accounts and resets passwords.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use anyhow::bail;
use rand::RngCore;

use crate::accounts::{Accounts, Caller};
use crate::config::Config;
use crate::domain::email;
use crate::security::token::TokenKeys;
use crate::store::Store;

/// Creates an administrator account with the e-mail address `typed` and a random password. Returns the password; the
/// database stores only its hash.
///
/// # Errors
/// If the address is invalid or already in use, or if the database fails. The message is meant for the person who runs
/// the command.
pub async fn create(config: &Config, typed: &str, name: &str) -> anyhow::Result<String> {
    let address = normal(typed)?;
    let password = random_password();
    let store = Arc::new(Store::new(config.mongo.clone()));
    let created = accounts(config, &store)
        .create(&address, name.trim(), password.clone(), "admin")
        .await;
    store.close().await;
    created?;
    Ok(password)
}

/// Sets a random password for the account with the e-mail address `typed`, ends the account's sessions, and returns the
/// password.
///
/// # Errors
/// If the address is invalid, if it belongs to no account or to several (in different letter case), if the account is
/// disabled, or if the database fails. The message is meant for the person who runs the command.
pub async fn reset(config: &Config, typed: &str) -> anyhow::Result<String> {
    let address = normal(typed)?;
    let password = random_password();
    let caller = Caller {
        address: IpAddr::V4(Ipv4Addr::LOCALHOST),
        user_agent: "dialer admin reset".to_owned(),
    };
    let store = Arc::new(Store::new(config.mongo.clone()));
    let replaced = accounts(config, &store)
        .force_password(typed.trim(), &address, password.clone(), &caller)
        .await;
    store.close().await;
    replaced?;
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

fn accounts(config: &Config, store: &Arc<Store>) -> Accounts {
    Accounts::new(
        Arc::clone(store),
        TokenKeys::new(config.jwt_secret.expose().as_bytes()),
        config.login_limits,
        config.registration,
        config.session_lifetime,
    )
}
