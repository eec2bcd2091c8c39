//! Query strings.

use axum::extract::Query;

/// Decoded key-value pairs of a query string, in order; a repeated key is there repeatedly.
pub type Pairs = Query<Vec<(String, String)>>;
