//! Reading of numbers, which shells, drivers and the old server stored in different BSON types.

use bson::Bson;
use num_traits::ToPrimitive;

/// An integer, or a double rounded to the nearest integer (halves to even). `None` for other types, including
/// Decimal128.
pub(super) fn number(value: Option<&Bson>) -> Option<i64> {
    match value? {
        Bson::Int32(n) => Some(i64::from(*n)),
        Bson::Int64(n) => Some(*n),
        // mongoose writes whole numbers as integers, but MongoDB shells write doubles.
        Bson::Double(n) => n.round_ties_even().to_i64(),
        _ => None,
    }
}
