//! Helper function for serde attributes of the API types.

/// Returns true for the default value, for use in `skip_serializing_if`. Default values are not serialized, so that an
/// absent field and an explicit default have the same hash and no diff.
pub(crate) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}
