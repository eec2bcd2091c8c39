//! Prices of leads. The price of a lead is the sum of one part per product. A repeated message sets its part to the
//! same amount again, so nothing is counted twice.

use num_traits::ToPrimitive;
use serde_json::{Map, Value};

use super::product::Product;

/// Amount of money in hundredths of the currency unit. Sums are exact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Cents(i64);

/// Maximum amount of a single price, inclusive, in currency units. Larger values are treated as invalid input.
const MAX_AMOUNT: f64 = 1_000_000.0;

impl Cents {
    /// Parses an amount in currency units, such as `12.5` or `$12.50`. Returns `None` if it is invalid, negative or
    /// above the maximum.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim().trim_start_matches('$').trim_start();
        let amount: f64 = text.parse().ok()?;
        Self::of(amount)
    }

    /// Converts an amount in currency units, rounded to hundredths. Returns `None` if it is negative, above the maximum
    /// or not a number.
    pub fn of(amount: f64) -> Option<Self> {
        if !(0.0..=MAX_AMOUNT).contains(&amount) {
            return None;
        }
        (amount * 100.0).round().to_i64().map(Self)
    }

    /// Parses a stored price, which may be a number or text. Returns `None` if it is not a valid amount.
    pub fn of_json(value: &Value) -> Option<Self> {
        match value {
            Value::Number(number) => Self::of(number.as_f64()?),
            Value::String(text) => Self::parse(text),
            _ => None,
        }
    }

    /// Returns the amount in currency units. Prices are stored in this form.
    pub fn amount(self) -> f64 {
        // Exact in a double, because sums of prices are far below 2^53 hundredths.
        self.0.to_f64().unwrap_or_default() / 100.0
    }

    fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

/// Price parts of a lead, one per product. `None` means that no price is known for the product.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PriceParts {
    pub data: Option<Cents>,
    pub ad: Option<Cents>,
}

impl PriceParts {
    /// Returns the price parts of a stored lead. A lead of the legacy server has only one price, which becomes the part
    /// of its product unless it is 0.
    pub fn of(lead: &Map<String, Value>) -> Self {
        if let Some(Value::Object(parts)) = lead.get("priceParts") {
            let part = |name: &str| parts.get(name).and_then(Cents::of_json);
            return Self {
                data: part("data"),
                ad: part("ad"),
            };
        }
        let price = lead.get("price").and_then(Cents::of_json);
        let price = price.filter(|cents| *cents > Cents::default());
        let product = lead.get("product").and_then(Value::as_str);
        Self::default().with(Product::of(product.unwrap_or_default()), price)
    }

    /// Returns the parts with the part of `product` replaced by `price`. If `price` is `None`, nothing changes.
    #[must_use]
    pub fn with(self, product: Product, price: Option<Cents>) -> Self {
        match product {
            Product::Data => Self {
                data: price.or(self.data),
                ..self
            },
            Product::Ad => Self {
                ad: price.or(self.ad),
                ..self
            },
        }
    }

    /// Returns the total price of the lead: the sum of its parts.
    pub fn sum(self) -> Cents {
        let part = |cents: Option<Cents>| cents.unwrap_or_default();
        part(self.data).plus(part(self.ad))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn parts(lead: &Value) -> PriceParts {
        PriceParts::of(lead.as_object().unwrap())
    }

    #[test]
    fn amounts_are_read_in_every_form_they_came_in() {
        for (text, amount) in [
            ("12", Some(12.0)),
            ("12.50", Some(12.5)),
            (" $ 7.1 ", Some(7.1)),
            ("0", Some(0.0)),
            ("1e3", Some(1000.0)),
            ("-1", None),
            ("NaN", None),
            ("inf", None),
            ("1000001", None),
            ("free", None),
            ("", None),
        ] {
            assert_eq!(Cents::parse(text).map(Cents::amount), amount, "{text:?}");
        }
    }

    #[test]
    fn an_old_lead_s_price_is_the_part_of_its_product() {
        let old = parts(&json!({ "price": "12.50", "product": "AD" }));
        assert_eq!((old.data, old.ad), (None, Cents::parse("12.5")));
        let old = parts(&json!({ "price": 3 }));
        assert_eq!((old.data, old.ad), (Cents::parse("3"), None));
        assert_eq!(parts(&json!({ "price": 0 })), PriceParts::default());
        let new = parts(&json!({ "price": 99, "priceParts": { "data": 1, "ad": 2 } }));
        assert_eq!(new.sum(), Cents::parse("3").unwrap());
    }

    #[test]
    fn data_and_ad_in_any_order_again_and_again_cost_the_same() {
        let (data, ad) = (Cents::parse("10"), Cents::parse("2.55"));
        let mut seen = PriceParts::default();
        for (product, price) in [
            (Product::Ad, ad),
            (Product::Data, data),
            (Product::Ad, ad),
            (Product::Data, data),
            (Product::Data, None),
        ] {
            seen = seen.with(product, price);
        }
        assert_eq!(seen.sum().amount(), 12.55);
    }

    proptest! {
        #[test]
        fn the_order_and_number_of_messages_does_not_matter(
            data in 0_u32..100_000, ad in 0_u32..100_000, order in proptest::collection::vec(any::<bool>(), 1..12)
        ) {
            let price = |cents: u32| Cents::of(f64::from(cents) / 100.0);
            let mut parts = PriceParts::default();
            for is_ad in &order {
                let (product, cents) = if *is_ad { (Product::Ad, ad) } else { (Product::Data, data) };
                parts = parts.with(product, price(cents));
            }
            let expected = u64::from(if order.contains(&true) { ad } else { 0 })
                + u64::from(if order.contains(&false) { data } else { 0 });
            let sum = format!("{:.0}", parts.sum().amount() * 100.0);
            prop_assert_eq!(sum, expected.to_string());
        }

        #[test]
        fn an_amount_is_itself_after_storing(text in "[0-9]{1,6}([.][0-9]{1,2})?") {
            let cents = Cents::parse(&text).unwrap();
            prop_assert_eq!(Cents::of_json(&json!(cents.amount())), Some(cents));
        }
    }
}
