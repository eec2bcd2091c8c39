//! `dialer admin create`: the first administrator.

use std::sync::Arc;

use anyhow::bail;
use rand::RngCore;

use crate::accounts::Accounts;
use crate::config::Config;
use crate::domain::email;
use crate::domain::token::Keys;
use crate::store::Store;

/// Creates an administrator and returns the password, which is stored only as a hash.
///
/// # Errors
/// A sentence: the address is unusable or taken, or the database cannot be used.
pub async fn create(config: &Config, typed: &str, name: &str) -> anyhow::Result<String> {
    let address = email::normalise(typed);
    if let Err(advice) = email::check(&address) {
        bail!("--email {advice}");
    }
    let store = Arc::new(Store::new(config.mongo.clone()));
    let accounts = Accounts::new(
        store,
        Keys::new(config.jwt_secret.expose().as_bytes()),
        config.login_limits,
        config.registration,
        config.session_lifetime,
    );
    let mut secret = [0_u8; 15];
    rand::rng().fill_bytes(&mut secret);
    let password = hex::encode(secret);
    accounts
        .create(&address, name.trim(), password.clone(), "admin")
        .await?;
    Ok(password)
}
