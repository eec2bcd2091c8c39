//! Helper for serde attributes of the API types.

/// Predicate for `skip_serializing_if`. A value equal to its default is not serialized, so that an absent field and a
/// field with its default have the same hash and no diff.
pub(crate) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}
