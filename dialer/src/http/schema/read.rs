//! Deserialization of JSON request bodies into the schema types.
//!
//! Fields are read in the order in which the type declares them, and the first invalid field ends the deserialization.
//! The error message states what the field must be. It never contains the value of the field.

use std::fmt::Display;

use serde::de::value::{MapDeserializer, SeqDeserializer};
use serde::de::{
    DeserializeSeed, Deserializer, Error, Expected, IntoDeserializer, MapAccess, Unexpected,
    Visitor,
};
use serde::{Deserialize, forward_to_deserialize_any};
use serde_json::{Map, Value};

const REQUIRED: &str = "is required";

/// Error about an invalid field: the dotted path of the field, and advice such as `must be text`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field} {advice}")]
pub struct ReadError {
    pub field: String,
    pub advice: String,
}

impl ReadError {
    fn within(self, parent: &str) -> Self {
        let field = if self.field.is_empty() {
            parent.to_owned()
        } else {
            format!("{parent}.{}", self.field)
        };
        Self { field, ..self }
    }
}

impl Error for ReadError {
    fn custom<T: Display>(advice: T) -> Self {
        Self {
            field: String::new(),
            advice: advice.to_string(),
        }
    }

    fn invalid_type(_: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::custom(format_args!("must be {expected}"))
    }

    fn invalid_value(_: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::custom(format_args!("must be {expected}"))
    }

    fn unknown_variant(_: &str, expected: &'static [&'static str]) -> Self {
        Self::custom(format_args!("must be one of {}", expected.join(", ")))
    }
}

/// Deserializes a request body.
///
/// # Errors
/// The first invalid field in the order of declaration. The field is missing, has the wrong type, or violates a rule of
/// `T`.
pub fn read<'de, T: Deserialize<'de>>(body: &'de Map<String, Value>) -> Result<T, ReadError> {
    T::deserialize(Root(body))
}

/// Deserializes a string that must be present and not empty.
///
/// # Errors
/// "is required" if it is absent, null or empty; "must be text" if it has another type.
pub fn filled<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let text = String::deserialize(deserializer)?;
    if text.is_empty() {
        return Err(D::Error::custom(REQUIRED));
    }
    Ok(text)
}

/// Deserializes a string that must be present and not empty, and applies `rule` to it.
///
/// # Errors
/// An error of [`filled`], or the error that `rule` returns.
pub fn checked<'de, D: Deserializer<'de>, T, A: Display>(
    deserializer: D,
    rule: impl FnOnce(&str) -> Result<T, A>,
) -> Result<T, D::Error> {
    rule(&filled(deserializer)?).map_err(D::Error::custom)
}

/// Deserializes an optional string and applies `rule` to it. Returns `None` if the string is absent or null.
///
/// # Errors
/// "must be text" if the value has another type, or the error that `rule` returns.
pub fn optional<'de, D: Deserializer<'de>, T, A: Display>(
    deserializer: D,
    rule: impl FnOnce(&str) -> Result<T, A>,
) -> Result<Option<T>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    text.map(|text| rule(&text))
        .transpose()
        .map_err(D::Error::custom)
}

/// Deserializer of a whole request body.
struct Root<'de>(&'de Map<String, Value>);

impl<'de> Deserializer<'de> for Root<'de> {
    type Error = ReadError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        let fields = self.0.iter();
        visitor.visit_map(MapDeserializer::new(
            fields.map(|(name, value)| (name.as_str(), Field(Some(value)))),
        ))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        names: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        visitor.visit_map(Fields {
            body: self.0,
            names: names.iter(),
            name: "",
        })
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

/// Iterator over all fields that the target struct declares, including those that the body does not contain.
struct Fields<'de> {
    body: &'de Map<String, Value>,
    names: std::slice::Iter<'static, &'static str>,
    name: &'static str,
}

impl<'de> MapAccess<'de> for Fields<'de> {
    type Error = ReadError;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, ReadError> {
        let Some(name) = self.names.next() else {
            return Ok(None);
        };
        self.name = name;
        seed.deserialize((*name).into_deserializer()).map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, ReadError> {
        let value = Field(self.body.get(self.name));
        seed.deserialize(value)
            .map_err(|error| error.within(self.name))
    }
}

/// Deserializer of a field's value. The value is `None` if the body does not contain the field.
#[derive(Clone, Copy)]
struct Field<'de>(Option<&'de Value>);

impl<'de> IntoDeserializer<'de, ReadError> for Field<'de> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

impl<'de> Deserializer<'de> for Field<'de> {
    type Error = ReadError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        let Some(value) = self.0 else {
            return Err(ReadError::custom(REQUIRED));
        };
        match value {
            Value::Null => visitor.visit_unit(),
            Value::Bool(flag) => visitor.visit_bool(*flag),
            Value::Number(number) => match (number.as_i64(), number.as_u64(), number.as_f64()) {
                (Some(int), _, _) => visitor.visit_i64(int),
                (_, Some(int), _) => visitor.visit_u64(int),
                (_, _, double) => visitor.visit_f64(double.unwrap_or(f64::NAN)),
            },
            Value::String(text) => visitor.visit_borrowed_str(text),
            Value::Array(items) => {
                let items = items.iter().map(|item| Field(Some(item)));
                visitor.visit_seq(SeqDeserializer::new(items))
            }
            Value::Object(fields) => Root(fields).deserialize_any(visitor),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        match self.0 {
            None | Some(Value::Null) => visitor.visit_none(),
            Some(_) => visitor.visit_some(self),
        }
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        match self.0 {
            Some(Value::String(text)) => visitor.visit_borrowed_str(text),
            None | Some(Value::Null) => Err(ReadError::custom(REQUIRED)),
            Some(_) => Err(ReadError::custom("must be text")),
        }
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        self.deserialize_str(visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        names: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        match self.0 {
            Some(Value::Object(fields)) => Root(fields).deserialize_struct(name, names, visitor),
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        visitor.visit_newtype_struct(self)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char bytes byte_buf unit unit_struct seq tuple tuple_struct
        map enum identifier ignored_any
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Inner {
        #[serde(deserialize_with = "filled")]
        deep_name: String,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    struct Outer {
        #[serde(deserialize_with = "filled")]
        a: String,
        b: Option<String>,
        c: Option<bool>,
        inner: Option<Inner>,
    }

    fn outer(body: Value) -> Result<Outer, String> {
        let body = body.as_object().cloned().unwrap();
        read(&body).map_err(|error| error.to_string())
    }

    #[test]
    fn absent_and_null_are_none_and_other_fields_are_ignored() {
        let read = outer(json!({ "x": { "$ne": 1 }, "b": null, "a": " t " })).unwrap();
        let expected = Outer {
            a: " t ".to_owned(),
            b: None,
            c: None,
            inner: None,
        };
        assert_eq!(read, expected);
        let deep = outer(json!({ "a": "t", "inner": { "deepName": "n" } })).unwrap();
        assert_eq!(deep.inner.unwrap().deep_name, "n");
    }

    #[test]
    fn the_first_field_of_the_type_that_is_wrong_is_named_by_its_path_and_without_its_value() {
        for (body, told) in [
            (json!({ "b": 5 }), "a is required"),
            (json!({ "b": 5, "a": "" }), "a is required"),
            (json!({ "b": 5, "a": null }), "a is required"),
            (json!({ "a": { "$ne": 1 } }), "a must be text"),
            (json!({ "c": "secret", "b": 5, "a": "t" }), "b must be text"),
            (json!({ "a": "t", "c": "secret" }), "c must be a boolean"),
            (
                json!({ "a": "t", "inner": {} }),
                "inner.deepName is required",
            ),
            (
                json!({ "a": "t", "inner": { "deepName": 1 } }),
                "inner.deepName must be text",
            ),
        ] {
            assert_eq!(outer(body.clone()), Err(told.to_owned()), "{body}");
        }
    }
}
