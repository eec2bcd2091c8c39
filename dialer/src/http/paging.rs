//! Paging of lists by the query parameters `page` (from 1) and `limit` (at most 100).

use serde_json::{Value, json};

use super::error::ApiError;

/// Maximum value of `page`.
const MAX_PAGE: u64 = 1_000_000;
/// Value of `limit` if the query does not set it.
const DEFAULT_LIMIT: u64 = 50;
/// Maximum value of `limit`.
const MAX_LIMIT: u64 = 100;

/// Page of a list that a client requested.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Paging {
    page: u64,
    limit: u64,
}

impl Paging {
    /// Parses `page` and `limit` from a query string. Other parameters are ignored.
    ///
    /// # Errors
    /// 400 that names the invalid parameter.
    pub fn of(pairs: &[(String, String)]) -> Result<Self, ApiError> {
        let read = |key: &str, usual: u64, most: u64| {
            let given = pairs.iter().find(|(k, v)| k == key && !v.is_empty());
            let Some((_, value)) = given else {
                return Ok(usual);
            };
            match value.parse() {
                Ok(number) if (1..=most).contains(&number) => Ok(number),
                _ => Err(ApiError::parameter(
                    key,
                    &format!("must be a whole number from 1 to {most}"),
                )),
            }
        };
        Ok(Self {
            page: read("page", 1, MAX_PAGE)?,
            limit: read("limit", DEFAULT_LIMIT, MAX_LIMIT)?,
        })
    }

    /// Returns the number of entries to skip and the maximum number of entries to return.
    pub fn window(self) -> (u64, i64) {
        let limit = i64::try_from(self.limit).unwrap_or(1);
        ((self.page - 1) * self.limit, limit)
    }

    /// Returns the response field `pagination`, which is `{total, page, pages, limit}`. `total` is the number of
    /// entries on all pages.
    pub fn shown(self, total: u64) -> Value {
        let pages = total.div_ceil(self.limit);
        json!({ "total": total, "page": self.page, "pages": pages, "limit": self.limit })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(query: &[(&str, &str)]) -> Result<Paging, String> {
        let pairs: Vec<(String, String)> = query
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .collect();
        Paging::of(&pairs).map_err(|e| e.field.unwrap_or_default())
    }

    #[test]
    fn pages() {
        assert_eq!(of(&[]).unwrap().window(), (0, 50));
        let third = of(&[("page", "3"), ("limit", "20"), ("x", "y")]).unwrap();
        assert_eq!(third.window(), (40, 20));
        assert_eq!(third.shown(41)["pages"], 3);
        assert_eq!(third.shown(0)["pages"], 0);
        for (key, value) in [
            ("page", "0"),
            ("page", "-1"),
            ("limit", "101"),
            ("limit", "1e2"),
        ] {
            assert_eq!(of(&[(key, value)]), Err(key.to_owned()), "{value}");
        }
    }

    fn check(query: &[(&str, &str)]) {
        let Ok(paging) = of(query) else {
            return;
        };
        let (skip, limit) = paging.window();
        let width = u64::try_from(limit).unwrap();
        assert!((1..=100).contains(&width), "{query:?}");
        assert!(skip.is_multiple_of(width) && skip / width < 1_000_000);
        let shown = paging.shown(skip + 1);
        let number = |field: &str| shown[field].as_u64().unwrap();
        assert_eq!((number("total"), number("limit")), (skip + 1, width));
        // A list of `skip + 1` entries ends on the requested page.
        assert_eq!(number("pages"), number("page"));
        let again = ["page", "limit"].map(|field| (field, number(field).to_string()));
        let again = again
            .each_ref()
            .map(|(field, value)| (*field, value.as_str()));
        assert_eq!(of(&again), Ok(paging));
    }

    #[test]
    fn odd_queries() {
        for query in [
            [("page", ""), ("limit", "")],
            [("page", "1000000"), ("limit", "100")],
            [("page", "+2"), ("limit", "")],
            [("page", "2"), ("limit", "25")],
            [("page", "1"), ("page", "2")],
            [("page", ""), ("limit", "101")],
        ] {
            check(&query);
        }
    }

    proptest! {
        #[test]
        fn a_page_that_is_accepted_is_within_its_bounds(page in "([0-9]{0,8}|\\PC{0,6})", limit in "([0-9]{0,4}|\\PC{0,6})") {
            check(&[("page", &page), ("limit", &limit)]);
        }
    }
}
