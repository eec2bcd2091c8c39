//! Conversion of lead queries to MongoDB filters. User input is only used as values, never as operators.

use bson::{Bson, DateTime, Document, doc};

use crate::domain::leads::phone;
use crate::domain::leads::query::{LeadFilter, LeadQuery, MAX_RESULTS};
use crate::domain::tenant::Scope;

/// Text fields that are searched in addition to the phone number.
const SEARCHED: [&str; 4] = ["name", "firstName", "lastName", "email"];

/// Minimum number of digits for a search by phone number. Fewer digits would match almost every number.
const MIN_DIGITS: usize = 3;

/// Returns the number of leads to skip and the maximum number of leads to return.
pub(super) fn window(query: &LeadQuery) -> (u64, i64) {
    if query.all {
        return (0, i64::from(MAX_RESULTS));
    }
    let skip = u64::from(query.page.saturating_sub(1)) * u64::from(query.limit);
    (skip, i64::from(query.limit))
}

/// Returns the sort order. `_id` is the last sort key. Without it, leads with equal values could appear on two pages or
/// on none.
pub(super) fn order(query: &LeadQuery) -> Document {
    let direction = if query.ascending { 1 } else { -1 };
    doc! { query.sort_by: direction, "_id": direction }
}

/// Returns the MongoDB filter: the condition of the scope combined with all conditions of the query. The query cannot
/// remove the condition of the scope.
pub(super) fn of(scope: Scope, filter: &LeadFilter) -> Document {
    let mut parts = vec![scope.readable()];
    if let Some(search) = &filter.search {
        parts.push(searched(search));
    }
    for (field, values) in [("state", &filter.states), ("source", &filter.sources)] {
        if !values.is_empty() {
            parts.push(doc! { field: { "$in": values } });
        }
    }
    if filter.no_disposition || !filter.dispositions.is_empty() {
        let mut values: Vec<Bson> = filter.dispositions.iter().map(Bson::from).collect();
        if filter.no_disposition {
            // `null` also matches documents without the field.
            values.extend([Bson::Null, Bson::from("")]);
        }
        parts.push(doc! { "disposition": { "$in": values } });
    }
    let mut created = Document::new();
    for (operator, moment) in [
        ("$gte", filter.created_from_ms),
        ("$lte", filter.created_to_ms),
    ] {
        if let Some(ms) = moment {
            created.insert(operator, DateTime::from_millis(ms));
        }
    }
    if !created.is_empty() {
        parts.push(doc! { "createdAt": created });
    }
    doc! { "$and": parts }
}

fn searched(text: &str) -> Document {
    let literal = regex::escape(text);
    let mut any: Vec<Document> = SEARCHED
        .iter()
        .map(|field| doc! { *field: { "$regex": &literal, "$options": "i" } })
        .collect();
    any.push(doc! { "phone": { "$regex": &literal, "$options": "i" } });
    let digits = phone::digits(text);
    let looks_like_a_phone = !text.chars().any(char::is_alphabetic);
    if looks_like_a_phone && digits.len() >= MIN_DIGITS {
        any.push(doc! { "phone": { "$regex": phone::pattern(&digits) } });
    }
    doc! { "$or": any }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bson::oid::ObjectId;

    fn parts(filter: &LeadFilter) -> Vec<Bson> {
        let made = of(Scope::Own(ObjectId::new()), filter);
        made.get_array("$and").unwrap().clone()
    }

    #[test]
    fn the_tenant_always_stands_beside_the_rest() {
        let user = ObjectId::new();
        let filter = LeadFilter {
            search: Some("x".to_owned()),
            no_disposition: true,
            ..LeadFilter::default()
        };
        let made = of(Scope::Own(user), &filter);
        let parts = made.get_array("$and").unwrap();
        assert_eq!(parts[0], Bson::from(doc! { "tenantId": user }));
        assert_eq!(parts.len(), 3);
        assert_eq!(
            parts[2],
            Bson::from(doc! { "disposition": { "$in": [Bson::Null, ""] } })
        );
    }

    #[test]
    fn a_search_is_literal_and_finds_a_phone_by_its_digits() {
        let any = searched(".*(");
        let any = any.get_array("$or").unwrap();
        assert_eq!(any.len(), 5);
        let first = any[0].as_document().unwrap().get_document("name").unwrap();
        assert_eq!(first.get_str("$regex"), Ok(r"\.\*\("));
        let by_digits = searched("(555) 01");
        let last = by_digits.get_array("$or").unwrap().last().unwrap().clone();
        let pattern = last.as_document().unwrap().get_document("phone").unwrap();
        let pattern = regex::Regex::new(pattern.get_str("$regex").unwrap()).unwrap();
        assert!(pattern.is_match("555-012-3456") && !pattern.is_match("(550) 123-4567"));
        assert_eq!(searched("route 66").get_array("$or").unwrap().len(), 5);
    }

    #[test]
    fn dates_and_lists_are_values() {
        let filter = LeadFilter {
            states: vec!["TX".to_owned(), "$ne".to_owned()],
            created_from_ms: Some(1),
            created_to_ms: Some(2),
            ..LeadFilter::default()
        };
        let parts = parts(&filter);
        assert_eq!(
            parts[1],
            Bson::from(doc! { "state": { "$in": ["TX", "$ne"] } })
        );
        let bounds = doc! { "$gte": DateTime::from_millis(1), "$lte": DateTime::from_millis(2) };
        assert_eq!(parts[2], Bson::from(doc! { "createdAt": bounds }));
    }
}
