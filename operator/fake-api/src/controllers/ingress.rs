//! Simulation of an ingress controller.

use serde_json::{Value, json};

use crate::controllers::objects::{find, put_status};
use crate::store::Store;

/// Ingress controller that publishes an address in the status of Ingresses. It handles Ingresses with its own class and
/// those without a class.
#[derive(Debug, Clone)]
pub struct SimulatedIngressController {
    /// Ingress class that this controller handles; `None` means all classes.
    pub class: Option<String>,
    /// IP address that is published in `status.loadBalancer`.
    pub address: String,
}

impl SimulatedIngressController {
    pub fn step(&self, store: &mut Store) -> Option<String> {
        let (key, stored) = find(store, "ingresses", |ingress| {
            let class = ingress
                .pointer("/spec/ingressClassName")
                .and_then(Value::as_str);
            let ours = self.class.is_none() || class.is_none() || class == self.class.as_deref();
            ours && ingress.pointer("/status/loadBalancer/ingress/0").is_none()
        })?;
        let mut value = stored.value.clone();
        value["status"] = json!({"loadBalancer": {"ingress": [{"ip": self.address}]}});
        put_status(store, "ingress-controller", &key, value);
        Some(format!("ingress {}: admitted", key.name))
    }
}
