//! From what the driver says to a reason that a person can act on. Pure; drops every text.

use std::io;

use crokodial_crds::Reason;
use mongodb::error::{Error, ErrorKind};

/// A check that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Why.
    pub reason: Reason,
    /// The server it is about, from the connection string.
    pub host: Option<String>,
    /// The server's error number.
    pub code: Option<i32>,
}

impl Fault {
    /// A fault that names no server.
    pub fn of(reason: Reason) -> Self {
        Self {
            reason,
            host: None,
            code: None,
        }
    }

    /// A fault of one server.
    pub fn at(reason: Reason, host: &str) -> Self {
        Self {
            host: Some(host.to_owned()),
            ..Self::of(reason)
        }
    }
}

/// What the driver's error means.
pub fn classify(error: &Error) -> Fault {
    match &*error.kind {
        ErrorKind::Authentication { .. } => Fault::of(Reason::AuthFailed),
        ErrorKind::Command(refusal) => of_code(refusal.code),
        ErrorKind::DnsResolve { .. } => Fault::of(Reason::DnsFailure),
        ErrorKind::InvalidArgument { .. } => Fault::of(Reason::BadUri),
        ErrorKind::InvalidTlsConfig { .. } => Fault::of(Reason::TlsFailure),
        ErrorKind::ServerSelection { .. } => Fault::of(Reason::NoPrimary),
        ErrorKind::Io(error) => Fault::of(of_io(error)),
        ErrorKind::ConnectionPoolCleared { .. } => Fault::of(Reason::NotAnswering),
        _ => Fault::of(Reason::UnexpectedAnswer),
    }
}

/// What a server's error number means (`src/mongo/base/error_codes.yml` of the server).
pub fn of_code(code: i32) -> Fault {
    let reason = match code {
        // Unauthorized.
        13 => Reason::NotAuthorized,
        // UserNotFound, AuthenticationFailed, MechanismUnavailable.
        11 | 18 | 334 => Reason::AuthFailed,
        // Atlas answers so to a command that a user may not give.
        8000 => Reason::NotAuthorized,
        // PrimarySteppedDown, ShutdownInProgress, NotWritablePrimary, InterruptedDueToReplStateChange,
        // NotPrimaryNoSecondaryOk, NotPrimaryOrSecondary.
        189 | 91 | 10_107 | 11_602 | 13_435 | 13_436 => Reason::NoPrimary,
        _ => Reason::UnexpectedAnswer,
    };
    Fault {
        code: Some(code),
        ..Fault::of(reason)
    }
}

/// What a failed connection means.
pub fn of_io(error: &io::Error) -> Reason {
    if error
        .get_ref()
        .is_some_and(|inner| inner.is::<rustls::Error>())
    {
        return Reason::TlsFailure;
    }
    match error.kind() {
        io::ErrorKind::ConnectionRefused => Reason::ConnectionRefused,
        // A router or firewall says so at once; silence is the time-out's.
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
        let fault = classify(&error);
        assert_eq!(fault, Fault::of(Reason::BadUri));
    }

    #[test]
    fn an_error_of_the_users_own_is_not_expected() {
        assert_eq!(
            classify(&Error::custom("x")).reason,
            Reason::UnexpectedAnswer
        );
    }
}
