//! Statistics of leads. They are computed in the application and not by the database, so that all MongoDB-compatible
//! servers produce the same result.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::domain::to_json::text;

/// Fields of a lead whose values are counted.
pub const FIELDS: [&str; 8] = [
    "state",
    "disposition",
    "source",
    "price",
    "sourceHash",
    "campaignName",
    "sourceCode",
    "city",
];

/// Maximum length of each list in `filterOptions`: the states, the dispositions and the sources.
const MAX_OPTIONS: usize = 100;
/// Maximum length of each list in `breakdowns`, such as the prices.
const MAX_SHOWN: usize = 50;

/// Maximum number of distinct values that are counted per field, to limit memory. Further values are ignored. Real data
/// has far fewer.
const MAX_VALUES: usize = 20_000;

/// Number of leads, and how often each value occurred in each field of [`FIELDS`].
#[derive(Debug, Default)]
pub struct LeadStats {
    leads: u64,
    values: BTreeMap<&'static str, BTreeMap<String, u64>>,
}

impl LeadStats {
    /// Adds a lead to the statistics. Only [`FIELDS`] are read.
    pub fn add(&mut self, lead: &Map<String, Value>) {
        self.leads = self.leads.saturating_add(1);
        for field in FIELDS {
            let value = text(lead, field);
            if value.is_empty() {
                continue;
            }
            let counts = self.values.entry(field).or_default();
            if counts.len() < MAX_VALUES || counts.contains_key(&value) {
                let count = counts.entry(value).or_default();
                *count = count.saturating_add(1);
            }
        }
    }

    /// Returns the values of state, disposition and source that occurred, in alphabetical order and at most 100 of
    /// each. Clients offer them as list filters.
    pub fn options(&self) -> Value {
        json!({
            "states": self.names("state"),
            "dispositions": self.names("disposition"),
            "sources": self.names("source"),
        })
    }

    /// Returns the field `data` of the response of `/api/leads/stats`.
    pub fn data(&self) -> Value {
        json!({
            "totalLeads": self.leads,
            "filterOptions": self.options(),
            "breakdowns": {
                "prices": self.most("price"),
                "sourceHashes": self.most("sourceHash"),
                "campaigns": self.most("campaignName"),
                "sourceCodes": self.most("sourceCode"),
                "cities": self.most("city"),
            },
            "counts": {
                "uniqueStates": self.different("state"),
                "uniqueDispositions": self.different("disposition"),
                "uniqueSources": self.different("source"),
                "uniquePrices": self.different("price"),
                "uniqueCampaigns": self.different("campaignName"),
                "uniqueSourceCodes": self.different("sourceCode"),
                "uniqueCities": self.different("city"),
            },
        })
    }

    fn names(&self, field: &str) -> Vec<&str> {
        let counts = self.values.get(field).into_iter().flatten();
        counts
            .map(|(value, _)| value.as_str())
            .take(MAX_OPTIONS)
            .collect()
    }

    /// Returns the most frequent values of a field as `{_id, count}`, the most frequent first.
    fn most(&self, field: &str) -> Vec<Value> {
        let mut counts: Vec<(&String, &u64)> =
            self.values.get(field).into_iter().flatten().collect();
        counts.sort_by(|a, b| b.1.cmp(a.1).then_with(|| a.0.cmp(b.0)));
        let shown = counts.into_iter().take(MAX_SHOWN);
        shown
            .map(|(value, count)| json!({ "_id": value, "count": count }))
            .collect()
    }

    fn different(&self, field: &str) -> usize {
        self.values.get(field).map_or(0, BTreeMap::len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stats(leads: &[Value]) -> LeadStats {
        let mut stats = LeadStats::default();
        for lead in leads {
            stats.add(lead.as_object().unwrap());
        }
        stats
    }

    #[test]
    fn values_are_counted_whatever_type_the_old_servers_gave_them() {
        let data = stats(&[
            json!({ "state": "TX", "price": 12, "disposition": null }),
            json!({ "state": "TX", "price": "12", "city": "Reno" }),
            json!({ "state": "FL", "price": { "x": 1 } }),
        ])
        .data();
        assert_eq!(data["totalLeads"], 3);
        assert_eq!(data["filterOptions"]["states"], json!(["FL", "TX"]));
        assert_eq!(
            data["breakdowns"]["prices"],
            json!([{ "_id": "12", "count": 2 }])
        );
        assert_eq!(data["counts"]["uniqueStates"], 2);
        assert_eq!(data["counts"]["uniqueDispositions"], 0);
    }

    #[test]
    fn lists_are_bounded() {
        let leads: Vec<Value> = (0..300).map(|n| json!({ "state": n, "city": n })).collect();
        let data = stats(&leads).data();
        assert_eq!(
            data["filterOptions"]["states"].as_array().unwrap().len(),
            100
        );
        assert_eq!(data["breakdowns"]["cities"].as_array().unwrap().len(), 50);
        assert_eq!(data["counts"]["uniqueCities"], 300);
    }
}
