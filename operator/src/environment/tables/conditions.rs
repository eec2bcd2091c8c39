//! Tests of the status, reason and message of conditions that are not about releases, with one row per situation.

use crokodial_crds::ConditionType as T;

use super::super::fixture::{serving, table};

pub(super) fn check(type_: T, rows: &[(&str, &str)]) {
    table(rows, |given| serving(given).condition(type_));
}

const FIRST: &str = "sha256:0000000000000000000000000000000000000000000000000000000000000001";

#[test]
fn image_resolved() {
    let resolved = format!("True Succeeded: registry.test/app:1 is {FIRST}");
    check(
        T::ImageResolved,
        &[
            ("", &resolved),
            (
                "image: Asked",
                "Unknown Progressing: the registry of registry.test/app:1 was asked",
            ),
            (
                "image: NotFound",
                "False ImageNotFound: the registry has no registry.test/app:1; it is asked again within about 5m, and at once after a new rollout.retry",
            ),
            (
                "image: Unauthorized",
                "False RegistryUnauthorized: registry.test does not show the image: it wants credentials, and no Secret in spec.imagePullSecrets has any for it; it is asked again within about 5m, and at once after a new rollout.retry",
            ),
            (
                "image: {Unreachable: 503}",
                "Unknown RegistryUnreachable: registry.test gave no usable answer: status 503; it is asked again within about 15s",
            ),
            (
                "image: {Stale: ['1', 503]}",
                "Unknown RegistryUnreachable: registry.test gave no usable answer: status 503; it is asked again within about 15s",
            ),
            (
                "image: Invalid",
                "False InvalidSpec: spec.image: an image is registry/name:tag or registry/name@sha256:<64 hex digits>, with the name in lower case and without a scheme or spaces",
            ),
            (
                "spec: {stage: prod, image: null, promotion: {from: {name: staging}, auto: true}}, source: {Found: {releases: {}}}, releases: null",
                "Unknown Unknown: no release of apps/staging is good yet",
            ),
        ],
    );
}

#[test]
#[expect(clippy::too_many_lines, reason = "a row a situation")]
fn credentials_valid() {
    check(
        T::CredentialsValid,
        &[
            (
                "",
                "True Succeeded: the URI in secret mongo was proven for database shop",
            ),
            (
                "secrets: null",
                "False SecretNotFound: there is no secret mongo in this namespace",
            ),
            (
                "secrets: {mongo: {data: {MONGODB_URI: null}}}",
                "False KeyNotFound: secret mongo has no key MONGODB_URI, nor connectionStringStandardSrv, nor connectionStringStandard",
            ),
            (
                "secrets: {mongo: {data: {MONGODB_URI: 'redis://x'}}}",
                "False BadUri: key MONGODB_URI of secret mongo: the value does not start with mongodb:// or mongodb+srv://: write the bare connection string, without quotes or a variable's name",
            ),
            (
                "secrets: {mongo: {type: helm.sh/release.v1}}",
                "False SecretNotAllowed: secret mongo is a Helm release",
            ),
            (
                "spec: {mongo: {preflight: {mode: 'Off'}}}",
                "Unknown NotVerified: the URI in secret mongo is in use for database shop, unproven",
            ),
            (
                "secrets: {mongo: {data: {MONGODB_URI: 'mongodb://app:new@db.test/shop'}}}",
                "Unknown PreflightRunning: the URI in secret mongo is being proven for database shop",
            ),
            (
                "secrets: {mongo: {data: {MONGODB_URI: 'mongodb://app:new@db.test/shop'}}}, attempts: [{n: 1, password: new, state: running}]",
                "Unknown PreflightRunning: the URI in secret mongo is being proven for database shop",
            ),
            (
                "secrets: {mongo: {data: {MONGODB_URI: 'mongodb://app:new@db.test/shop'}}}, attempts: [{n: 1, password: new, state: 'running: no node for the pod'}]",
                "Unknown PreflightBlocked: no node for the pod",
            ),
            (
                "secrets: {mongo: {data: {MONGODB_URI: 'mongodb://app:new@db.test/shop'}}}, attempts: [{n: 1, password: new, state: lost}]",
                "Unknown PreflightBlocked: the check was lost",
            ),
            (
                "secrets: {mongo: {data: {MONGODB_URI: 'mongodb://app:new@db.test/shop'}}}, attempts: [{n: 1, password: new, state: AuthFailed}]",
                "False AuthFailed: the URI in secret mongo: the server refused the user name or password",
            ),
            (
                "secrets: {mongo: {data: {MONGODB_URI: 'mongodb://app:new@db.test/shop'}}}, attempts: [{n: 1, password: new, state: NetworkBlocked}]",
                "False NetworkBlocked: the URI in secret mongo: no answer from the server to an attempt to connect; Atlas access list?",
            ),
            (
                "secrets: {mongo: {data: {MONGODB_URI: 'mongodb://app:new@db.test/shop'}}}, attempts: [{n: 1, password: new, state: Proven}]",
                "True Succeeded: the URI in secret mongo was proven for database shop, and is not in use yet: the pods read an earlier version",
            ),
            (
                "spec: {mongo: {rotation: Manual}}, secrets: {mongo: {data: {MONGODB_URI: 'mongodb://app:new@db.test/shop'}}}, attempts: [{n: 1, password: new, state: Proven}]",
                "True RotationPending: the URI in secret mongo was proven for database shop",
            ),
            (
                "spec: {mongo: {rotation: Manual, rotateNonce: a}}, secrets: {mongo: {data: {MONGODB_URI: 'mongodb://app:new@db.test/shop'}}}, attempts: [{n: 1, password: new, state: Proven}]",
                "True Succeeded: the URI in secret mongo was proven for database shop, and is not in use yet: the pods read an earlier version",
            ),
            (
                "chart: {preflightImage: none}",
                "True Succeeded: the URI in secret mongo was proven for database shop",
            ),
            (
                "chart: {preflightImage: none}, mongo: null",
                "Unknown PreflightBlocked: the operator knows no image for the check: it was started without --preflight-image",
            ),
        ],
    );
}

#[test]
fn database_isolated() {
    check(
        T::DatabaseIsolated,
        &[
            (
                "",
                "Unknown NotVerified: which database it is was not proven, so it was not compared",
            ),
            (
                "mongo: {marks: [m]}",
                "True Succeeded: no environment of the other stage that it is compared with uses this database",
            ),
            (
                "mongo: {marks: [m]}, others: [{environment: apps/prod, stage: prod, since: -5, database: [m]}]",
                "False WrongDatabase: the URI leads to the database of environment apps/prod, which is of stage prod",
            ),
            (
                "mongo: {marks: [m]}, others: [{environment: apps/prod, stage: prod, since: 5, database: [m]}]",
                "True Succeeded: no environment of the other stage that it is compared with uses this database",
            ),
            (
                "mongo: {marks: [m]}, others: [{environment: apps/other, stage: staging, since: -5, database: [m]}]",
                "True Succeeded: no environment of the other stage that it is compared with uses this database",
            ),
            (
                "spec: {stage: prod, config: {secretRefs: [{name: app}]}}, mongo: {marks: [m]}, secrets: {app: {data: {JWT: 'a long shared value'}}}, config: {data: {JWT: 'a long shared value'}}, others: [{environment: apps/staging, stage: staging, values: ['a long shared value']}]",
                "True SharedSecret: variables with a value that environment apps/staging of stage staging has too: JWT",
            ),
            // Without a successful check, the unknown database is reported before the shared value.
            (
                "spec: {stage: prod, config: {secretRefs: [{name: app}]}}, secrets: {app: {data: {JWT: 'a long shared value'}}}, config: {data: {JWT: 'a long shared value'}}, others: [{environment: apps/staging, stage: staging, values: ['a long shared value']}]",
                "Unknown NotVerified: which database it is was not proven, so it was not compared",
            ),
            // While the wanted values are unusable, the values in use are compared.
            (
                "spec: {stage: prod, config: {secretRefs: [{name: app}]}}, mongo: {marks: [m]}, config: {data: {JWT: 'a long shared value'}}, others: [{environment: apps/staging, stage: staging, values: ['a long shared value']}]",
                "True SharedSecret: variables with a value that environment apps/staging of stage staging has too: JWT",
            ),
        ],
    );
}

#[test]
fn config_secrets_valid() {
    check(
        T::ConfigSecretsValid,
        &[
            ("", "True Succeeded: the spec refers to no secrets"),
            (
                "spec: {config: {secretRefs: [{name: app}]}}, secrets: {app: {data: {A: b}}}, config: {data: {A: b}}",
                "True Succeeded: the newest values of the referenced secrets are in use",
            ),
            (
                "spec: {config: {secretRefs: [{name: app}]}}, secrets: {app: {data: {A: b}}}, config: {data: {A: b}}, deployment: null, pods: []",
                "True Succeeded: the newest values of the referenced secrets passed; no pod has them yet",
            ),
            (
                "spec: {config: {secretRefs: [{name: app}]}}",
                "False SecretNotFound: there is no secret app in this namespace",
            ),
            (
                "spec: {config: {secretRefs: [{name: app}]}}, secrets: {app: {labels: {app.kubernetes.io/managed-by: crokodial-operator}}}",
                "False SecretNotAllowed: secret app is managed by this operator",
            ),
            (
                "spec: {config: {secretRefs: [{name: app}]}}, secrets: {app: {type: kubernetes.io/service-account-token}}",
                "False SecretNotAllowed: secret app is a service account's token",
            ),
            (
                "spec: {config: {secretRefs: [{name: app}]}}, secrets: {app: {data: {A: new}}}",
                "Unknown CandidateRunning: the newest values are tried with release 1: a pod without traffic is being started",
            ),
            (
                "spec: {config: {secretRefs: [{name: app}]}}, secrets: {app: {data: {A: new}}}, staged: {data: {A: new}, generation: 2, release: 1, since: 0, verdict: it crashed}",
                "False CandidateFailed: the newest values do not work with release 1: it crashed",
            ),
            (
                "spec: {config: {configMapRefs: [{name: app}]}}",
                "False ConfigMapNotFound: there is no ConfigMap app in this namespace",
            ),
            (
                "spec: {config: {configMapRefs: [{name: app}]}}, configMaps: {app: {A: b}}",
                "True Succeeded: the spec refers to no secrets",
            ),
            (
                "releases: null, deployment: null, pods: [], spec: {runtime: {pod: {affinity: {nodeAffinity: {preferredDuringSchedulingIgnoredDuringExecution: 7}}}}}",
                "False InvalidSpec: spec.runtime.pod.affinity is not a pod's affinity of Kubernetes",
            ),
            // Other problems of the wanted release are reported by their own conditions.
            (
                "image: NotFound",
                "True Succeeded: the spec refers to no secrets",
            ),
        ],
    );
}

#[test]
#[expect(clippy::too_many_lines, reason = "a row a situation")]
fn route_accepted() {
    check(
        T::RouteAccepted,
        &[
            ("", "True Succeeded: shop.test is routed at 192.0.2.1"),
            (
                "ingress: {address: lb.test}",
                "True Succeeded: shop.test is routed at lb.test",
            ),
            (
                "ingress: {address: null}",
                "False NotAccepted: the Ingress controller has published no address for the Ingress yet",
            ),
            (
                "ingress: {host: old.test}",
                "False NotAccepted: the Ingress controller has published no address for the Ingress yet",
            ),
            (
                "ingress: null",
                "False NotAccepted: the Ingress controller has published no address for the Ingress yet",
            ),
            (
                "ingress: {address: null}, class: traefik.io/ingress-controller",
                "False NotAccepted: the Ingress controller has published no address for the Ingress yet; Traefik does with providers.kubernetesIngress.publishedService.enabled=true in its chart",
            ),
            (
                "ingress: {address: null}, spec: {route: {requireAddress: false}}",
                "True Succeeded: shop.test has an Ingress; no address is published, and route.requireAddress is false",
            ),
            (
                "spec: {route: {requireAddress: false}}",
                "True Succeeded: shop.test is routed at 192.0.2.1",
            ),
            (
                "ingress: null, spec: {route: {requireAddress: false}}",
                "False NotAccepted: the Ingress controller has published no address for the Ingress yet",
            ),
            (
                "spec: {route: {kind: None}}",
                "True Disabled: the spec asks for no route",
            ),
            (
                "class: missing",
                "False ControllerMissing: the cluster has no default IngressClass, and none is named",
            ),
            (
                "class: missing nginx",
                "False IngressClassNotFound: there is no IngressClass nginx",
            ),
            (
                "class: traefik.io/ingress-controller",
                "True Succeeded: shop.test is routed at 192.0.2.1",
            ),
            (
                "claims: [{namespace: b, name: other, routed: true}]",
                "False HostTaken: shop.test is the domain of environment b/other",
            ),
            (
                "claims: [{namespace: apps, name: other, created: -20000}, {namespace: apps, name: shop, created: -10000}]",
                "False HostTaken: shop.test is the domain of environment apps/other",
            ),
            (
                "claims: [{namespace: b, name: shop, created: -20000}]",
                "False HostTaken: shop.test is the domain of environment b/shop",
            ),
            (
                "claims: [{namespace: b, name: other, routed: true}], unreadable: [c]",
                "False HostTaken: shop.test is the domain of environment b/other",
            ),
            (
                "unreadable: [c]",
                "True Succeeded: shop.test is routed at 192.0.2.1",
            ),
            (
                "ingress: null, unreadable: [c]",
                "Unknown Unreadable: whether shop.test is the domain of another environment is not known: namespace c cannot be read (list Secret c: Forbidden (403))",
            ),
            (
                "claims: [{namespace: apps, name: other, created: -5}, {namespace: apps, name: shop, created: -10000}]",
                "True Succeeded: shop.test is routed at 192.0.2.1",
            ),
            (
                "claims: [{namespace: b, name: shop, routed: true, otherTenant: true}]",
                "False HostTaken: shop.test is the domain of another environment",
            ),
            (
                "tenants: [{name: acme, namespaces: [apps], domains: [acme.com, '*.acme.com']}], class: missing",
                "False HostNotAllowed: shop.test is not among the domains of this namespace's tenant, which are acme.com, *.acme.com",
            ),
            (
                "tenants: [{name: other, namespaces: [b], domains: [shop.test]}]",
                "False HostNotAllowed: shop.test is reserved for another tenant",
            ),
            (
                "refusedByLimit: 3",
                "False TooManyEnvironments: the tenant of this namespace may have 3 environments, and as many older ones exist; nothing was created",
            ),
            (
                "foreign: [Service]",
                "False NameConflict: Service shop exists and was not made by this operator; nothing was changed",
            ),
        ],
    );
}

#[test]
fn https_forced() {
    let nginx = "False ControllerNeedsConfig: a request by http was answered with 200 instead of a redirect; ingress-nginx redirects by its ConfigMap: force-ssl-redirect: \"true\"";
    check(
        T::HttpsForced,
        &[
            (
                "",
                "True Succeeded: a request by http was redirected to https",
            ),
            (
                "https: null",
                "Unknown NotMeasured: no address is published yet to send a request to",
            ),
            (
                "https: 0",
                "Unknown NotMeasured: no answer to a request by http at the published address",
            ),
            (
                "https: 200, class: traefik.io/ingress-controller",
                "False ControllerNeedsConfig: a request by http was answered with 200 instead of a redirect; Traefik redirects at its entry point: entryPoints.web.http.redirections.entryPoint.to=websecure",
            ),
            ("https: 200, class: k8s.io/ingress-nginx", nginx),
            (
                "https: 404",
                "False ControllerNeedsConfig: a request by http was answered with 404 instead of a redirect; see its documentation for redirecting http to https",
            ),
            (
                "https: 200, class: example.com/traefik",
                "False ControllerNeedsConfig: a request by http was answered with 200 instead of a redirect; see its documentation for redirecting http to https",
            ),
            ("spec: {tls: {forceHttps: false}}", "-"),
            ("spec: {tls: {forceHttps: null}}", "-"),
            (
                "spec: {tls: {forceHttps: null, mode: SelfSigned}}",
                "True Succeeded: a request by http was redirected to https",
            ),
            ("spec: {route: {kind: None}}", "-"),
        ],
    );
}
