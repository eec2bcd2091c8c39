use crokodial_crds::SecretKeyRef;
use crokodial_crds::condition::ConditionStatus;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::*;
use crate::environment::model::annotations::GENERATION;

const URI: &str = "mongodb://rep:s3cret@db.test:27017/shop";

fn secret(entries: &[(&str, &str)]) -> Secret {
    let data = entries
        .iter()
        .map(|(k, v)| ((*k).to_owned(), ByteString(v.as_bytes().to_vec())))
        .collect();
    Secret {
        data: Some(data),
        ..Secret::default()
    }
}

fn spec(key: Option<&str>, database: Option<&str>) -> MongoSpec {
    MongoSpec {
        uri_secret_ref: SecretKeyRef {
            name: "mongo".to_owned(),
            key: key.map(str::to_owned),
        },
        database: database.map(str::to_owned),
        ..MongoSpec::default()
    }
}

/// Plans the active copy of the Mongo URI with checks off.
fn mongo(spec: &MongoSpec, secret: Option<&Secret>, live: Option<&Secret>) -> Active {
    let owner = crate::environment::model::owner::Owner {
        name: "staging".parse().unwrap(),
        namespace: "a".to_owned(),
        uid: "u".to_owned(),
        created: None,
    };
    let key = crate::fingerprint::Key::new(b"k");
    let candidate = candidate(spec, secret, live);
    let known = crate::environment::credential_check::plan::Known {
        spec,
        jobs: Ok(()),
        off: true,
        candidate: candidate.as_ref(),
        live,
        rolled: &crate::environment::pod_secret::RolledContent::default(),
        proven: &crate::environment::proven::Proven::default(),
        role: crokodial_crds::PreflightRole::ReadWrite,
        attempts: &[],
        isolation: &super::super::isolation::Isolation::new(
            &owner,
            crokodial_crds::Stage::Staging,
            key,
            Vec::new(),
        ),
        recheck: None,
        suspected: None,
        now: jiff::Timestamp::UNIX_EPOCH,
    };
    crate::environment::credential_check::plan::plan(known).active
}

fn copy(uri: &str, generation: i64) -> Secret {
    Secret {
        metadata: ObjectMeta {
            annotations: Some(BTreeMap::from([(
                GENERATION.to_owned(),
                generation.to_string(),
            )])),
            ..ObjectMeta::default()
        },
        ..secret(&[(MONGO_KEY, uri)])
    }
}

fn uri_for_pods(active: &Active) -> String {
    String::from_utf8(active.advance.clone().unwrap()[MONGO_KEY].0.clone()).unwrap()
}

#[test]
fn a_usable_uri_is_copied_once_and_counted_when_it_changes() {
    let given = secret(&[("MONGODB_URI", URI)]);
    let first = mongo(&spec(None, None), Some(&given), None);
    assert_eq!(
        (first.generation, first.usable, first.database.as_deref()),
        (1, true, Some("shop"))
    );
    assert_eq!(
        first.finding.status,
        ConditionStatus::Unknown,
        "nobody proved it yet"
    );
    let same = mongo(&spec(None, None), Some(&given), Some(&copy(URI, 4)));
    assert_eq!(same.generation, 4);
    let changed = mongo(
        &spec(None, None),
        Some(&given),
        Some(&copy("mongodb://rep:old@db.test/shop", 4)),
    );
    assert_eq!(changed.generation, 5);
}

#[test]
fn a_bad_edit_is_named_and_leaves_the_copy_as_it_is() {
    let cases: [(Option<Secret>, Reason); 4] = [
        (None, Reason::SecretNotFound),
        (Some(secret(&[("OTHER", URI)])), Reason::KeyNotFound),
        (
            Some(secret(&[("MONGODB_URI", "https://db.test/shop")])),
            Reason::BadUri,
        ),
        (
            Some(secret(&[("MONGODB_URI", "mongodb://rep:s3cret@db.test")])),
            Reason::BadUri,
        ),
    ];
    for (given, reason) in cases {
        let active = mongo(&spec(None, None), given.as_ref(), Some(&copy(URI, 4)));
        assert_eq!(
            (active.finding.reason, active.generation, active.usable),
            (reason, 4, true)
        );
        assert_eq!(active.advance, copy(URI, 4).data, "it stays as it is");
        assert!(
            !active.finding.message().contains("s3cret"),
            "{}",
            active.finding.message()
        );
    }
}

#[test]
fn keys_of_the_atlas_operator_are_found_unless_a_key_is_named() {
    let given = secret(&[("connectionStringStandard", URI)]);
    assert!(mongo(&spec(None, None), Some(&given), None).usable);
    let named = mongo(&spec(Some("MONGODB_URI"), None), Some(&given), None);
    assert_eq!(named.finding.reason, Reason::KeyNotFound);
}

#[test]
fn a_database_from_the_spec_goes_into_the_path_and_the_login_stays_where_it_was() {
    let cases = [
        (
            "mongodb://rep:s3cret@db.test:27017",
            "mongodb://rep:s3cret@db.test:27017/shop?authSource=admin",
        ),
        (
            "mongodb://rep:s3cret@db.test/?tls=true",
            "mongodb://rep:s3cret@db.test/shop?tls=true&authSource=admin",
        ),
        (
            "mongodb://rep:s3cret@db.test/?authSource=users",
            "mongodb://rep:s3cret@db.test/shop?authSource=users",
        ),
        (
            "mongodb://rep:s3cret@db.test/?authMechanism=SCRAM-SHA-256&directConnection=true",
            "mongodb://rep:s3cret@db.test/shop?authMechanism=SCRAM-SHA-256&directConnection=true&authSource=admin",
        ),
        (
            "mongodb://rep:s3cret@db.test/?appName=authSource%3D&AUTHMECHANISM=PLAIN",
            "mongodb://rep:s3cret@db.test/shop?appName=authSource%3D&AUTHMECHANISM=PLAIN&authSource=$external",
        ),
        (
            "mongodb://rep@db.test/?authMechanism=MONGODB-X509&tls=true",
            "mongodb://rep@db.test/shop?authMechanism=MONGODB-X509&tls=true",
        ),
        ("mongodb://db.test", "mongodb://db.test/shop"),
        (URI, URI),
    ];
    for (given, wanted) in cases {
        let active = mongo(
            &spec(None, Some("shop")),
            Some(&secret(&[("MONGODB_URI", given)])),
            None,
        );
        assert_eq!(uri_for_pods(&active), wanted);
    }
    // What an earlier version put into use stays, unless the user's URI changes.
    let given = "mongodb://rep:s3cret@db.test/?authMechanism=SCRAM-SHA-1";
    let old = "mongodb://rep:s3cret@db.test/shop?authMechanism=SCRAM-SHA-1";
    let kept = |given: &str| {
        let given = secret(&[("MONGODB_URI", given)]);
        let live = copy(old, 4);
        uri_for_pods(&mongo(&spec(None, Some("shop")), Some(&given), Some(&live)))
    };
    assert_eq!(kept(given), old);
    let explicit = "mongodb://rep:s3cret@db.test/?authMechanism=SCRAM-SHA-1&authSource=admin";
    assert_eq!(kept(explicit), explicit.replace("/?", "/shop?"));
    let other = mongo(
        &spec(None, Some("other")),
        Some(&secret(&[("MONGODB_URI", URI)])),
        None,
    );
    assert_eq!(other.finding.reason, Reason::BadUri);
}

#[test]
fn secrets_that_are_not_for_apps_are_refused() {
    let token = Secret {
        type_: Some("kubernetes.io/service-account-token".to_owned()),
        ..secret(&[("MONGODB_URI", URI)])
    };
    assert_eq!(
        mongo(&spec(None, None), Some(&token), None).finding.reason,
        Reason::SecretNotAllowed
    );
    let mut ours = secret(&[("MONGODB_URI", URI)]);
    ours.metadata.labels = Some(BTreeMap::from([(
        LABEL_MANAGED_BY.to_owned(),
        MANAGED_BY.to_owned(),
    )]));
    assert_eq!(
        mongo(&spec(None, None), Some(&ours), None).finding.reason,
        Reason::SecretNotAllowed
    );
}

#[test]
fn nothing_secret_is_printed() {
    let active = mongo(
        &spec(None, None),
        Some(&secret(&[("MONGODB_URI", URI)])),
        None,
    );
    assert!(!format!("{active:?}").contains("s3cret"));
}
