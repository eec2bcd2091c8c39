//! Extractor for query strings.

use axum::extract::Query;

/// Extractor of the decoded key-value pairs of a query string, in order. A repeated key yields several pairs.
pub type Pairs = Query<Vec<(String, String)>>;
