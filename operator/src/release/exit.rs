//! Exits of containers. Pure functions without I/O.

use std::fmt;

use k8s_openapi::api::core::v1::ContainerStateTerminated;
use serde::Serialize;

/// Maximum length of a container runtime's message, in characters. Longer messages are truncated.
const MAX_RUNTIME_MESSAGE: usize = 200;

/// Prefixes that runc puts before the cause in its error messages, outermost first.
const RUNC_PREFIXES: [&str; 2] = [
    "unable to start container process: ",
    "error during container init: ",
];

/// Exit of a container, as reported by the kubelet. It does not contain the application's last words, which may contain
/// secrets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub enum Exit {
    /// The process exited with this code. For a container killed by a signal, the code is 128 plus the signal number.
    Code(i32),
    /// The container was killed because it exceeded its memory limit.
    OutOfMemory,
    /// The process could not be started. Contains the container runtime's message.
    NotStarted(String),
}

impl Exit {
    /// Classifies the termination state of a container.
    pub fn of(end: &ContainerStateTerminated) -> Self {
        match end.reason.as_deref() {
            Some("OOMKilled") => Self::OutOfMemory,
            Some("StartError" | "ContainerCannotRun") => {
                let message = end.message.as_deref().unwrap_or("no cause is told");
                let cause = RUNC_PREFIXES.iter().fold(message, |rest, prefix| {
                    rest.rsplit_once(prefix).map_or(rest, |(_, cause)| cause)
                });
                let words = cause
                    .trim()
                    .chars()
                    .map(|c| if c.is_control() { ' ' } else { c });
                Self::NotStarted(words.take(MAX_RUNTIME_MESSAGE).collect())
            }
            _ => Self::Code(end.exit_code),
        }
    }
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(code) => write!(f, "with exit code {code}"),
            Self::OutOfMemory => write!(f, "out of memory"),
            Self::NotStarted(words) => write!(f, "because it could not be started: {words}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_the_runtime_are_bounded() {
        let told = Exit::of(&ContainerStateTerminated {
            exit_code: 128,
            reason: Some("StartError".to_owned()),
            message: Some("x".repeat(10_000)),
            ..ContainerStateTerminated::default()
        });
        assert_eq!(told, Exit::NotStarted("x".repeat(MAX_RUNTIME_MESSAGE)));
    }
}
