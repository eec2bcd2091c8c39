//! Helper of serde's attributes on the types of this API.

/// Predicate for `skip_serializing_if`: a value equal to its default is not written, so that an absent field and
/// an empty one hash and diff alike.
pub(crate) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}
