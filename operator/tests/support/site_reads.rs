//! Methods of [`Site`] that read stored objects.

use serde_json::Value;

use super::site::{NS, Site};

impl Site {
    pub fn get(&self, resource: &str, name: &str) -> Value {
        self.api
            .get(resource, self.home(name), name)
            .unwrap_or_else(|| panic!("there is no {resource} {name}"))
    }

    pub fn status(&self, name: &str) -> Value {
        self.get("crokodialenvironments", name)["status"].clone()
    }

    /// Returns the status and reason of a condition, such as `True Succeeded`; empty if there is no such condition.
    pub fn condition(&self, name: &str, type_: &str) -> String {
        let status = self.status(name);
        let all = status["conditions"].as_array().cloned().unwrap_or_default();
        let found = all.iter().find(|c| c["type"] == type_);
        found.map_or_else(String::new, |c| {
            format!("{} {}", text(&c["status"]), text(&c["reason"]))
        })
    }

    /// Returns the message of a condition; empty if there is no such condition.
    pub fn message(&self, name: &str, type_: &str) -> String {
        let status = self.status(name);
        let all = status["conditions"].as_array().cloned().unwrap_or_default();
        let found = all.iter().find(|c| c["type"] == type_);
        found.map_or_else(String::new, |c| text(&c["message"]))
    }

    /// Returns the number and phase of each release, such as `1 Good`, in ascending order.
    pub fn phases(&self, name: &str) -> Vec<String> {
        let mut found: Vec<(i64, String)> = self
            .api
            .list("crokodialreleases", self.home(name))
            .iter()
            .filter(|r| r["spec"]["environment"] == name)
            .map(|r| {
                let number = r["spec"]["number"].as_i64().unwrap();
                (number, format!("{number} {}", text(&r["status"]["phase"])))
            })
            .collect();
        found.sort_unstable();
        found.into_iter().map(|(_, line)| line).collect()
    }

    /// Returns the reason of a release's phase.
    pub fn reason(&self, release: &str) -> String {
        text(&self.get("crokodialreleases", release)["status"]["reason"])
    }

    /// Returns the pod template of the Deployment.
    pub fn template(&self, name: &str) -> Value {
        self.get("deployments", name)["spec"]["template"].clone()
    }

    /// Returns the number of the release in the Deployment's pod template.
    pub fn runs(&self, name: &str) -> String {
        text(&self.template(name)["metadata"]["labels"]["crokodial.com/release"])
    }

    pub fn replicas(&self, name: &str) -> i64 {
        self.get("deployments", name)["spec"]["replicas"]
            .as_i64()
            .unwrap()
    }

    /// Returns the sorted names of all pods of the component `web`.
    pub fn pods(&self) -> Vec<String> {
        let mut names: Vec<String> = self
            .api
            .list("pods", NS)
            .iter()
            .filter(|p| p["metadata"]["labels"]["app.kubernetes.io/component"] == "web")
            .map(|p| text(&p["metadata"]["name"]))
            .collect();
        names.sort();
        names
    }

    /// Returns the notes (message texts) of the Events with this reason.
    pub fn events(&self, reason: &str) -> Vec<String> {
        let events = self.api.list("events.events.k8s.io", NS);
        let of = events.iter().filter(|e| e["reason"] == reason);
        of.map(|e| text(&e["note"])).collect()
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
