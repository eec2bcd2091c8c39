use super::*;
use proptest::prelude::*;

fn secret(seed: u8) -> String {
    let bytes: Vec<u8> = (0..32_u8).map(|n| n.wrapping_mul(7) ^ seed).collect();
    STANDARD.encode(bytes)
}

fn ring(ids: &[(&str, u8)]) -> KeyRing {
    let items: Vec<String> = ids
        .iter()
        .map(|(id, seed)| format!("{id}:{}", secret(*seed)))
        .collect();
    KeyRing::parse(&items.join(",")).unwrap()
}

fn context(user: [u8; 12]) -> SealContext {
    SealContext {
        purpose: "test",
        user: ObjectId::from_bytes(user),
    }
}

#[test]
fn lists_that_are_no_key_ring_are_refused_without_showing_them() {
    let good = secret(1);
    let zeros = STANDARD.encode([0_u8; 32]);
    for bad in [
        "".to_owned(),
        " , ".to_owned(),
        good.clone(),
        format!("a b:{good}"),
        format!(":{good}"),
        format!("{}:{good}", "x".repeat(33)),
        "k1:notbase64!".to_owned(),
        "k1:c2hvcnQ=".to_owned(),
        format!("k1:{zeros}"),
        format!("k1:{good},k1:{}", secret(2)),
        format!("k1:{good},k2:{good}"),
        (0..9_u8)
            .map(|n| format!("k{n}:{}", secret(n)))
            .collect::<Vec<_>>()
            .join(","),
    ] {
        let error = KeyRing::parse(&bad).unwrap_err();
        for shown in [good.as_str(), "notbase64", "c2hvcnQ"] {
            assert!(!error.contains(shown), "{error}");
        }
    }
    let two = ring(&[("new", 1), ("old", 2)]);
    assert_eq!(format!("{two:?}"), r#"["new", "old"]"#);
    assert_eq!((two.first_id(), two.other_ids()), ("new", vec!["old"]));
}

#[test]
fn a_key_that_is_not_there_is_named() {
    let text = ring(&[("k1", 1)]).seal(context([1; 12]), "x").unwrap();
    assert_eq!(key_id(&text), Some("k1"));
    let error = ring(&[("k2", 1)])
        .open(context([1; 12]), &text)
        .unwrap_err();
    assert_eq!(error, UnsealError::UnknownKey("k1".to_owned()));
    assert!(error.to_string().contains("the key k1"), "{error}");
}

#[test]
fn a_new_first_key_opens_and_finds_what_the_old_one_sealed() {
    let (old, both) = (ring(&[("k1", 1)]), ring(&[("k2", 2), ("k1", 1)]));
    let text = old.seal(context([1; 12]), "secret").unwrap();
    assert_eq!(both.open(context([1; 12]), &text).as_deref(), Ok("secret"));
    let before = old.look_ups("pair", &["sid", "key"]);
    let after = both.look_ups("pair", &["sid", "key"]);
    assert_eq!(before.first(), after.get(1));
    assert_ne!(before.first(), after.first());
    let again = both.seal(context([1; 12]), "secret").unwrap();
    assert_eq!(key_id(&again), Some("k2"));
}

#[test]
fn another_purpose_is_another_secret() {
    let ring = ring(&[("k1", 1)]);
    let user = ObjectId::from_bytes([1; 12]);
    let (one, two) = (
        SealContext { purpose: "a", user },
        SealContext { purpose: "b", user },
    );
    let text = ring.seal(one, "x").unwrap();
    assert_eq!(ring.open(two, &text), Err(UnsealError::Refused));
    assert_ne!(ring.look_ups("a", &["x"]), ring.look_ups("b", &["x"]));
    assert_ne!(ring.look_ups("a", &["x", "y"]), ring.look_ups("a", &["xy"]));
}

proptest! {
    #[test]
    fn what_was_sealed_opens_and_does_not_show(plain in ".{0,200}", user: [u8; 12]) {
        let ring = ring(&[("k1", 1)]);
        let text = ring.seal(context(user), &plain).unwrap();
        prop_assert!(is_sealed(&text) && (plain.len() < 8 || !text.contains(&plain)));
        prop_assert_ne!(&ring.seal(context(user), &plain).unwrap(), &text, "no nonce comes twice");
        prop_assert_eq!(ring.open(context(user), &text), Ok(plain));
    }

    #[test]
    fn another_user_or_another_key_of_the_same_id_opens_nothing(plain in ".{0,50}", a: [u8; 12], b: [u8; 12]) {
        prop_assume!(a != b);
        let text = ring(&[("k1", 1)]).seal(context(a), &plain).unwrap();
        prop_assert_eq!(ring(&[("k1", 1)]).open(context(b), &text), Err(UnsealError::Refused));
        prop_assert_eq!(ring(&[("k1", 9)]).open(context(a), &text), Err(UnsealError::Refused));
    }

    #[test]
    fn no_change_of_a_sealed_text_opens(plain in ".{0,50}", at: prop::sample::Index, to in "[A-Za-z0-9_.:-]") {
        let ring = ring(&[("k1", 1)]);
        let text = ring.seal(context([7; 12]), &plain).unwrap();
        let mut changed: Vec<String> = text.chars().map(String::from).collect();
        let at = at.index(changed.len());
        prop_assume!(changed[at] != to);
        changed[at] = to;
        prop_assert!(ring.open(context([7; 12]), &changed.concat()).is_err());
    }

    #[test]
    fn opening_anything_never_panics(text in ".{0,100}", tail in "[A-Za-z0-9_.-]{0,60}") {
        let ring = ring(&[("k1", 1)]);
        prop_assert!(ring.open(context([7; 12]), &text).is_err());
        let marked = format!("{MARK}k1.{tail}");
        prop_assert!(ring.open(context([7; 12]), &marked).is_err());
    }
}
