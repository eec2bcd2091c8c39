//! Snapshots: the frozen configuration and pod template of a release.
//!
//! A snapshot is the immutable ConfigMap `<env>-r<N>`. Its `data` holds the merged values of `configMapRefs`, which the
//! release's pods read as environment variables; its `binaryData` holds the rendered pod template, which is applied
//! unchanged for as long as the release exists, whatever later operators would render. (The kubelet makes variables of
//! `data` only, so the template does not leak into the app's environment.)

use std::collections::BTreeMap;

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::ConfigMap;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::smoke::SmokePlan;

/// Key of [`Frozen`] in `binaryData`.
const KEY: &str = "release.json";

/// Maximum size of a snapshot in bytes. A ConfigMap holds 1 MiB; this leaves room for metadata.
const MAX_BYTES: usize = 1_000_000;

/// What a release runs.
#[derive(Clone, Debug, PartialEq)]
pub struct Snapshot {
    /// The part stored as JSON.
    pub frozen: Frozen,
    /// Merged content of the referenced ConfigMaps.
    pub config: BTreeMap<String, String>,
}

/// The part of a snapshot that only the operator reads, stored as JSON.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Frozen {
    /// The release's number.
    pub number: i64,
    /// Hash of its inputs, to recognise a snapshot whose record was not created yet.
    pub inputs: String,
    /// A core/v1 PodTemplateSpec.
    pub template: Value,
    /// Smoke checks of its candidate; absent in snapshots of the first operator versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub smoke: Option<SmokePlan>,
    /// The release phase, which runs before its first pod.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release_phase: Option<ReleaseCommand>,
}

/// Command of a release phase, with defaults applied.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReleaseCommand {
    /// The command and its arguments.
    pub command: Vec<String>,
    /// Maximum run time in seconds.
    pub timeout_seconds: u64,
    /// After it has run, older releases no longer work.
    #[serde(default)]
    pub irreversible: bool,
}

impl Frozen {
    /// The port named `http` of the release's container.
    pub fn port(&self) -> Option<u16> {
        let container = self.template.pointer("/spec/containers/0")?;
        let ports = container.get("ports")?.as_array()?;
        let http = ports.iter().find(|p| p["name"] == "http")?;
        http["containerPort"].as_u64()?.try_into().ok()
    }

    /// Smoke checks of its candidate; the default ones where none are stored.
    pub fn smoke(&self) -> SmokePlan {
        self.smoke.clone().unwrap_or_default()
    }
}

/// Why a ConfigMap is not a snapshot, or a release has none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SnapshotError {
    /// Not written by this operator, or damaged.
    #[error("it holds no readable {KEY}")]
    Unreadable,
    /// Larger than a ConfigMap can be, with its size in bytes.
    #[error(
        "the referenced ConfigMaps and the pod template take {0} bytes together, {MAX_BYTES} fit: shorten them"
    )]
    TooLarge(usize),
}

impl Snapshot {
    /// Reads a snapshot.
    ///
    /// # Errors
    /// [`SnapshotError::Unreadable`].
    pub fn of(object: &ConfigMap) -> Result<Self, SnapshotError> {
        let bytes = object
            .binary_data
            .as_ref()
            .and_then(|d| d.get(KEY))
            .ok_or(SnapshotError::Unreadable)?;
        let frozen = serde_json::from_slice(&bytes.0).map_err(|_| SnapshotError::Unreadable)?;
        Ok(Self {
            frozen,
            config: object.data.clone().unwrap_or_default(),
        })
    }

    /// The ConfigMap without metadata, which the caller adds.
    ///
    /// # Errors
    /// [`SnapshotError::TooLarge`].
    pub fn to_config_map(&self) -> Result<ConfigMap, SnapshotError> {
        let json = serde_json::to_vec(&self.frozen).map_err(|_| SnapshotError::Unreadable)?;
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

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn snapshot(value: &str) -> Snapshot {
        Snapshot {
            frozen: Frozen {
                number: 7,
                inputs: "9f3c".to_owned(),
                template: json!({"spec": {"containers": [{"ports": [{"name": "http", "containerPort": 3005}]}]}}),
                smoke: Some(SmokePlan::default()),
                release_phase: Some(ReleaseCommand {
                    command: vec!["/migrate".to_owned()],
                    timeout_seconds: 600,
                    irreversible: true,
                }),
            },
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
        assert_eq!(frozen.release_phase, None);
        assert_eq!(snapshot("info").frozen.port(), Some(3005));
    }

    #[test]
    fn too_much_configuration_is_refused_with_its_size() {
        let error = snapshot(&"x".repeat(MAX_BYTES))
            .to_config_map()
            .unwrap_err();
        assert!(matches!(error, SnapshotError::TooLarge(size) if size > MAX_BYTES));
    }

    #[test]
    fn another_config_map_is_no_snapshot() {
        assert_eq!(
            Snapshot::of(&ConfigMap::default()),
            Err(SnapshotError::Unreadable)
        );
    }
}
