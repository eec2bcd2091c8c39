//! Names of the environments that a watch has shown, to notice those that were deleted.

use std::collections::BTreeSet;

use kube::ResourceExt;
use kube::runtime::watcher::Event;

/// Names of the environments of one namespace, according to the events of one watch.
///
/// kube's controller does not reconcile an object that was deleted, and a deletion during an interruption of the watch
/// causes no event. It only shows as a name that is missing in the next list.
#[derive(Debug, Default)]
pub(super) struct KnownEnvironments {
    known: BTreeSet<String>,
    /// Names in the list that is being received.
    listed: BTreeSet<String>,
}

impl KnownEnvironments {
    /// Records an event. Returns the names of the environments that no longer exist.
    pub(super) fn gone<K: ResourceExt>(&mut self, event: &Event<K>) -> BTreeSet<String> {
        match event {
            Event::Apply(environment) => {
                self.known.insert(environment.name_any());
            }
            Event::Delete(environment) => {
                let name = environment.name_any();
                self.known.remove(&name);
                return BTreeSet::from([name]);
            }
            Event::Init => self.listed.clear(),
            Event::InitApply(environment) => {
                self.listed.insert(environment.name_any());
            }
            Event::InitDone => {
                let listed = std::mem::take(&mut self.listed);
                let before = std::mem::replace(&mut self.known, listed);
                return before.difference(&self.known).cloned().collect();
            }
        }
        BTreeSet::new()
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::ConfigMap;
    use kube::core::ObjectMeta;

    use super::*;

    fn named(name: &str) -> ConfigMap {
        ConfigMap {
            metadata: ObjectMeta {
                name: Some(name.to_owned()),
                ..ObjectMeta::default()
            },
            ..ConfigMap::default()
        }
    }

    fn gone(known: &mut KnownEnvironments, events: Vec<Event<ConfigMap>>) -> Vec<String> {
        events.iter().flat_map(|event| known.gone(event)).collect()
    }

    fn list(names: &[&str]) -> Vec<Event<ConfigMap>> {
        let objects = names.iter().map(|name| Event::InitApply(named(name)));
        let mut events: Vec<_> = std::iter::once(Event::Init).chain(objects).collect();
        events.push(Event::InitDone);
        events
    }

    #[test]
    fn a_deleted_environment_is_gone() {
        let mut known = KnownEnvironments::default();
        assert_eq!(gone(&mut known, list(&["prod", "staging"])), [""; 0]);
        assert_eq!(gone(&mut known, vec![Event::Apply(named("new"))]), [""; 0]);
        assert_eq!(
            gone(&mut known, vec![Event::Delete(named("prod"))]),
            ["prod"]
        );
        assert_eq!(gone(&mut known, list(&["new", "staging"])), [""; 0]);
    }

    #[test]
    fn an_environment_that_is_missing_in_the_next_list_is_gone() {
        let mut known = KnownEnvironments::default();
        gone(&mut known, list(&["prod", "staging"]));
        gone(&mut known, vec![Event::Apply(named("new"))]);
        assert_eq!(gone(&mut known, list(&["staging"])), ["new", "prod"]);
        // The first part of a list that was interrupted and begun again does not count.
        let mut interrupted = list(&["prod"]);
        interrupted.pop();
        interrupted.extend(list(&["staging"]));
        assert_eq!(gone(&mut known, interrupted), [""; 0]);
        assert_eq!(gone(&mut known, list(&["staging"])), [""; 0]);
    }
}
