//! Tests of parsing pull secrets and of matching credentials to images.

use super::*;

fn one(key: &str) -> RegistryAuth {
    let json = serde_json::json!({"auths": {key: {"username": "u", "password": "p"}}});
    RegistryAuth::from_docker_config_json(json.to_string().as_bytes())
        .unwrap()
        .remove(0)
}

#[test]
fn keys_match_images_as_the_kubelet_matches_them() {
    let table = [
        (
            "https://index.docker.io/v1/",
            "docker.io",
            "library/nginx",
            true,
        ),
        ("docker.io", "docker.io", "acme/app", true),
        ("registry-1.docker.io", "index.docker.io", "acme/app", true),
        ("docker.io/acme", "docker.io", "acme/app", true),
        ("docker.io/acme", "docker.io", "acmecorp/app", false),
        ("ghcr.io", "docker.io", "acme/app", false),
        ("ghcr.io", "ghcr.io", "acme/app", true),
        ("https://ghcr.io/v2/", "ghcr.io", "acme/app", true),
        ("GHCR.io", "ghcr.io", "acme/app", true),
        ("ghcr.io/acme/app", "ghcr.io", "acme/app", true),
        ("ghcr.io/acme/app", "ghcr.io", "acme/application", false),
        ("r.example:5000", "r.example:5000", "app", true),
        ("r.example:5000", "r.example", "app", false),
        ("r.example:443", "r.example", "app", true),
        ("r.example", "r.example:5000", "app", true),
        ("*.example", "r.example", "app", true),
        ("*.example", "a.r.example", "app", false),
        ("r*y.example", "registry.example", "app", true),
        ("r*z.example", "registry.example", "app", false),
        (
            "*.dkr.ecr.*.amazonaws.com",
            "1.dkr.ecr.eu-west-1.amazonaws.com",
            "app",
            true,
        ),
    ];
    for (key, registry, repository, expected) in table {
        assert_eq!(
            one(key).matches(registry, repository),
            expected,
            "{key} for {registry}/{repository}"
        );
    }
}

#[test]
fn the_most_specific_credential_comes_first() {
    let auths = [
        one("*.example"),
        one("r.example/team/app"),
        one("r.example"),
        one("r.example/team"),
    ];
    let found = RegistryAuth::matching(&auths, "r.example", "team/app");
    let order: Vec<(&str, &str)> = found
        .iter()
        .map(|auth| (auth.host.as_str(), auth.path.as_str()))
        .collect();
    assert_eq!(
        order,
        [
            ("r.example", "team/app"),
            ("r.example", "team"),
            ("r.example", ""),
            ("*.example", "")
        ]
    );
}

#[test]
fn both_secret_forms_and_both_spellings_of_a_credential_are_read() {
    // The base64 text is "alice:s3:cret\0": a password with a colon, and Docker's NUL padding.
    let new = br#"{"auths":{"ghcr.io":{"auth":"YWxpY2U6czM6Y3JldAA="}},"credsStore":"x"}"#;
    let old = br#"{"ghcr.io":{"username":"alice","password":"s3:cret","email":"a@example"}}"#;
    let from_new = RegistryAuth::from_docker_config_json(new).unwrap();
    let from_old = RegistryAuth::from_dockercfg(old).unwrap();
    assert_eq!(from_new, from_old);
    assert_eq!(from_new[0].basic(), "Basic YWxpY2U6czM6Y3JldA==");
}

#[test]
fn entries_without_a_credential_are_left_out_and_broken_ones_are_named() {
    let empty = br#"{"auths":{"ghcr.io":{}}}"#;
    assert_eq!(RegistryAuth::from_docker_config_json(empty).unwrap(), []);
    for auth in ["!!!", "YWxpY2U=", "/w=="] {
        let json = format!(r#"{{"auths":{{"ghcr.io":{{"auth":"{auth}"}}}}}}"#);
        let error = RegistryAuth::from_docker_config_json(json.as_bytes()).unwrap_err();
        assert_eq!(error.reason(), "PullSecretBadEntry", "{auth}");
        assert!(
            error.to_string().contains("ghcr.io") && !error.to_string().contains(auth),
            "{error}"
        );
    }
    for bad in [&b""[..], b"[]", b"{}", b"\xff"] {
        assert_eq!(
            RegistryAuth::from_docker_config_json(bad).unwrap_err(),
            AuthError::NotDockerConfig
        );
    }
    let huge = vec![b' '; MAX_SECRET + 1];
    assert_eq!(
        RegistryAuth::from_dockercfg(&huge).unwrap_err(),
        AuthError::TooLarge
    );
}

#[test]
fn a_secret_is_read_by_its_key_and_a_useless_one_gives_nothing() {
    let secret = |key: &str, value: &str| Secret {
        data: Some(
            [(
                key.to_owned(),
                k8s_openapi::ByteString(value.as_bytes().to_vec()),
            )]
            .into(),
        ),
        ..Secret::default()
    };
    let entry = r#"{"ghcr.io":{"username":"alice","password":"p"}}"#;
    let old = registry_auth(&secret(".dockercfg", entry));
    let new = registry_auth(&secret(
        ".dockerconfigjson",
        &format!("{{\"auths\":{entry}}}"),
    ));
    assert_eq!((old.len(), &old), (1, &new));
    assert_eq!(registry_auth(&secret("other", entry)), []);
    assert_eq!(registry_auth(&secret(".dockerconfigjson", entry)), []);
    assert_eq!(registry_auth(&Secret::default()), []);
}

#[test]
fn debug_output_holds_no_credential() {
    let auth =
        RegistryAuth::from_dockercfg(br#"{"ghcr.io":{"username":"alice","password":"hunter2"}}"#)
            .unwrap();
    let text = format!("{auth:?}");
    assert!(
        text.contains("ghcr.io") && !text.contains("hunter2") && !text.contains("alice"),
        "{text}"
    );
}

#[test]
fn a_star_in_a_label_matches_any_number_of_characters() {
    for (glob, label, matches) in [
        ("*", "", true),
        ("*", "eu", true),
        ("eu-*", "eu-1", true),
        ("eu-*", "us-1", false),
        ("*-1", "eu-1", true),
        ("*-1", "eu-2", false),
        ("a*a", "a", false),
        ("a*a", "aa", true),
        ("a*b*c", "a-b-b-c", true),
        ("a*b*c", "a-c-b", false),
        ("*ab*ab", "abab", true),
        ("*ab*ab", "ab", false),
        ("**b**", "abc", true),
        ("plain", "plain", true),
        ("plain", "plai", false),
    ] {
        assert_eq!(label_matches(glob, label), matches, "{glob} {label}");
    }
}

/// A matcher that backtracks takes longer than the age of the universe for the first pattern, and one that recurses
/// overflows its stack with the second.
#[test]
fn a_pattern_of_many_stars_costs_no_more_than_its_length() {
    let label = "a".repeat(60);
    let backtracking = format!("{}b", "*a".repeat(30));
    assert!(!label_matches(&backtracking, &label));
    assert!(label_matches(&"*".repeat(100_000), &label));
}

proptest::proptest! {
    #[test]
    fn a_label_matches_as_every_split_of_it_says(glob in "[ab*]{0,6}", label in "[ab]{0,6}") {
        // The oracle tries every split, which is too slow for anything but short texts.
        fn tries_all(glob: &[u8], label: &[u8]) -> bool {
            match glob.split_first() {
                None => label.is_empty(),
                Some((b'*', rest)) => (0..=label.len()).any(|at| tries_all(rest, &label[at..])),
                Some((letter, rest)) => label.first() == Some(letter) && tries_all(rest, &label[1..]),
            }
        }
        proptest::prop_assert_eq!(label_matches(&glob, &label), tries_all(glob.as_bytes(), label.as_bytes()));
    }
}
