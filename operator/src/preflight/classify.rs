//! Maps errors of the MongoDB driver to reasons on which a user can act. The driver's error texts are dropped, because
//! they may contain credentials.

use std::io;

use crokodial_crds::Reason;
use mongodb::error::{Error, ErrorKind};

use super::uri_fault::UriFault;

/// Failed preflight check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailedCheck {
    /// Reason for which the check failed.
    pub reason: Reason,
    /// Host and port of the server at which the check failed, from the connection string or its SRV records; `None` if
    /// it is not known or the failure does not concern a particular server.
    pub host: Option<String>,
    /// Error code of the MongoDB server; `None` if it sent none or the driver does not report it.
    pub code: Option<i32>,
    /// Fault of the connection string, with the name of the option that has it; `None` if it is not known or the
    /// failure has another reason.
    pub fault: Option<(UriFault, Option<String>)>,
    /// Name of the database at which the login was tried; `None` for failures that do not concern the login.
    pub login: Option<String>,
}

impl FailedCheck {
    /// Returns a failure with this reason and without a host.
    pub fn of(reason: Reason) -> Self {
        Self {
            reason,
            host: None,
            code: None,
            fault: None,
            login: None,
        }
    }

    /// Returns a failure because of this fault of an option in the connection string. `option` is the option's name.
    pub fn of_option(fault: UriFault, option: &str) -> Self {
        Self {
            fault: Some((fault, Some(option.to_owned()))),
            ..Self::of(Reason::BadUri)
        }
    }

    /// Returns a failure at the server `host`, given as host and port.
    pub fn at(reason: Reason, host: &str) -> Self {
        Self {
            host: Some(host.to_owned()),
            ..Self::of(reason)
        }
    }
}

/// Returns the failed check that corresponds to an error of the MongoDB driver.
pub fn classify(error: &Error) -> FailedCheck {
    match &*error.kind {
        ErrorKind::Authentication { .. } => FailedCheck::of(Reason::AuthFailed),
        ErrorKind::Command(refusal) => of_code(refusal.code),
        ErrorKind::DnsResolve { .. } => FailedCheck::of(Reason::DnsFailure),
        ErrorKind::InvalidArgument { .. } => FailedCheck::of(Reason::BadUri),
        ErrorKind::InvalidTlsConfig { .. } => FailedCheck::of(Reason::TlsFailure),
        ErrorKind::ServerSelection { .. } => FailedCheck::of(Reason::NoPrimary),
        ErrorKind::Io(error) => FailedCheck::of(of_io(error)),
        ErrorKind::ConnectionPoolCleared { .. } => FailedCheck::of(Reason::NotAnswering),
        _ => FailedCheck::of(Reason::UnexpectedAnswer),
    }
}

/// Returns the failed check that corresponds to an error code of the server. `src/mongo/base/error_codes.yml` in the
/// MongoDB source defines the codes.
pub fn of_code(code: i32) -> FailedCheck {
    let reason = match code {
        // Unauthorized.
        13 => Reason::NotAuthorized,
        // UserNotFound, AuthenticationFailed, MechanismUnavailable.
        11 | 18 | 334 => Reason::AuthFailed,
        // Atlas answers with this code if the user has no right to run a command.
        8000 => Reason::NotAuthorized,
        // PrimarySteppedDown, ShutdownInProgress, NotWritablePrimary, InterruptedDueToReplStateChange,
        // NotPrimaryNoSecondaryOk, NotPrimaryOrSecondary.
        189 | 91 | 10_107 | 11_602 | 13_435 | 13_436 => Reason::NoPrimary,
        _ => Reason::UnexpectedAnswer,
    };
    FailedCheck {
        code: Some(code),
        ..FailedCheck::of(reason)
    }
}

/// Returns the reason that corresponds to an I/O error of a connection.
pub fn of_io(error: &io::Error) -> Reason {
    if error
        .get_ref()
        .is_some_and(|inner| inner.is::<rustls::Error>())
    {
        return Reason::TlsFailure;
    }
    match error.kind() {
        io::ErrorKind::ConnectionRefused => Reason::ConnectionRefused,
        // The kernel reported this, for example because a router or firewall rejected the packets. Without any
        // response, the caller's timeout leads to the same reason.
        io::ErrorKind::TimedOut
        | io::ErrorKind::HostUnreachable
        | io::ErrorKind::NetworkUnreachable
        | io::ErrorKind::PermissionDenied => Reason::NetworkBlocked,
        _ => Reason::NotAnswering,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_servers_number_decides() {
        for (code, reason) in [
            (13, Reason::NotAuthorized),
            (18, Reason::AuthFailed),
            (8000, Reason::NotAuthorized),
            (10_107, Reason::NoPrimary),
            (59, Reason::UnexpectedAnswer),
        ] {
            assert_eq!(of_code(code).reason, reason, "{code}");
            assert_eq!(of_code(code).code, Some(code));
        }
    }

    #[test]
    fn a_failed_connection_is_refused_silent_or_not_tls() {
        let of = |kind| of_io(&io::Error::from(kind));
        assert_eq!(
            of(io::ErrorKind::ConnectionRefused),
            Reason::ConnectionRefused
        );
        assert_eq!(of(io::ErrorKind::TimedOut), Reason::NetworkBlocked);
        assert_eq!(
            of(io::ErrorKind::NetworkUnreachable),
            Reason::NetworkBlocked
        );
        assert_eq!(of(io::ErrorKind::UnexpectedEof), Reason::NotAnswering);
        let tls = io::Error::new(io::ErrorKind::InvalidData, rustls::Error::DecryptError);
        assert_eq!(of_io(&tls), Reason::TlsFailure);
    }

    #[tokio::test]
    async fn an_option_the_driver_refuses_is_a_bad_uri_and_its_text_is_dropped() {
        let uri = "mongodb://app:secret@db.test/app?authMechanism=NONSENSE";
        let error = mongodb::options::ClientOptions::parse(uri)
            .await
            .unwrap_err();
        let failed = classify(&error);
        assert_eq!(failed, FailedCheck::of(Reason::BadUri));
    }

    #[test]
    fn an_error_of_the_users_own_is_not_expected() {
        assert_eq!(
            classify(&Error::custom("x")).reason,
            Reason::UnexpectedAnswer
        );
    }
}
