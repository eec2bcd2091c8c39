//! Simulated installation for tests: cluster, registry, probes and clock, with an operator that tests run step by step.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use crokodial_crds::TlsMode;
use crokodial_operator::clock::Clock;
use crokodial_operator::config::defaults::Defaults;
use crokodial_operator::context::{Context, Outside, Settings};
use crokodial_operator::environment::{self, Error};
use crokodial_operator::kube_io::KubeIo;
use crokodial_operator::metrics::Metrics;
use crokodial_operator::requeue::RequeueTrigger;
use crokodial_operator::tenants::Tenants;
use crokodial_operator::uptime::Probes as _;
use jiff::{SignedDuration, Timestamp};
use kube::runtime::controller::Action;
use serde_json::{Value, json};
use tokio::sync::OnceCell;

use super::{
    ScriptedEdge, ScriptedImages, ScriptedProbes, ScriptedSmoke, digest_of, environment, secret,
    simulated_preflight,
};
use crokodial_fake_api::{self, Behaviour, Call, FakeApi, JobOutcome, World};

/// Namespace of the environments.
pub const NS: &str = "shop";
/// Namespace of environments whose name begins with `prod`, in tests with two namespaces.
pub const LIVE: &str = "live";
/// Namespace of the operator.
pub const SYSTEM: &str = "crokodial-system";

/// Maximum number of steps in which operator and cluster must settle.
const MAX_STEPS: usize = 400;

/// Operator in a simulated installation, with everything that it observes.
pub struct Site {
    pub api: FakeApi,
    pub world: World,
    pub images: Arc<ScriptedImages>,
    pub probes: Arc<ScriptedProbes>,
    pub smoke: Arc<ScriptedSmoke>,
    time: Arc<Mutex<Timestamp>>,
    ctx: Arc<Context>,
    prod_in: &'static str,
}

impl Site {
    /// Creates a cluster with the CRDs, an ingress class and the user's Secrets, but without an environment.
    pub fn empty() -> Self {
        let time = Arc::new(Mutex::new("2026-01-01T00:00:00Z".parse().unwrap()));
        let api = FakeApi::new(clock(&time));
        for crd in crokodial_crds::schema::all() {
            api.install_crd(&serde_json::to_value(&crd).unwrap());
        }
        for namespace in [NS, LIVE, SYSTEM] {
            api.put(
                json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}),
            );
        }
        api.put(
            json!({"apiVersion": "networking.k8s.io/v1", "kind": "IngressClass",
            "metadata": {"name": "web"}, "spec": {"controller": "traefik.io/ingress-controller"}}),
        );
        let uri = "mongodb://app:old@mongo.example.com/staging?authSource=admin";
        api.put(secret("mongo", &[("MONGODB_URI", uri)]));
        api.put(secret("dialer", &[("JWT_SECRET", "signs")]));
        let probes = ScriptedProbes::new(time.clone());
        let mut world = World::new(&api);
        world.run_jobs("-preflight-", JobOutcome::Computed(simulated_preflight));
        let (images, smoke) = (ScriptedImages::default(), ScriptedSmoke::default());
        Self::over(api, world, time, images, probes, smoke, NS)
    }

    /// Creates an installation with a newly started operator over this cluster.
    fn over(
        api: FakeApi,
        world: World,
        time: Arc<Mutex<Timestamp>>,
        images: ScriptedImages,
        probes: ScriptedProbes,
        smoke: ScriptedSmoke,
        prod_in: &'static str,
    ) -> Self {
        let (images, probes, smoke) = (Arc::new(images), Arc::new(probes), Arc::new(smoke));
        let ctx = context(&api, &images, &probes, &smoke, &time);
        Self {
            api,
            world,
            images,
            probes,
            smoke,
            time,
            ctx,
            prod_in,
        }
    }

    /// Creates a cluster with the environment `staging`, which has not been reconciled yet.
    pub fn new() -> Self {
        let site = Self::empty();
        site.api.put(environment("staging"));
        site
    }

    /// Creates a cluster whose environment `staging` has its first good release. Each test gets a copy of one shared
    /// cluster, which is prepared only once.
    pub async fn good() -> Self {
        static GOOD: OnceCell<Site> = OnceCell::const_new();
        GOOD.get_or_init(Self::first_good).await.copy()
    }

    async fn first_good() -> Self {
        let mut site = Self::new();
        site.rest("staging").await;
        site.bake("staging").await;
        assert_eq!(site.phases("staging"), ["1 Good"]);
        site
    }

    /// Creates an independent copy of the current state and of all scripts, with a newly started operator.
    pub fn copy(&self) -> Self {
        let time = Arc::new(Mutex::new(self.now()));
        let api = self.api.copy(clock(&time));
        let world = self.world.copy(&api);
        let probes = self.probes.copy(time.clone());
        let (images, smoke) = (self.images.copy(), self.smoke.copy());
        Self::over(api, world, time, images, probes, smoke, self.prod_in)
    }

    /// Restarts the operator: the new process has no in-memory state.
    pub fn restart(&mut self) {
        self.ctx = context(
            &self.api,
            &self.images,
            &self.probes,
            &self.smoke,
            &self.time,
        );
    }

    /// Restarts the operator with these tenants, written as in its configuration.
    pub fn restart_with_tenants(&mut self, list: &Value) {
        self.restart();
        let context = Arc::get_mut(&mut self.ctx).unwrap();
        context.settings.tenants = Tenants::parse(&list.to_string()).unwrap();
    }

    /// Creates the context of another operator in the same cluster, which uses the API client `io`.
    pub fn context(&self, io: KubeIo) -> Arc<Context> {
        context_with(io, &self.images, &self.probes, &self.smoke, &self.time)
    }

    /// Uses a separate namespace ([`LIVE`]) for environments whose name begins with `prod` from now on.
    pub fn prod_lives_apart(&mut self) {
        self.prod_in = LIVE;
    }

    /// Configures a separate database for `prod`: creates a Secret with its URI in the environment's namespace, and
    /// refers to it in the spec.
    pub fn own_database(&self, prod: &mut Value) {
        let uri = "mongodb://prod:own@mongo.example.com/prod?authSource=admin";
        let mut own = secret("mongo-prod", &[("MONGODB_URI", uri)]);
        own["metadata"]["namespace"] = prod["metadata"]["namespace"].clone();
        self.api.put(own);
        prod["spec"]["mongo"] = json!({"uriSecretRef": {"name": "mongo-prod"}});
    }

    /// Returns the namespace of an environment and its children.
    pub(super) fn home(&self, name: &str) -> &'static str {
        if name.starts_with("prod") {
            self.prod_in
        } else {
            NS
        }
    }

    /// Runs one reconcile and returns its error, if any.
    pub async fn try_reconcile(&self, name: &str) -> Result<(), Error> {
        environment::reconcile(&self.ctx, self.home(name), name)
            .await
            .map(|_| ())
    }

    /// Runs one reconcile. Returns the number of milliseconds until the next one is due if nothing changes; `u128::MAX`
    /// if that is two minutes or more, or if none is due.
    pub async fn due(&self, name: &str) -> u128 {
        let action = environment::reconcile(&self.ctx, self.home(name), name)
            .await
            .unwrap();
        // The duration in an `Action` cannot be read, but actions can be compared.
        (0..120_000)
            .find(|ms| action == Action::requeue(Duration::from_millis(*ms)))
            .map_or(u128::MAX, u128::from)
    }

    /// Runs one reconcile. Panics if it fails.
    pub async fn reconcile(&self, name: &str) {
        self.try_reconcile(name).await.unwrap();
    }

    /// Runs reconciles and cluster steps alternately until neither changes anything. Returns the number of reconciles.
    pub async fn rest(&mut self, name: &str) -> usize {
        for done in 1..=MAX_STEPS {
            let before = self.api.version();
            self.reconcile(name).await;
            let moved = self.world.step().is_some();
            if !moved && self.api.version() == before {
                assert_eq!(self.api.unexpected(), Vec::<String>::new());
                return done;
            }
        }
        panic!("{name} is not at rest after {MAX_STEPS} steps");
    }

    /// Runs reconciles and cluster steps alternately until the newest release has the number and phase in `line`, such
    /// as `2 Rolling`.
    pub async fn until(&mut self, name: &str, line: &str) {
        for _ in 0..MAX_STEPS {
            if self.phases(name).last().is_some_and(|l| l == line) {
                return;
            }
            self.reconcile(name).await;
            self.world.step();
        }
        panic!("{name} does not come to {line}: {:?}", self.phases(name));
    }

    /// Advances the clock by 60 s, the bake time in staging. Then runs reconciles and cluster steps until neither
    /// changes anything.
    pub async fn bake(&mut self, name: &str) {
        self.advance(60);
        self.rest(name).await;
    }

    /// Advances the clock.
    pub fn advance(&self, seconds: i64) {
        *self.time.lock().unwrap() += SignedDuration::from_secs(seconds);
    }

    /// Advances the clock by a long time without simulating its probes.
    pub fn advance_unmeasured(&self, seconds: i64) {
        self.advance(seconds);
        self.probes.forget_all();
    }

    /// Changes the spec of an environment, as a user would.
    pub fn edit(&self, name: &str, change: impl FnOnce(&mut Value)) {
        self.api
            .edit("crokodialenvironments", self.home(name), name, |object| {
                change(&mut object["spec"])
            });
    }

    /// Sets the image in the spec of an environment, as a user would.
    pub fn image(&self, name: &str, image: &str) {
        self.edit(name, |spec| spec["image"] = json!(image));
    }

    /// Sets the behavior of the pods of an image.
    pub fn behave(&mut self, image: &str, behaviour: Behaviour) {
        self.world.behave(&digest_of(image), behaviour);
    }

    /// Runs `n` reconciles and returns their writes, including Events. Time does not advance, so all reconciles after
    /// the first have the same input. Three reconciles without writes show that the environment has settled.
    pub async fn writes_of(&self, name: &str, n: usize) -> Vec<Call> {
        self.api.take_calls();
        for _ in 0..n {
            self.reconcile(name).await;
        }
        self.api.writes()
    }

    /// Returns the current time of the simulation.
    pub fn now(&self) -> Timestamp {
        *self.time.lock().unwrap()
    }
}

fn clock(time: &Arc<Mutex<Timestamp>>) -> crokodial_fake_api::Clock {
    let time = time.clone();
    crokodial_fake_api::Clock::from_fn(move || *time.lock().unwrap())
}

fn context(
    api: &FakeApi,
    images: &Arc<ScriptedImages>,
    probes: &Arc<ScriptedProbes>,
    smoke: &Arc<ScriptedSmoke>,
    time: &Arc<Mutex<Timestamp>>,
) -> Arc<Context> {
    context_with(
        KubeIo::new(api.client(NS), Metrics::new()),
        images,
        probes,
        smoke,
        time,
    )
}

fn context_with(
    io: KubeIo,
    images: &Arc<ScriptedImages>,
    probes: &Arc<ScriptedProbes>,
    smoke: &Arc<ScriptedSmoke>,
    time: &Arc<Mutex<Timestamp>>,
) -> Arc<Context> {
    let settings = Settings {
        watch_namespaces: vec![NS.to_owned(), LIVE.to_owned()],
        tenants: Tenants::default(),
        operator_namespace: SYSTEM.to_owned(),
        read_ingress_classes: true,
        defaults: Defaults {
            ingress_class: Some("web".to_owned()),
            tls_mode: TlsMode::SelfSigned,
            preflight_image: Some("registry.test/operator:1".to_owned()),
            preflight_pull_secret: None,
        },
    };
    Arc::new(Context::new(
        io,
        settings,
        Outside {
            images: images.clone(),
            edge: Arc::new(ScriptedEdge),
            probes: probes.clone(),
            smoke: smoke.clone(),
        },
        RequeueTrigger::default(),
        Metrics::new(),
        Clock::Fixed(time.clone()),
    ))
}
