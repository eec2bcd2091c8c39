//! Access to query strings.

use axum::extract::Query;

/// Decoded key-value pairs of a query string, in order. A repeated key results in several pairs.
pub type Pairs = Query<Vec<(String, String)>>;
