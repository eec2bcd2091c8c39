//! Environment as a watch returns it. One that cannot be decoded does not stop the watch of the others.

use std::borrow::Cow;

use crokodial_crds::CrokodialEnvironment;
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Resource;
use kube::core::PartialObjectMeta;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::redact::without_values;

/// Environment, or the fault for which it cannot be decoded. Kube's `DeserializeGuard` does not name the field.
#[derive(Clone, Debug)]
pub struct Guarded(pub Result<CrokodialEnvironment, Invalid>);

/// Environment that cannot be decoded.
#[derive(Clone, Debug)]
pub struct Invalid {
    /// Path of the field and its fault, without values.
    pub fault: String,
    /// Metadata of the environment.
    pub metadata: ObjectMeta,
}

impl<'de> Deserialize<'de> for Guarded {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let object = Value::deserialize(deserializer)?;
        let error = match serde_path_to_error::deserialize(&object) {
            Ok(environment) => return Ok(Self(Ok(environment))),
            Err(error) => error,
        };
        let fault = without_values(&error.inner().to_string());
        let fault = match error.path().to_string().as_str() {
            // The path of the object itself.
            "." => fault,
            path => format!("{path}: {fault}"),
        };
        let partial = PartialObjectMeta::<CrokodialEnvironment>::deserialize(&object);
        let metadata = partial
            .map_err(|_| D::Error::custom("no metadata"))?
            .metadata;
        Ok(Self(Err(Invalid { fault, metadata })))
    }
}

impl Resource for Guarded {
    type DynamicType = ();
    type Scope = NamespaceResourceScope;

    fn kind((): &()) -> Cow<'_, str> {
        CrokodialEnvironment::kind(&())
    }

    fn group((): &()) -> Cow<'_, str> {
        CrokodialEnvironment::group(&())
    }

    fn version((): &()) -> Cow<'_, str> {
        CrokodialEnvironment::version(&())
    }

    fn plural((): &()) -> Cow<'_, str> {
        CrokodialEnvironment::plural(&())
    }

    fn meta(&self) -> &ObjectMeta {
        self.0.as_ref().map_or_else(|e| &e.metadata, Resource::meta)
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        self.0
            .as_mut()
            .map_or_else(|e| &mut e.metadata, Resource::meta_mut)
    }
}

#[cfg(test)]
mod tests {
    use kube::ResourceExt;
    use serde_json::json;

    use super::*;

    fn read(spec: Value) -> Guarded {
        let metadata = json!({"name": "shop", "namespace": "apps"});
        let object = json!({"apiVersion": "crokodial.com/v1alpha1", "kind": "CrokodialEnvironment",
            "metadata": metadata, "spec": spec});
        serde_json::from_value(object).unwrap()
    }

    #[test]
    fn the_field_that_cannot_be_decoded_is_named_and_its_value_is_not() {
        let spec = |extra: (&str, Value)| {
            let mut spec = json!({"image": "i:1", "domain": "shop.test", "stage": "staging",
                "mongo": {"uriSecretRef": {"name": "mongo"}}});
            spec[extra.0] = extra.1;
            spec
        };
        for (extra, wanted) in [
            (
                (
                    "config",
                    json!({"env": [{"name": "A", "value": {"hunter2": 1}}]}),
                ),
                "spec.config.env[0].value: invalid type: map, expected a string",
            ),
            (
                ("runtime", json!({"replicas": "hunter2"})),
                "spec.runtime.replicas: invalid type: string …, expected i32",
            ),
            (
                ("stage", json!("hunter2")),
                "spec.stage: unknown variant …, expected `staging` or `prod`",
            ),
        ] {
            let read = read(spec(extra));
            assert_eq!(read.name_any(), "shop");
            assert_eq!(read.0.unwrap_err().fault, wanted);
        }
        assert!(read(spec(("runtime", json!({})))).0.is_ok());
    }
}
