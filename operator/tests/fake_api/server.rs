//! API server that a test case runs against: the fake server, or the real kube-apiserver named by [`KUBECONFIG`].
//!
//! A case uses its server only through `kube::Client`, and has its own namespace. Features that only the fake server
//! has are available through [`Server::fake`] or [`fake_only`].

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{
    Api, ApiResource, DeleteParams, DynamicObject, GroupVersionKind, ListParams, PostParams,
};
use kube::config::{KubeConfigOptions, Kubeconfig};
use serde_json::{Value, json};

use crokodial_fake_api::{FakeApi, TestClock};

use super::differences::FakeOnly;

/// Environment variable with the path of a kubeconfig that has administrator rights. If it is set, the test suite runs
/// against the server in this kubeconfig.
pub const KUBECONFIG: &str = "CROKODIAL_REAL_API_KUBECONFIG";

/// Maximum time to wait for a controller of a real server to act.
const CONTROLLER_TIMEOUT: Duration = Duration::from_secs(30);

/// Namespace of test cases that run on the fake server.
pub const NS: &str = "shop";

/// API server of one test case. On a real server, the namespaces of the case and the types that [`Server::install`]
/// added are deleted after the case has passed.
pub struct Server {
    backend: Backend,
    client: kube::Client,
    /// Namespace of the test case.
    pub namespace: String,
}

enum Backend {
    Fake(FakeApi, TestClock),
    Real { crds: std::sync::Mutex<Vec<String>> },
}

impl Server {
    /// Creates a fake server, or connects to the real server if [`KUBECONFIG`] is set.
    pub async fn start() -> Self {
        match std::env::var(KUBECONFIG) {
            Ok(path) => Self::real(&path).await,
            Err(_) => Self::of_fake(),
        }
    }

    /// Returns a handle to the same server with a second namespace for the test case.
    pub async fn second_namespace(&self) -> Self {
        match &self.backend {
            Backend::Fake(api, clock) => Self {
                client: api.client("other"),
                backend: Backend::Fake(api.clone(), clock.clone()),
                namespace: "other".into(),
            },
            Backend::Real { .. } => Self::start().await,
        }
    }

    fn of_fake() -> Self {
        let clock = TestClock::new();
        let api = FakeApi::new(clock.clone());
        api.put(namespace_object(NS));
        Self {
            client: api.client(NS),
            backend: Backend::Fake(api, clock),
            namespace: NS.into(),
        }
    }

    async fn real(path: &str) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let namespace = format!("fake-api-{}-{number}", std::process::id());
        let client = real_client(path).await;
        let namespaces: Api<Namespace> = Api::all(client.clone());
        let object = serde_json::from_value(namespace_object(&namespace)).unwrap();
        let created = namespaces.create(&PostParams::default(), &object).await;
        created.expect("the case's namespace is created");
        Self {
            backend: Backend::Real {
                crds: std::sync::Mutex::default(),
            },
            client,
            namespace,
        }
    }

    /// Returns the fake server, for assertions that a real server does not support; `None` on a real server.
    pub fn fake(&self) -> Option<&FakeApi> {
        match &self.backend {
            Backend::Fake(api, _) => Some(api),
            Backend::Real { .. } => None,
        }
    }

    pub fn client(&self) -> kube::Client {
        self.client.clone()
    }

    /// Creates a client for objects of a built-in type in the namespace of the test case.
    pub fn api<K>(&self) -> Api<K>
    where
        K: kube::Resource<Scope = NamespaceResourceScope, DynamicType = ()>,
    {
        Api::namespaced(self.client(), &self.namespace)
    }

    /// Lets at least one second pass, so that new timestamps differ from earlier ones.
    pub async fn let_time_pass(&self) {
        match &self.backend {
            Backend::Fake(_, clock) => clock.advance(jiff::SignedDuration::from_secs(60)),
            Backend::Real { .. } => tokio::time::sleep(Duration::from_millis(1100)).await,
        }
    }

    /// Returns the API group of the types that [`Server::install`] adds. Each test case has its own group, because CRDs
    /// are cluster-scoped.
    pub fn group(&self) -> String {
        format!("{}.example.com", self.namespace)
    }

    /// Installs a CRD of kind `Sample` with this schema and a status subresource. Returns a client for such objects in
    /// the namespace of the test case.
    pub async fn install(&self, schema: Value) -> Api<DynamicObject> {
        let group = self.group();
        let crd = json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
            "metadata": {"name": format!("samples.{group}")},
            "spec": {"group": group, "scope": "Namespaced",
                "names": {"plural": "samples", "singular": "sample", "kind": "Sample", "listKind": "SampleList"},
                "versions": [{"name": "v1", "served": true, "storage": true, "subresources": {"status": {}},
                    "schema": {"openAPIV3Schema": schema}}]}});
        let gvk = GroupVersionKind::gvk(&group, "v1", "Sample");
        let samples = Api::namespaced_with(
            self.client(),
            &self.namespace,
            &ApiResource::from_gvk_with_plural(&gvk, "samples"),
        );
        match &self.backend {
            Backend::Fake(api, _) => api.install_crd(&crd),
            Backend::Real { crds } => {
                let definitions: Api<CustomResourceDefinition> = Api::all(self.client());
                let object = serde_json::from_value(crd).unwrap();
                let created = definitions.create(&PostParams::default(), &object).await;
                crds.lock()
                    .unwrap()
                    .push(created.unwrap().metadata.name.unwrap());
                eventually("the type is served", async || {
                    let served = samples.list(&ListParams::default()).await;
                    served.ok().map(|_| ())
                })
                .await;
            }
        }
        samples
    }

    /// Returns a `Sample` object named `one` with this spec.
    pub fn sample(&self, spec: Value) -> Value {
        json!({"apiVersion": format!("{}/v1", self.group()), "kind": "Sample",
            "metadata": {"name": "one"}, "spec": spec})
    }

    /// Returns the body of a status write for the `Sample` named `one`.
    pub fn sample_status(&self, status: Value) -> Value {
        json!({"apiVersion": format!("{}/v1", self.group()), "kind": "Sample",
            "metadata": {"name": "one"}, "status": status})
    }

    // Actions of a user or another controller, as field manager `test`.

    fn objects(&self, api_version: &str, kind: &str) -> Api<DynamicObject> {
        let (group, version) = api_version.rsplit_once('/').unwrap_or(("", api_version));
        let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind));
        match kind {
            "Namespace" | "IngressClass" => Api::all_with(self.client(), &resource),
            _ => Api::namespaced_with(self.client(), &self.namespace, &resource),
        }
    }

    /// Creates or replaces an object, without its status, and returns the stored object.
    pub async fn put(&self, mut object: Value) -> Value {
        let (api_version, kind) = (text(&object, "apiVersion"), text(&object, "kind"));
        let objects = self.objects(&api_version, &kind);
        let name = text(&object["metadata"], "name");
        let params = PostParams {
            field_manager: Some("test".into()),
            ..PostParams::default()
        };
        loop {
            let old = objects.get_opt(&name).await.unwrap();
            object["metadata"]["resourceVersion"] = json!(
                old.as_ref()
                    .and_then(|old| old.metadata.resource_version.clone())
            );
            let new = serde_json::from_value(object.clone()).unwrap();
            let put = match old {
                Some(_) => objects.replace(&name, &params, &new).await,
                None => objects.create(&params, &new).await,
            };
            match put {
                // A controller of the real server wrote in between; retry.
                Err(kube::Error::Api(status)) if status.is_conflict() => {}
                put => return serde_json::to_value(put.unwrap()).unwrap(),
            }
        }
    }

    /// Reads an object; `None` if it does not exist.
    pub async fn get(&self, api_version: &str, kind: &str, name: &str) -> Option<Value> {
        let found = self.objects(api_version, kind).get_opt(name).await.unwrap();
        found.map(|object| serde_json::to_value(object).unwrap())
    }

    /// Reads an object, changes it with the closure `change`, and replaces it. Panics if the object does not exist.
    pub async fn edit(
        &self,
        api_version: &str,
        kind: &str,
        name: &str,
        change: impl FnOnce(&mut Value),
    ) -> Value {
        let found = self.get(api_version, kind, name).await;
        let mut object = found.unwrap_or_else(|| panic!("no {kind} {name}"));
        change(&mut object);
        self.put(object).await
    }

    /// Deletes an object with propagation policy Background. Panics if the object does not exist.
    pub async fn delete(&self, api_version: &str, kind: &str, name: &str) {
        let objects = self.objects(api_version, kind);
        objects
            .delete(name, &DeleteParams::background())
            .await
            .unwrap();
    }

    /// Returns the names of the test case's ConfigMaps, concatenated. For ConfigMaps `a` and `b`, this is "ab".
    pub async fn names(&self) -> String {
        let maps = self.objects("v1", "ConfigMap");
        let found = maps.list(&ListParams::default()).await.unwrap();
        let names = found.items.into_iter().filter_map(|map| map.metadata.name);
        names.filter(|name| is_ours(name)).collect()
    }

    /// Waits until [`Self::names`] returns `expected`, because a real server collects garbage asynchronously.
    pub async fn expect_names(&self, expected: &str) {
        eventually(&format!("ConfigMaps {expected:?}"), async || {
            (self.names().await == expected).then_some(())
        })
        .await;
    }

    /// Returns the current resourceVersion of the server, from a list request.
    pub async fn version(&self) -> String {
        let maps = self.objects("v1", "ConfigMap");
        let found = maps.list(&ListParams::default()).await.unwrap();
        found.metadata.resource_version.unwrap()
    }

    /// Asserts that the server received no request with an unknown path or an invalid body. Does nothing for a real
    /// server.
    pub fn assert_nothing_unexpected(&self) {
        if let Some(fake) = self.fake() {
            assert!(fake.unexpected().is_empty(), "{:?}", fake.unexpected());
        }
    }
}

/// Pauses tokio's clock, which then advances automatically when all tasks are idle. Does nothing for a real server.
pub fn pause_time() {
    if std::env::var_os(KUBECONFIG).is_none() {
        tokio::time::pause();
    }
}

/// Returns a fake server and its clock, for a test case that a real server does not support. If the suite runs against
/// a real server, prints the reason and returns `None`.
pub fn fake_only(why: FakeOnly) -> Option<(FakeApi, TestClock)> {
    if std::env::var_os(KUBECONFIG).is_some() {
        eprintln!("not on a real server: {}", why.reason());
        return None;
    }
    let clock = TestClock::new();
    Some((FakeApi::new(clock.clone()), clock))
}

/// Calls `look` until it returns a value. Panics after a timeout, or on the fake server if the first call returns
/// `None`.
pub async fn eventually<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let began = std::time::Instant::now();
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(began.elapsed() < CONTROLLER_TIMEOUT, "never: {what}");
        if std::env::var_os(KUBECONFIG).is_none() {
            panic!("not at once, on the fake: {what}");
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Returns false for `kube-root-ca.crt`, a ConfigMap that a real server creates in every namespace.
pub fn is_ours(config_map: &str) -> bool {
    config_map != "kube-root-ca.crt"
}

fn namespace_object(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
}

fn text(value: &Value, field: &str) -> String {
    value[field].as_str().unwrap_or_default().to_owned()
}

async fn real_client(path: &str) -> kube::Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let file = Kubeconfig::read_from(path).expect("the kubeconfig can be read");
    let options = KubeConfigOptions::default();
    let config = kube::Config::from_custom_kubeconfig(file, &options).await;
    kube::Client::try_from(config.expect("a usable kubeconfig")).expect("a client")
}

impl Drop for Server {
    fn drop(&mut self) {
        let Backend::Real { crds } = &self.backend else {
            return;
        };
        // The objects of a failed case are kept for debugging.
        if std::thread::panicking() {
            return;
        }
        let crds = std::mem::take(&mut *crds.lock().unwrap());
        let (namespace, path) = (self.namespace.clone(), std::env::var(KUBECONFIG).unwrap());
        // A separate thread, because the runtime of the case is blocked by this call.
        let cleaned = std::thread::spawn(move || clean_up(&path, &namespace, &crds)).join();
        assert!(cleaned.is_ok(), "what the case made could not be deleted");
    }
}

fn clean_up(path: &str, namespace: &str, crds: &[String]) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let client = real_client(path).await;
        let definitions: Api<CustomResourceDefinition> = Api::all(client.clone());
        for name in crds {
            definitions
                .delete(name, &DeleteParams::default())
                .await
                .unwrap();
        }
        // The result is ignored: the case may have deleted its namespace.
        let namespaces: Api<Namespace> = Api::all(client);
        let _ = namespaces.delete(namespace, &DeleteParams::default()).await;
    });
}
