//! Causes for which the kubelet cannot create a container from its spec. All functions are pure.

use std::fmt;

use serde::Serialize;

/// Cause for which the kubelet cannot create a container (`CreateContainerConfigError`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum BuildFault {
    /// The image sets no user or user 0, and pods must not run as root.
    RunsAsRoot,
    /// The image names its user by a word, so the kubelet cannot know that it is not root.
    NamedUser,
    /// A Secret, a ConfigMap or a key that the container reads does not exist.
    MissingObject,
    /// Any other cause.
    Other,
}

impl BuildFault {
    /// Reads the cause from the kubelet's message. Kubernetes defines the texts in `pkg/kubelet/kuberuntime` and
    /// `pkg/kubelet/kubelet_pods.go`.
    pub fn of(message: &str) -> Self {
        if message.contains("image will run as root") {
            Self::RunsAsRoot
        } else if message.contains("non-numeric user") {
            Self::NamedUser
        } else if message.contains("couldn't find key") || message.ends_with("\" not found") {
            Self::MissingObject
        } else {
            Self::Other
        }
    }
}

/// Writes the cause as an addition in parentheses; nothing for [`BuildFault::Other`].
impl fmt::Display for BuildFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::RunsAsRoot => {
                " (its image runs as root: write USER with a number above 0 in the Dockerfile)"
            }
            Self::NamedUser => {
                " (its image has a user with a name: write USER with a number above 0 in the Dockerfile)"
            }
            Self::MissingObject => " (a Secret, a ConfigMap or a key that it reads is missing)",
            Self::Other => "",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kubelets_message_gives_the_cause() {
        for (message, cause) in [
            (
                r#"container has runAsNonRoot and image will run as root (pod: "shop-1_apps(u)", container: app)"#,
                BuildFault::RunsAsRoot,
            ),
            (
                "container has runAsNonRoot and image has non-numeric user (node), cannot verify user is non-root",
                BuildFault::NamedUser,
            ),
            (
                "couldn't find key MONGODB_URI in Secret apps/shop-mongo-active",
                BuildFault::MissingObject,
            ),
            (
                r#"secret "shop-mongo-active" not found"#,
                BuildFault::MissingObject,
            ),
            ("failed to sync secret cache", BuildFault::Other),
        ] {
            assert_eq!(BuildFault::of(message), cause, "{message}");
        }
    }
}
