//! Document ids (`_id`) that are derived from content. Of concurrent inserts with the same content, only one succeeds.

use bson::oid::ObjectId;
use sha2::{Digest, Sha256};

/// Returns an id made of the first 12 bytes of the SHA-256 hash of `parts`, joined with zero bytes. Only the last part
/// may contain a zero byte. Otherwise different lists of the same length could result in the same id.
pub fn derived(parts: &[&str]) -> ObjectId {
    let hash: [u8; 32] = Sha256::digest(parts.join("\0").as_bytes()).into();
    let mut id = [0; 12];
    for (to, from) in id.iter_mut().zip(hash) {
        *to = from;
    }
    ObjectId::from_bytes(id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_same_parts_are_the_same_id_and_others_another() {
        assert_eq!(derived(&["a", "b"]), derived(&["a", "b"]));
        assert_ne!(derived(&["a", "b"]), derived(&["ab"]));
        // The first 12 bytes of SHA-256 of "abc" (FIPS 180-2, B.1).
        assert_eq!(derived(&["abc"]).to_hex(), "ba7816bf8f01cfea414140de");
    }

    fn check(parts: &[&str]) {
        let id = derived(parts);
        assert_eq!(id, derived(parts));
        assert_ne!(id, derived(&[parts, &[""]].concat()), "{parts:?}");
        if parts.len() > 1 {
            assert_ne!(id, derived(&[&parts.concat()]), "{parts:?}");
        }
    }

    #[test]
    fn odd_parts() {
        let parts: [&[&str]; 4] = [&["", ""], &["vendor", "a", "b"], &["ab", "c"], &["64b7"]];
        parts.into_iter().for_each(check);
    }

    proptest! {
        #[test]
        fn other_parts_are_another_id(parts in prop::collection::vec("[^\0]{0,8}", 1..5)) {
            check(&parts.iter().map(String::as_str).collect::<Vec<_>>());
        }
    }
}
