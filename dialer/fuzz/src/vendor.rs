//! Fuzz targets for vendors' webhook messages, their merging into stored leads, and the matching of leads.

use bson::oid::ObjectId;
use crokodial_dialer::domain::email;
use crokodial_dialer::domain::leads::phone;
use crokodial_dialer::domain::vendor::lead::{Field, VendorLead};
use crokodial_dialer::domain::vendor::matching::{self as sameness, MatchKeys};
use crokodial_dialer::domain::vendor::merge::{self as merging, Merge};
use crokodial_dialer::domain::vendor::price::{Cents, PriceParts};
use crokodial_dialer::domain::vendor::webhook as message;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::input::{fields, halves, object, text};

const TENANT: ObjectId = ObjectId::from_bytes([7; 12]);

/// Maximum length of a text field in a message, in characters.
const MAX_LENGTH: usize = 500;

/// Maximum number of messages that are merged into one lead. Further messages in the input are ignored.
const MAX_MESSAGES: usize = 8;

pub fn price(data: &[u8]) {
    let typed = text(data);
    let cents = Cents::parse(&typed);
    assert_eq!(
        Cents::of_json(&Value::String(typed.clone().into_owned())),
        cents
    );
    cents.into_iter().for_each(amount);
    if let Some(lead) = object(data) {
        let parts = PriceParts::of(&lead);
        parts.data.into_iter().chain(parts.ad).for_each(amount);
        let amounts =
            json!({ "data": parts.data.map(Cents::amount), "ad": parts.ad.map(Cents::amount) });
        let stored = fields(json!({ "priceParts": amounts }));
        assert_eq!(PriceParts::of(&stored), parts);
        assert_eq!(PriceParts::of(&stored).sum(), parts.sum());
    }
}

/// Checks that an amount of money stays the same when its stored form and its printed form are parsed.
fn amount(cents: Cents) {
    let amount = cents.amount();
    assert!((0.0..=1_000_000.0).contains(&amount), "{amount}");
    assert_eq!(Cents::of(amount), Some(cents));
    assert_eq!(Cents::parse(&amount.to_string()), Some(cents));
    assert_eq!(Cents::parse(&format!("${amount:.2}")), Some(cents));
}

pub fn webhook(data: &[u8]) {
    let Some(body) = object(data) else { return };
    let read = message::parse(&body);
    assert_eq!(
        message::parse(&written_out(&body)),
        read,
        "a number is its text"
    );
    let (lead, warnings) = read;
    for warning in &warnings {
        assert!(!warning.field.is_empty() && !warning.message.is_empty());
        assert!(body.contains_key(&warning.field), "{warning:?}");
    }
    lead.iter().for_each(usable);
}

fn written_out(body: &Map<String, Value>) -> Map<String, Value> {
    let text = |value: &Value| match value {
        Value::Number(number) => Value::String(number.to_string()),
        other => other.clone(),
    };
    body.iter().map(|(k, v)| (k.clone(), text(v))).collect()
}

/// Checks that a parsed lead can be stored: no text field is empty or longer than its maximum.
pub fn usable(lead: &VendorLead) {
    let plain = |text: &str, most: usize| {
        assert!(!text.is_empty() && text.trim() == text, "{text:?}");
        assert!(text.chars().count() <= most, "{text:?}");
    };
    assert!(lead.vendor_id.is_some() || lead.phone.is_some() || lead.email.is_some());
    for text in lead.vendor_id.iter().chain(&lead.phone) {
        plain(text, MAX_LENGTH);
    }
    if let Some(address) = &lead.email {
        assert_eq!(email::check(address), Ok(()));
        assert_eq!(email::normalise(address), *address);
    }
    lead.price.into_iter().for_each(amount);
    for (place, (field, value)) in lead.person.iter().enumerate() {
        let before = lead.person.iter().take(place);
        assert!(!before.into_iter().any(|(f, _)| f == field), "{field}");
        match value {
            // The name is composed of first name and last name.
            Field::Text(text) if *field == "name" => plain(text, 2 * MAX_LENGTH + 1),
            Field::Text(text) => plain(text, MAX_LENGTH),
            Field::List(items) => {
                assert!((1..=50).contains(&items.len()));
                items.iter().for_each(|item| plain(item, MAX_LENGTH));
            }
            Field::Flag(_) => {}
        }
    }
    lead.purchase
        .iter()
        .for_each(|(_, text)| plain(text, MAX_LENGTH));
}

/// Fuzzes the matching of leads. The input contains two stored leads as JSON, one per line. The first is also parsed as
/// a webhook message.
pub fn same(data: &[u8]) {
    let text = text(data);
    let (one, other) = halves(&text);
    let Some(body) = object(one.as_bytes()) else {
        return;
    };
    let stored = object(other.as_bytes()).unwrap_or_default();
    let (one, other) = (MatchKeys::of_stored(&body), MatchKeys::of_stored(&stored));
    assert_eq!(one.same(&other), other.same(&one));
    assert_eq!(one.same(&one).is_some(), one.new_id(TENANT).is_some());
    let found = sameness::find(&one, [(&other, 1), (&one, 2)]);
    let known = one.same(&one).is_some();
    assert_eq!(found.is_some(), known || one.same(&other).is_some());
    for e164 in one.phone.iter().chain(&other.phone) {
        assert_eq!(phone::e164(e164).as_ref(), Some(e164));
    }
    let (Some(lead), _) = message::parse(&body) else {
        return;
    };
    let came = MatchKeys::of_vendor(&lead);
    let stored = json!({ "nextgenId": lead.vendor_id, "phone": lead.phone, "email": lead.email });
    assert_eq!(MatchKeys::of_stored(&fields(stored)), came);
    let id = sameness::new_id(TENANT, &lead);
    assert_eq!(id, sameness::new_id(TENANT, &lead));
    assert_ne!(id, sameness::new_id(ObjectId::from_bytes([8; 12]), &lead));
}

/// Fuzzes the merging of messages into a lead. The first line of the input is a stored lead, and each further line is a
/// webhook message.
pub fn merge(data: &[u8]) {
    let text = text(data);
    let (first, messages) = halves(&text);
    let mut stored = object(first.as_bytes()).unwrap_or_default();
    for line in messages.lines().take(MAX_MESSAGES) {
        let body = object(line.as_bytes()).unwrap_or_default();
        let (Some(lead), _) = message::parse(&body) else {
            continue;
        };
        let before = stored.clone();
        store(
            &mut stored,
            &merging::merge(&before, &lead, Timestamp::UNIX_EPOCH),
        );
        let again = merging::merge(&stored, &lead, Timestamp::UNIX_EPOCH);
        assert!(again.is_empty(), "a message that came: {again:?}");
        for own in ["status", "disposition", "assignedTo", "order", "notes"] {
            assert_eq!(stored.get(own), before.get(own), "{own} is the rep's");
        }
        if before.is_empty() {
            let keys = MatchKeys::of_vendor(&lead);
            let found = MatchKeys::of_stored(&stored).same(&keys);
            assert_eq!(found.is_some(), keys.new_id(TENANT).is_some());
        }
    }
}

/// Applies the changes in `merge` to a lead, as the database code does.
fn store(lead: &mut Map<String, Value>, merge: &Merge) {
    for (field, value) in &merge.fields {
        let value = match value {
            Field::Text(text) => json!(text),
            Field::Flag(flag) => json!(flag),
            Field::List(items) => json!(items),
        };
        lead.insert((*field).to_owned(), value);
    }
    if let Some(parts) = merge.price {
        for (part, cents) in [("data", parts.data), ("ad", parts.ad)] {
            if let Some(cents) = cents {
                put(lead, "priceParts", part, json!(cents.amount()));
            }
        }
        lead.insert("price".to_owned(), json!(parts.sum().amount()));
    }
    if let Some(product) = merge.product {
        lead.insert("product".to_owned(), product.name().into());
    }
    if let Some(purchase) = merge.purchase {
        let line = json!({ "price": purchase.price.map(Cents::amount) });
        put(lead, "purchases", purchase.product.name(), line);
    }
}

fn put(lead: &mut Map<String, Value>, map: &str, part: &str, value: Value) {
    let mut parts = match lead.remove(map) {
        Some(Value::Object(parts)) => parts,
        _ => Map::new(),
    };
    parts.insert(part.to_owned(), value);
    lead.insert(map.to_owned(), Value::Object(parts));
}
