//! Setup of logging and of error reports to Sentry. Error reports contain no request bodies, no user data, and no
//! request headers except the request id.

use std::sync::Arc;

use sentry::protocol::{Event, Level, Value};
use sentry::{ClientInitGuard, ClientOptions};
use tracing_subscriber::EnvFilter;

use crate::config::{Config, LogFormat, Logging, Sentry};
use crate::security::scrub;

/// Starts logging and, if it is configured, Sentry. The caller must keep the returned guard until the process exits:
/// dropping it sends the pending events and stops Sentry.
pub fn start(config: &Config) -> Option<ClientInitGuard> {
    start_logs(&config.logging);
    start_sentry(config.sentry.as_ref())
}

/// Starts logging to standard error: standard output is for the results of commands, such as the password that
/// `dialer admin create` prints, and is read by scripts. Also installs a panic hook that logs panics with secrets
/// removed from the message.
fn start_logs(logging: &Logging) {
    let mut filter = EnvFilter::try_new(&logging.filter).unwrap_or_else(|_| EnvFilter::new("info"));
    // At debug level these libraries would log what clients send, including tokens.
    for quiet in ["tungstenite=info", "tokio_tungstenite=info"] {
        if let Ok(quiet) = quiet.parse() {
            filter = filter.add_directive(quiet);
        }
    }
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    // Fails if logging was started before, as in tests; the first start stays in effect.
    let _ = match logging.format {
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
        LogFormat::Text => builder.with_ansi(false).try_init(),
    };
    std::panic::set_hook(Box::new(|info| {
        let place = info
            .location()
            .map_or_else(String::new, ToString::to_string);
        let message = info.payload_as_str().unwrap_or("no message");
        tracing::error!(at = place, message = scrub::text(message), "panic");
    }));
}

/// Starts Sentry if it is configured. Must be called after the panic hook for logging is installed, because the Sentry
/// hook calls the previous hook.
fn start_sentry(config: Option<&Sentry>) -> Option<ClientInitGuard> {
    let config = config?;
    Some(sentry::init(sentry_options(config)))
}

fn sentry_options(config: &Sentry) -> ClientOptions {
    let mut options = ClientOptions::default();
    options.dsn = config.dsn.expose().parse().ok();
    options.environment = config.environment.clone().map(Into::into);
    options.release = Some(config.release.clone().into());
    options.send_default_pii = false;
    options.max_breadcrumbs = 0;
    options.before_send = Some(Arc::new(|event| Some(scrub_event(event))));
    options
}

/// Removes request data, user data and breadcrumbs from a Sentry event, and credentials from its messages, exceptions,
/// extra data and tags.
pub fn scrub_event(mut event: Event<'static>) -> Event<'static> {
    event.request = None;
    event.user = None;
    event.breadcrumbs = Vec::new().into();
    event.message = event.message.map(|text| scrub::text(&text));
    event.culprit = event.culprit.map(|text| scrub::text(&text));
    event.transaction = event.transaction.map(|text| scrub::text(&text));
    if let Some(entry) = &mut event.logentry {
        entry.message = scrub::text(&entry.message);
        entry.params.clear();
    }
    for exception in &mut event.exception {
        exception.value = exception.value.take().map(|text| scrub::text(&text));
        for stack in [&mut exception.stacktrace, &mut exception.raw_stacktrace]
            .into_iter()
            .flatten()
        {
            for frame in &mut stack.frames {
                frame.vars.clear();
            }
        }
    }
    for value in event.extra.values_mut() {
        scrub_value(value);
    }
    for value in event.tags.values_mut() {
        *value = scrub::text(value);
    }
    event
}

fn scrub_value(value: &mut Value) {
    match value {
        Value::String(text) => *text = scrub::text(text),
        Value::Array(items) => items.iter_mut().for_each(scrub_value),
        Value::Object(fields) => fields.values_mut().for_each(scrub_value),
        _ => {}
    }
}

/// Reports a 5xx response to Sentry. `route` is the route template. `cause` must not contain data from the request.
pub fn report_failure(
    method: &str,
    route: &str,
    status: u16,
    code: &str,
    cause: &str,
    request_id: &str,
) {
    sentry::with_scope(
        |scope| {
            scope.set_tag("route", route);
            scope.set_tag("method", method);
            scope.set_tag("status", status);
            scope.set_tag("code", code);
            scope.set_tag("request_id", request_id);
            scope.set_extra("cause", cause.into());
            // Groups reports into one issue per route, error code and cause.
            scope.set_fingerprint(Some(&[method, route, code, cause]));
        },
        || sentry::capture_message(&format!("{status} {code} {method} {route}"), Level::Error),
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Secret;
    use sentry::protocol::{Exception, Request, User};

    fn options() -> ClientOptions {
        sentry_options(&Sentry {
            dsn: Secret::new("https://public@sentry.invalid/1"),
            environment: Some("staging".into()),
            release: "dialer@1.2.3".into(),
        })
    }

    #[test]
    fn a_5xx_arrives_with_route_environment_and_release() {
        let events = sentry::test::with_captured_events_options(
            || {
                report_failure(
                    "POST",
                    "/api/auth/login",
                    500,
                    "INTERNAL",
                    "database: ServerError",
                    "id-1",
                )
            },
            options(),
        );
        let [event] = &events[..] else {
            panic!("{} events", events.len())
        };
        assert_eq!(
            event.message.as_deref(),
            Some("500 INTERNAL POST /api/auth/login")
        );
        assert_eq!(event.tags["route"], "/api/auth/login");
        assert_eq!(event.environment.as_deref(), Some("staging"));
        assert_eq!(event.release.as_deref(), Some("dialer@1.2.3"));
    }

    #[test]
    fn headers_bodies_users_and_credentials_never_leave() {
        let events = sentry::test::with_captured_events_options(
            || {
                let mut event = Event {
                    message: Some("mongodb://app:s3cr3t@db/x refused".into()),
                    user: Some(User {
                        email: Some("rep@example.com".into()),
                        ..User::default()
                    }),
                    request: Some(Request {
                        data: Some(r#"{"password":"hunter2"}"#.into()),
                        cookies: Some("token=abc".into()),
                        headers: [("authorization".to_owned(), "Bearer abc".to_owned())].into(),
                        ..Request::default()
                    }),
                    ..Event::default()
                };
                event.exception = vec![Exception {
                    value: Some("token: eyJhbGciOi.eyJfaWQi.c2ln".into()),
                    ..Exception::default()
                }]
                .into();
                event.extra.insert(
                    "x".into(),
                    serde_json::json!({ "deep": ["password=hunter2"] }),
                );
                sentry::capture_event(event);
            },
            options(),
        );
        let sent = serde_json::to_string(&events).unwrap();
        for secret in [
            "s3cr3t",
            "hunter2",
            "rep@example.com",
            "Bearer abc",
            "token=abc",
            "eyJfaWQi",
        ] {
            assert!(!sent.contains(secret), "{secret} in {sent}");
        }
        assert!(sent.contains("refused"));
    }

    #[test]
    fn a_panic_arrives_without_what_it_said_in_secret() {
        let mut options = options();
        options = options.add_integration(sentry::integrations::panic::PanicIntegration::new());
        let events = sentry::test::with_captured_events_options(
            || {
                let caught = std::panic::catch_unwind(|| panic!("bad row, password=hunter2"));
                assert!(caught.is_err());
            },
            options,
        );
        let sent = serde_json::to_string(&events).unwrap();
        assert!(
            sent.contains("bad row") && !sent.contains("hunter2"),
            "{sent}"
        );
    }
}
