//! Faults of connection strings that only the MongoDB driver or the check's pod can find, and their descriptions.

use serde::{Deserialize, Serialize};

/// Fault of a connection string.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum UriFault {
    /// The driver does not know or does not support the option.
    Unknown,
    /// The driver does not accept the value of the option.
    Value,
    /// The option occurs twice.
    Repeated,
    /// The option needs another option, which is missing.
    Incomplete,
    /// The option contradicts another option.
    Contradiction,
    /// The option allows only one host, and the connection string has several.
    OneHost,
    /// The option is only for the other scheme: `mongodb://` or `mongodb+srv://`.
    Scheme,
    /// The login mechanism in the option does not fit the user name and password.
    Credentials,
    /// The file that the option names cannot be read in the check's pod.
    File,
    /// The server does not belong to the replica set that the option names.
    ReplicaSet,
    /// The host has only link-local addresses.
    LinkLocal,
}

impl UriFault {
    /// Returns a description of the fault for a condition message, as a clause without a trailing period. `option` is
    /// the name of the option that has it, and `host` is the host and port of the server.
    pub fn seen(self, option: &str, host: &str) -> String {
        match self {
            Self::Unknown => format!(
                "the MongoDB driver does not support the option {option} of the URI: remove it, or correct its name"
            ),
            Self::Value => {
                format!("the option {option} of the URI has a value that is not valid for it")
            }
            Self::Repeated => format!("the option {option} occurs twice in the URI: write it once"),
            Self::Incomplete => format!(
                "the option {option} of the URI needs another option, which is missing: add readPreference, or remove it"
            ),
            Self::Contradiction => {
                format!(
                    "the option {option} contradicts another option of the URI: remove one of them"
                )
            }
            Self::OneHost => format!(
                "the option {option} allows only one host, and the URI has several: remove the option or the other hosts"
            ),
            Self::Scheme => format!(
                "the option {option} cannot be used with the scheme of the URI, mongodb:// or mongodb+srv://: remove it"
            ),
            Self::Credentials => {
                format!(
                    "the mechanism in the option {option} does not fit the user name and password of the URI"
                )
            }
            Self::File => format!(
                "the file that the option {option} of the URI names cannot be read by the check, which has no files of the application: remove the option, or set mongo.preflight.mode to Off"
            ),
            Self::ReplicaSet => format!(
                "the server does not belong to the replica set that the option {option} of the URI names: correct the name, or remove the option"
            ),
            Self::LinkLocal => format!(
                "{host} is a link-local address, to which pods cannot connect: write the address of a database server"
            ),
        }
    }
}
