//! Rules for the renewal of site certificates.

use crokodial_crds::names::DnsName;
use jiff::{SignedDuration, Timestamp};
use sha2::{Digest as _, Sha256};

use super::ca::Ca;
use super::inspect::CertInfo;

/// Reason why a certificate must be replaced now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RenewReason {
    /// The DNS names in the certificate are not exactly the host that it is needed for.
    WrongHost,
    /// Another CA signed the certificate.
    OtherCa,
    /// The certificate is not valid yet, for example because the clock was ahead when it was issued.
    NotYetValid,
    /// The certificate has expired.
    Expired,
    /// About two thirds of the certificate's lifetime have passed; see [`renewal_time`].
    Due,
}

impl RenewReason {
    /// Returns a stable CamelCase identifier of the reason.
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

/// Returns the reason why a certificate for `host` must be replaced now; `None` if it need not be replaced.
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

/// Returns the time at which a certificate is due for renewal: its start plus two thirds of its lifetime, minus a
/// jitter of up to a twentieth of the lifetime. The jitter is derived from the host name, so each call returns the same
/// time, and sites that were created together are renewed at different times.
pub fn renewal_time(info: &CertInfo, host: &DnsName) -> Timestamp {
    let life = info.not_after.duration_since(info.not_before);
    let hash = Sha256::digest(host.as_str().as_bytes());
    let share = hash
        .iter()
        .take(2)
        .fold(0, |sum, byte| sum * 256 + i32::from(*byte));
    // The jitter is rounded down to whole seconds. A lifetime so short that it becomes zero needs none.
    let jitter =
        SignedDuration::from_secs((life / 20).as_secs().saturating_mul(i64::from(share)) / 65_536);
    info.not_before
        .checked_add(life / 3 * 2 - jitter)
        .unwrap_or(info.not_after)
}

impl CertInfo {
    /// Returns true if this CA signed the certificate. Validity times are not checked.
    pub fn signed_by(&self, ca: &Ca) -> bool {
        self.issued_by(ca.info())
    }
}
