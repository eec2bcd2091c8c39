//! Reading of integers from BSON. Shells, drivers and the legacy server stored integers in different BSON types.

use bson::Bson;
use num_traits::ToPrimitive;

/// Converts a BSON number to an integer. Doubles are rounded to the nearest integer, halves to even. Returns `None` for
/// doubles that do not fit, and for all other types, including Decimal128.
pub(super) fn number(value: Option<&Bson>) -> Option<i64> {
    match value? {
        Bson::Int32(n) => Some(i64::from(*n)),
        Bson::Int64(n) => Some(*n),
        // mongoose writes whole numbers as integers, but MongoDB shells write doubles.
        Bson::Double(n) => n.round_ties_even().to_i64(),
        _ => None,
    }
}
