//! Implementation of `dialer admin`, which creates administrator accounts and resets passwords.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use anyhow::bail;
use rand::RngCore;

use crate::accounts::{AccountError, Accounts, Caller};
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
    let create = async |accounts: &Accounts| {
        let (name, password) = (name.trim(), password.clone());
        accounts.create(&address, name, password, "admin").await
    };
    with_accounts(config, create).await?;
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
    let replace = async |accounts: &Accounts| {
        let (typed, password) = (typed.trim(), password.clone());
        accounts
            .force_password(typed, &address, password, &caller)
            .await
    };
    with_accounts(config, replace).await?;
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

/// Connects to the database, runs `work`, and closes the connection.
async fn with_accounts<T>(
    config: &Config,
    work: impl AsyncFnOnce(&Accounts) -> Result<T, AccountError>,
) -> Result<T, AccountError> {
    let store = Arc::new(Store::new(config.mongo.clone()));
    let accounts = Accounts::new(
        Arc::clone(&store),
        TokenKeys::new(config.jwt_secret.expose().as_bytes()),
        config.login_limits,
        config.registration,
        config.session_lifetime,
    );
    let done = work(&accounts).await;
    store.close().await;
    done
}
