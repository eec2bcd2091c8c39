use super::*;
use proptest::prelude::*;

fn full(text: &str) -> String {
    text.parse::<ImageRef>()
        .unwrap_or_else(|e| panic!("{text}: {e}"))
        .to_string()
}

#[test]
fn references_are_read_by_dockers_rules() {
    let digest = format!("sha256:{}", "ab".repeat(32));
    for (text, expected) in [
        ("nginx", "docker.io/library/nginx".to_owned()),
        ("nginx:1.27", "docker.io/library/nginx:1.27".to_owned()),
        (
            "crokodial/dialer:1",
            "docker.io/crokodial/dialer:1".to_owned(),
        ),
        ("index.docker.io/a/b", "docker.io/a/b".to_owned()),
        ("docker.io/nginx", "docker.io/library/nginx".to_owned()),
        ("localhost/a:b", "localhost/a:b".to_owned()),
        ("localhost:5000/a", "localhost:5000/a".to_owned()),
        (
            "registry.example.com:5000/a/b/c:v1.2-3_4",
            "registry.example.com:5000/a/b/c:v1.2-3_4".to_owned(),
        ),
        ("host:5000", "docker.io/library/host:5000".to_owned()),
        (
            &format!("ghcr.io/a/b:1@{digest}"),
            format!("ghcr.io/a/b:1@{digest}"),
        ),
        (
            &format!("ghcr.io/a/b@{digest}"),
            format!("ghcr.io/a/b@{digest}"),
        ),
        ("a__b/c.d-e--f", "docker.io/a__b/c.d-e--f".to_owned()),
    ] {
        assert_eq!(full(text), expected, "{text}");
    }
}

#[test]
fn bad_references_say_which_part_is_wrong() {
    for (text, error) in [
        ("", ImageError::Name),
        ("Nginx", ImageError::Name),
        ("a//b", ImageError::Name),
        ("https://ghcr.io/a/b", ImageError::Registry),
        ("ghcr.io/", ImageError::Name),
        ("a/b c", ImageError::Name),
        ("a___b", ImageError::Name),
        ("a..b", ImageError::Name),
        ("-a", ImageError::Name),
        ("a:", ImageError::Tag),
        ("a:.x", ImageError::Tag),
        ("a:x y", ImageError::Tag),
        ("a@sha256:1", ImageError::Digest),
        ("a@b@c", ImageError::Digest),
        ("host:70000/a", ImageError::Registry),
        ("host:0/a", ImageError::Registry),
        ("ho_st.x/a", ImageError::Registry),
    ] {
        assert_eq!(text.parse::<ImageRef>(), Err(error), "{text}");
    }
}

#[test]
fn what_a_pod_runs_is_the_digest_alone() {
    let digest: Digest = format!("sha256:{}", "0".repeat(64)).parse().unwrap();
    let image: ImageRef = "ghcr.io/a/b:1".parse().unwrap();
    assert_eq!(
        image.at(digest.clone()).to_string(),
        format!("ghcr.io/a/b@{digest}")
    );
    assert_eq!(
        "ghcr.io/a/b".parse::<ImageRef>().unwrap().tag_or_latest(),
        "latest"
    );
}

proptest! {
    #[test]
    fn a_full_reference_reads_back_as_itself(
        host in "(([a-z][a-z0-9]{0,5}[.]){1,2}[a-z]{2}(:[1-9][0-9]{0,3})?/)?", path in "[a-z0-9]{1,5}([_-][a-z0-9]{1,5}){0,2}(/[a-z0-9]{1,5}[.][a-z0-9]{1,5}){0,2}",
        tag in "(:[A-Za-z0-9_][A-Za-z0-9_.-]{0,8})?", digest in "(@sha256:[a-f0-9]{64})?",
    ) {
        let read: ImageRef = format!("{host}{path}{tag}{digest}").parse().unwrap();
        prop_assert_eq!(read.to_string().parse::<ImageRef>().unwrap(), read);
    }

    #[test]
    fn no_text_panics(text in "\\PC{0,60}") {
        let _ = text.parse::<ImageRef>();
    }
}
