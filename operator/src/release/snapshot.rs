//! Snapshots: the stored configuration and pod template of a release.
//!
//! A snapshot is the immutable ConfigMap `<env>-r<N>`. Its `data` is the merged content of `configMapRefs`, which the
//! release's pods read as environment variables. Its `binaryData` contains the rendered pod template. Every operator
//! version runs the release from that template instead of building a new one. The kubelet creates environment variables
//! only from `data`, so the app does not see the template.

use std::collections::BTreeMap;

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::{ConfigMap, PodTemplateSpec};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::record::Record;
use crate::smoke::SmokePlan;

/// Key in `binaryData` under which [`Frozen`] is stored.
const KEY: &str = "release.json";

/// Maximum size of a snapshot in bytes, slightly less than the 1 MiB (1,048,576 bytes) to which Kubernetes limits the
/// data of a ConfigMap.
const MAX_BYTES: usize = 1_000_000;

/// Stored configuration and pod template of a release.
#[derive(Clone, Debug, PartialEq)]
pub struct Snapshot {
    /// Part of the snapshot that is stored as JSON in the ConfigMap's `binaryData`.
    pub frozen: Frozen,
    /// Stored JSON of [`Snapshot::frozen`] if it says more, or in other words, than this version of the operator would
    /// write; `None` otherwise. Set it to `None` if `frozen` is changed.
    pub stored: Option<Value>,
    /// Merged content of the referenced ConfigMaps, stored in the snapshot's `data`.
    pub config: BTreeMap<String, String>,
}

/// Part of a snapshot that only the operator reads, stored as JSON.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Frozen {
    /// Number of the release.
    pub number: i64,
    /// Hash of the release's inputs. It identifies a snapshot whose release record does not exist yet.
    pub inputs: String,
    /// Pod template, as the JSON of a core/v1 `PodTemplateSpec`.
    pub template: Value,
    /// Smoke checks of the candidate pod; `None` in snapshots written by the first operator versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub smoke: Option<SmokePlan>,
    /// Names of the Secrets in `config.secretRefs` that the release reads, in their order. Their values are not part of the
    /// release. `None` in snapshots written by earlier operator versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_refs: Option<Vec<String>>,
    /// Command that runs before the first pod of the release; `None` if there is no release phase.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release_phase: Option<ReleaseCommand>,
}

/// Command of the release phase, with defaults applied.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReleaseCommand {
    /// Command and its arguments.
    pub command: Vec<String>,
    /// Maximum run time of the command in seconds.
    pub timeout_seconds: u64,
    /// True if earlier releases do not work after the command has run.
    #[serde(default)]
    pub irreversible: bool,
}

impl Frozen {
    /// Returns the number of the first container's port that is named `http`; `None` if there is none.
    pub fn port(&self) -> Option<u16> {
        http_port(&self.template)
    }

    /// Returns the smoke checks of the candidate pod; the default checks if the snapshot has none.
    pub fn smoke(&self) -> SmokePlan {
        self.smoke.clone().unwrap_or_default()
    }
}

/// Returns the number of the port named `http` of the first container in a pod template; `None` if there is none.
pub fn http_port(template: &Value) -> Option<u16> {
    let ports = template.pointer("/spec/containers/0/ports")?.as_array()?;
    let http = |port: &&Value| port.get("name").is_some_and(|name| name == "http");
    let number = ports.iter().find(http)?.get("containerPort")?;
    number.as_u64()?.try_into().ok()
}

/// Returns the path of the startup probe of the first container in a pod template (`health.path` of the spec that it was
/// made from); `None` if there is none.
pub fn health_path(template: &Value) -> Option<String> {
    let path = template.pointer("/spec/containers/0/startupProbe/httpGet/path")?;
    path.as_str().map(str::to_owned)
}

/// Error when a snapshot is read or written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SnapshotError {
    /// The ConfigMap has no valid `release.json`: it is damaged or was not written by this operator.
    #[error("it holds no readable {KEY}")]
    Unreadable,
    /// The snapshot exceeds 1,000,000 bytes. Contains its size in bytes.
    #[error(
        "the referenced ConfigMaps and the pod template take {0} bytes together, {MAX_BYTES} fit: shorten them"
    )]
    TooLarge(usize),
}

impl Snapshot {
    /// Reads a snapshot from its ConfigMap.
    ///
    /// # Errors
    /// [`SnapshotError::Unreadable`] if `release.json` is missing or is not valid, or its template is no
    /// `PodTemplateSpec`.
    pub fn of(object: &ConfigMap) -> Result<Self, SnapshotError> {
        let bytes = object
            .binary_data
            .as_ref()
            .and_then(|d| d.get(KEY))
            .ok_or(SnapshotError::Unreadable)?;
        let stored: Value =
            serde_json::from_slice(&bytes.0).map_err(|_| SnapshotError::Unreadable)?;
        let frozen = Frozen::deserialize(&stored).map_err(|_| SnapshotError::Unreadable)?;
        // The builders change fields of the template in place, which would panic if a field had another type.
        PodTemplateSpec::deserialize(&frozen.template).map_err(|_| SnapshotError::Unreadable)?;
        let rewritten = serde_json::to_value(&frozen).map_err(|_| SnapshotError::Unreadable)?;
        Ok(Self {
            frozen,
            stored: Some(stored).filter(|stored| *stored != rewritten),
            config: object.data.clone().unwrap_or_default(),
        })
    }

    /// Returns the SHA-256 of the whole content, such as `sha256:9f3c…`. The order of the keys of JSON objects does not
    /// affect it. It is that of the stored content, so that a version of the operator with other fields computes the same.
    pub fn digest(&self) -> String {
        let stored = self.stored.clone();
        let frozen = stored.or_else(|| serde_json::to_value(&self.frozen).ok());
        let whole = json!({"config": self.config, "release": frozen});
        let bytes = sorted(whole).to_string();
        format!("sha256:{}", hex::encode(Sha256::digest(bytes)))
    }

    /// Returns the cause if this is not a snapshot of the release with this record: its number, its inputs or its image
    /// is another one.
    pub fn misfit(&self, record: &Record) -> Option<&'static str> {
        let spec = &record.spec;
        let image = self.frozen.template.pointer("/spec/containers/0/image");
        let image = image.and_then(Value::as_str).unwrap_or_default();
        if self.frozen.number != spec.number {
            Some("it has the number of another release")
        } else if self.frozen.inputs != spec.inputs {
            Some("it has other inputs than the release")
        } else if !image.ends_with(&format!("@{}", spec.digest)) {
            Some("it has another image than the release")
        } else {
            None
        }
    }

    /// Returns the ConfigMap of this snapshot without metadata. The caller adds the name, labels and owner reference.
    ///
    /// # Errors
    /// [`SnapshotError::TooLarge`] if the snapshot exceeds 1,000,000 bytes.
    pub fn to_config_map(&self) -> Result<ConfigMap, SnapshotError> {
        let json = match &self.stored {
            Some(stored) => serde_json::to_vec(stored),
            None => serde_json::to_vec(&self.frozen),
        };
        let json = json.map_err(|_| SnapshotError::Unreadable)?;
        let config: usize = self
            .config
            .iter()
            .map(|(k, v)| k.len().saturating_add(v.len()))
            .sum();
        let size = config.saturating_add(json.len());
        if size > MAX_BYTES {
            return Err(SnapshotError::TooLarge(size));
        }
        Ok(ConfigMap {
            data: (!self.config.is_empty()).then(|| self.config.clone()),
            binary_data: Some(BTreeMap::from([(KEY.to_owned(), ByteString(json))])),
            immutable: Some(true),
            ..ConfigMap::default()
        })
    }
}

/// Sorts the keys of all objects in a JSON value.
pub(super) fn sorted(value: Value) -> Value {
    match value {
        Value::Object(fields) => {
            let fields: BTreeMap<String, Value> =
                fields.into_iter().map(|(k, v)| (k, sorted(v))).collect();
            fields.into_iter().collect()
        }
        Value::Array(items) => items.into_iter().map(sorted).collect(),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn snapshot(value: &str) -> Snapshot {
        Snapshot {
            frozen: Frozen {
                number: 7,
                inputs: "9f3c".to_owned(),
                template: json!({"spec": {"containers": [{"ports": [{"name": "http", "containerPort": 3005}]}]}}),
                smoke: Some(SmokePlan::default()),
                secret_refs: Some(vec!["app".to_owned()]),
                release_phase: Some(ReleaseCommand {
                    command: vec!["/migrate".to_owned()],
                    timeout_seconds: 600,
                    irreversible: true,
                }),
            },
            stored: None,
            config: BTreeMap::from([("LEVEL".to_owned(), value.to_owned())]),
        }
    }

    #[test]
    fn what_was_frozen_reads_back_and_only_the_configuration_becomes_variables() {
        let object = snapshot("info").to_config_map().unwrap();
        assert_eq!(Snapshot::of(&object), Ok(snapshot("info")));
        assert_eq!(
            object.data.clone().unwrap().keys().collect::<Vec<_>>(),
            ["LEVEL"]
        );
        assert_eq!(object.immutable, Some(true));
    }

    #[test]
    fn a_snapshot_of_the_first_operators_still_reads() {
        let old = br#"{"number":7,"inputs":"9f3c","template":{"spec":{}}}"#.to_vec();
        let object = ConfigMap {
            binary_data: Some(BTreeMap::from([(KEY.to_owned(), ByteString(old))])),
            ..ConfigMap::default()
        };
        let frozen = Snapshot::of(&object).unwrap().frozen;
        assert_eq!((frozen.number, frozen.port()), (7, None));
        assert_eq!(frozen.smoke(), SmokePlan::default());
        assert_eq!((frozen.release_phase, frozen.secret_refs), (None, None));
        assert_eq!(snapshot("info").frozen.port(), Some(3005));
    }

    #[test]
    fn the_digest_is_that_of_what_is_stored_whatever_fields_this_version_knows() {
        let object = |json: &Value| ConfigMap {
            binary_data: Some(BTreeMap::from([(
                KEY.to_owned(),
                ByteString(json.to_string().into_bytes()),
            )])),
            ..ConfigMap::default()
        };
        let known = json!({"number": 7, "inputs": "9f3c", "template": {"spec": {}}});
        let mut later = known.clone();
        later["later"] = json!(true);
        // `irreversible` is written by this version and was not by an earlier one.
        let mut earlier = known.clone();
        earlier["releasePhase"] = json!({"command": ["/migrate"], "timeoutSeconds": 600});
        for json in [&known, &later, &earlier] {
            let read = Snapshot::of(&object(json)).unwrap();
            let whole = sorted(json!({"config": {}, "release": json})).to_string();
            let expected = format!("sha256:{}", hex::encode(Sha256::digest(whole)));
            assert_eq!(read.digest(), expected, "{json}");
            let again = Snapshot::of(&read.to_config_map().unwrap()).unwrap();
            assert_eq!(again.digest(), expected, "{json}");
        }
    }

    #[test]
    fn too_much_configuration_is_refused_with_its_size() {
        let error = snapshot(&"x".repeat(MAX_BYTES))
            .to_config_map()
            .unwrap_err();
        assert!(matches!(error, SnapshotError::TooLarge(size) if size > MAX_BYTES));
    }

    #[test]
    fn a_template_that_is_no_pod_template_is_unreadable() {
        for template in [
            json!("x"),
            json!([]),
            json!({"metadata": "x"}),
            json!({"metadata": {"annotations": "x"}}),
            json!({"metadata": {"labels": [1]}}),
            json!({"spec": []}),
            json!({"spec": {"containers": {"name": "app"}}}),
            json!({"spec": {"containers": ["x"]}}),
            json!({"spec": {"containers": [{"name": "app", "env": "x"}]}}),
        ] {
            let mut forged = snapshot("info");
            forged.frozen.template = template.clone();
            let object = forged.to_config_map().unwrap();
            assert_eq!(
                Snapshot::of(&object),
                Err(SnapshotError::Unreadable),
                "{template}"
            );
        }
    }

    #[test]
    fn another_config_map_is_no_snapshot() {
        assert_eq!(
            Snapshot::of(&ConfigMap::default()),
            Err(SnapshotError::Unreadable)
        );
    }
}
