//! Merging of a vendor's message into a stored lead. A new lead is created by merging into an empty one.
//!
//! A merge never changes `status`, `disposition`, `assignedTo`, `order` or `notes` of a stored lead, because these
//! belong to the user. Fields about the person are only set if they are blank, so that corrections by the user are
//! kept. Fields about the purchase are replaced by the values of the latest message.

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::lead::{Field, VendorLead};
use super::price::{Cents, PriceParts};
use super::product::Product;
use crate::domain::to_json;

/// Changes that a message makes to a stored lead; empty if the lead already contains the message.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Merge {
    /// Names and new values of the fields to set.
    pub fields: Vec<(&'static str, Field)>,
    /// New price parts, if they or the stored total must be written; `None` if the price stays unchanged.
    pub price: Option<PriceParts>,
    /// New value of the lead's field `product`; `None` if it stays unchanged.
    pub product: Option<Product>,
    /// Purchase to add to the lead's purchase history; `None` if the product has already been purchased.
    pub purchase: Option<Purchase>,
}

/// Entry in the purchase history of a lead. The history has at most one entry per product.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Purchase {
    pub product: Product,
    pub price: Option<Cents>,
    /// Time of the purchase according to the vendor, or the time of receipt if the vendor did not send one.
    pub at: Timestamp,
}

impl Merge {
    /// Returns true if the message changes nothing.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Returns true if the message contains a new purchase, so that the user should be notified.
    pub fn is_news(&self) -> bool {
        self.purchase.is_some()
    }
}

/// Computes the changes that a message makes to a stored lead. `stored` is empty for a new lead. `now` is used as the
/// time of purchase if the message has none.
pub fn merge(stored: &Map<String, Value>, lead: &VendorLead, now: Timestamp) -> Merge {
    let mut merge = Merge::default();
    let blank = |field: &str| is_blank(stored.get(field));
    let mut contact: Vec<(&'static str, Field)> = Vec::new();
    // The two versions of the legacy server stored the id in different fields. Both are set, so that a query by either
    // finds the lead.
    for (field, value) in [
        (
            "leadId",
            lead.vendor_id.as_ref().map(|id| id.to_lowercase()),
        ),
        ("nextgenId", lead.vendor_id.clone()),
        ("phone", lead.phone.clone()),
        ("email", lead.email.clone()),
    ] {
        contact.extend(value.map(|value| (field, Field::Text(value))));
    }
    let person = contact.into_iter().chain(lead.person.iter().cloned());
    merge.fields.extend(person.filter(|(field, value)| {
        // Two values are no change: a false flag, which is the default of every lead, and a name that is stored already
        // but looks like a default.
        let there = matches!(value, Field::Text(text) if to_json::text(stored, field) == *text);
        blank(field) && !matches!(value, Field::Flag(false)) && !there
    }));
    let purchase = lead
        .purchase
        .iter()
        .filter(|(field, value)| to_json::text(stored, field) != *value);
    merge
        .fields
        .extend(purchase.map(|(field, value)| (*field, Field::Text(value.clone()))));

    let before = PriceParts::of(stored);
    let after = before.with(lead.product, lead.price);
    // A lead of a legacy server gets price parts with its first new price. In other leads the stored price can differ
    // from the sum of the parts, if a process ended between two writes; it is then corrected.
    let split = stored.contains_key("priceParts");
    let known = split || lead.price.is_some();
    if after != before || known && !(split && is_shown(stored.get("price"), after.sum())) {
        merge.price = Some(after);
    }
    let product = shown_product(stored, lead.product);
    if to_json::text(stored, "product") != product.name() {
        merge.product = Some(product);
    }
    if !is_on_record(stored, lead.product) {
        merge.purchase = Some(Purchase {
            product: lead.product,
            price: lead.price,
            at: lead.bought_at.unwrap_or(now),
        });
    }
    merge
}

/// Returns true if the stored price equals `sum`. The sum of several price parts may exceed the maximum that
/// [`Cents::of_json`] accepts, so it is also compared as a number.
fn is_shown(stored: Option<&Value>, sum: Cents) -> bool {
    let written = stored.and_then(Value::as_f64) == Some(sum.amount());
    written || stored.and_then(Cents::of_json) == Some(sum)
}

/// Returns the value for the field `product`: `data` if the data of the lead has been purchased at any time, otherwise
/// `ad`.
fn shown_product(stored: &Map<String, Value>, incoming: Product) -> Product {
    let known = to_json::text(stored, "product");
    if known.is_empty() {
        return incoming;
    }
    match (Product::of(&known), incoming) {
        (Product::Ad, Product::Ad) => Product::Ad,
        _ => Product::Data,
    }
}

/// Returns true if the purchase history of the lead contains the product. Leads of the legacy server have no history.
/// For these leads, the value of the field `product` counts as purchased.
fn is_on_record(stored: &Map<String, Value>, product: Product) -> bool {
    match stored.get("purchases") {
        Some(Value::Object(purchases)) => purchases.contains_key(product.name()),
        _ => !stored.is_empty() && Product::of(&to_json::text(stored, "product")) == product,
    }
}

/// Returns true if the value counts as blank: it is absent, null, empty, false, or a default name of the legacy schema.
fn is_blank(stored: Option<&Value>) -> bool {
    match stored {
        None | Some(Value::Null | Value::Bool(false)) => true,
        Some(Value::String(text)) => {
            let text = text.trim();
            text.is_empty() || ["Blank Lead", "NextGen Lead"].contains(&text)
        }
        Some(Value::Array(items)) => items.is_empty(),
        Some(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn now() -> Timestamp {
        Timestamp::from_second(1_800_000_000).unwrap()
    }

    fn lead(product: Product, price: &str) -> VendorLead {
        VendorLead {
            vendor_id: Some("V-1".to_owned()),
            phone: Some("5550123456".to_owned()),
            email: Some("ann@example.com".to_owned()),
            product,
            price: Cents::parse(price),
            bought_at: None,
            person: vec![
                ("city", Field::Text("Reno".to_owned())),
                ("military", Field::Flag(true)),
                ("pregnant", Field::Flag(false)),
            ],
            purchase: vec![("campaignName", "spring".to_owned())],
        }
    }

    /// Applies a merge to a JSON document, much as the `store` module applies it in the database.
    fn store(stored: &mut Map<String, Value>, merge: &Merge) {
        for (field, value) in &merge.fields {
            let value = match value {
                Field::Text(text) => json!(text),
                Field::Flag(flag) => json!(flag),
                Field::List(items) => json!(items),
            };
            stored.insert((*field).to_owned(), value);
        }
        if let Some(parts) = merge.price {
            let part = |cents: Option<Cents>| cents.map(Cents::amount);
            stored.insert(
                "priceParts".into(),
                json!({ "data": part(parts.data), "ad": part(parts.ad) }),
            );
            stored.insert("price".into(), json!(parts.sum().amount()));
        }
        if let Some(product) = merge.product {
            stored.insert("product".into(), json!(product.name()));
        }
        if let Some(purchase) = merge.purchase {
            let mut all = stored.get("purchases").cloned().unwrap_or(json!({}));
            all[purchase.product.name()] = json!({ "at": purchase.at.to_string() });
            stored.insert("purchases".into(), all);
        }
    }

    #[test]
    fn a_message_that_comes_again_changes_nothing_and_is_no_news() {
        let mut stored = Map::new();
        let first = merge(&stored, &lead(Product::Ad, "12.5"), now());
        assert!(first.is_news());
        store(&mut stored, &first);
        assert_eq!(stored["price"], 12.5);
        assert!(!stored.contains_key("pregnant"));
        let again = merge(&stored, &lead(Product::Ad, "12.5"), now());
        assert!(again.is_empty() && !again.is_news(), "{again:?}");
    }

    #[test]
    fn a_name_like_the_default_and_a_sum_above_any_price_come_to_rest() {
        let mut stored = Map::new();
        for product in [Product::Data, Product::Ad, Product::Data] {
            let lead = VendorLead {
                person: vec![("name", Field::Text("NextGen Lead".to_owned()))],
                ..lead(product, "1000000")
            };
            let first = merge(&stored, &lead, now());
            store(&mut stored, &first);
            assert!(merge(&stored, &lead, now()).is_empty(), "{stored:?}");
        }
        assert_eq!(stored["price"], 2_000_000.0);
    }

    #[test]
    fn data_after_an_ad_is_news_adds_its_part_and_leaves_the_person_alone() {
        let mut stored = Map::new();
        store(
            &mut stored,
            &merge(&Map::new(), &lead(Product::Ad, "2"), now()),
        );
        stored.insert("phone".into(), json!("(555) 999-9999"));
        let data = merge(&stored, &lead(Product::Data, "10"), now());
        assert!(data.is_news());
        assert_eq!(data.fields, Vec::new());
        store(&mut stored, &data);
        assert_eq!(
            (&stored["price"], &stored["product"]),
            (&json!(12.0), &json!("data"))
        );
        assert_eq!(stored["phone"], "(555) 999-9999");
        let ad = merge(&stored, &lead(Product::Ad, "2"), now());
        assert!(ad.is_empty(), "{ad:?}");
    }

    #[test]
    fn a_lead_of_an_old_server_keeps_its_price_and_is_not_bought_again() {
        let old = json!({ "name": "Ann", "price": "10", "product": "data", "leadId": "v-1", "disposition": "SOLD" });
        let old = old.as_object().unwrap();
        let same = merge(old, &lead(Product::Data, "10"), now());
        assert!(!same.is_news());
        assert_eq!(same.price.unwrap().sum().amount(), 10.0);
        let ad = merge(old, &lead(Product::Ad, "2"), now());
        assert!(ad.is_news());
        assert_eq!(ad.price.unwrap().sum().amount(), 12.0);
        let touched = |field: &str| ad.fields.iter().any(|(f, _)| *f == field);
        assert!(!touched("disposition") && !touched("status") && !touched("leadId"));
    }

    #[test]
    fn what_is_new_of_the_purchase_stands() {
        let mut stored = Map::new();
        store(
            &mut stored,
            &merge(&Map::new(), &lead(Product::Data, "1"), now()),
        );
        let mut later = lead(Product::Data, "1");
        later.purchase = vec![("campaignName", "summer".to_owned())];
        let merged = merge(&stored, &later, now());
        assert_eq!(
            merged.fields,
            [("campaignName", Field::Text("summer".to_owned()))]
        );
        assert!(!merged.is_news());
    }

    proptest! {
        #[test]
        fn any_messages_in_any_order_come_to_rest(
            order in proptest::collection::vec((any::<bool>(), "[a-c]"), 1..8)
        ) {
            let mut stored = Map::new();
            let mut news = 0;
            for (ad, campaign) in &order {
                let mut lead = lead(if *ad { Product::Ad } else { Product::Data }, if *ad { "2" } else { "10" });
                lead.purchase = vec![("campaignName", campaign.clone())];
                let merged = merge(&stored, &lead, now());
                news += usize::from(merged.is_news());
                store(&mut stored, &merged);
                prop_assert!(merge(&stored, &lead, now()).is_empty());
            }
            let products = usize::from(order.iter().any(|o| o.0)) + usize::from(order.iter().any(|o| !o.0));
            prop_assert_eq!(news, products);
        }
    }
}
