//! When a certificate is replaced.

use crokodial_crds::names::DnsName;
use jiff::{SignedDuration, Timestamp};
use sha2::{Digest as _, Sha256};

use super::ca::Ca;
use super::inspect::CertInfo;

/// Why a certificate must be replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RenewReason {
    /// It names another host, or more than one.
    WrongHost,
    /// Signed by another CA.
    OtherCa,
    /// Not valid yet: the clock at its creation was ahead.
    NotYetValid,
    /// No longer valid.
    Expired,
    /// Two thirds of its lifetime are over.
    Due,
}

impl RenewReason {
    /// Stable CamelCase identifier for Events, logs and tests.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::WrongHost => "WrongHost",
            Self::OtherCa => "OtherCa",
            Self::NotYetValid => "NotYetValid",
            Self::Expired => "Expired",
            Self::Due => "Due",
        }
    }
}

/// Why a certificate for `host` must be replaced now; `None` where it need not.
pub fn needs_renewal(
    info: &CertInfo,
    host: &DnsName,
    ca: &Ca,
    now: Timestamp,
) -> Option<RenewReason> {
    if info.hosts != [host.as_str()] {
        Some(RenewReason::WrongHost)
    } else if !info.signed_by(ca) {
        Some(RenewReason::OtherCa)
    } else if now < info.not_before {
        Some(RenewReason::NotYetValid)
    } else if now > info.not_after {
        Some(RenewReason::Expired)
    } else if now >= renewal_time(info, host) {
        Some(RenewReason::Due)
    } else {
        None
    }
}

/// When a certificate becomes due: at two thirds of its lifetime, earlier by up to a twentieth of it. The jitter depends
/// on the host alone, so that sites created together are not renewed together and every run gets the same time.
pub fn renewal_time(info: &CertInfo, host: &DnsName) -> Timestamp {
    let life = info.not_after.duration_since(info.not_before);
    let hash = Sha256::digest(host.as_str().as_bytes());
    let share = hash
        .iter()
        .take(2)
        .fold(0, |sum, byte| sum * 256 + i32::from(*byte));
    // Whole seconds: a shorter lifetime needs no jitter.
    let jitter =
        SignedDuration::from_secs((life / 20).as_secs().saturating_mul(i64::from(share)) / 65_536);
    info.not_before
        .checked_add(life / 3 * 2 - jitter)
        .unwrap_or(info.not_after)
}

impl CertInfo {
    /// Whether the CA's key signed this certificate, whatever the time.
    pub fn signed_by(&self, ca: &Ca) -> bool {
        self.issued_by(ca.info())
    }
}
