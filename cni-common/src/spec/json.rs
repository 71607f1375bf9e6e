//! JSON as Go's `encoding/json` reads it, which is how every user of the reference has written it:
//! keys match without regard to case, the last of equal keys wins, `null` counts as absent, and
//! numbers, strings and booleans never turn into one another.
//!
//! [`read`] puts a type that derives `Deserialize` over a parsed text, names the path of what is wrong
//! (`ipam.ranges[0][0].subnet`), and tells which keys no type asked for.

use std::cell::RefCell;
use std::fmt;

use serde::de::{self, DeserializeOwned, DeserializeSeed, IntoDeserializer, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Number;

/// A parsed text, keys in their order, equal keys kept.
#[derive(Clone, Debug, PartialEq)]
pub enum Json {
    /// `null`
    Null,
    /// `true`, `false`
    Bool(bool),
    /// Any number
    Number(Number),
    /// A string
    String(String),
    /// A list
    Array(Vec<Json>),
    /// An object
    Object(Vec<(String, Json)>),
}

/// Deepest nesting that is read; more is refused (the reference's limit is 10,000).
const MAX_DEPTH: usize = 100;

impl Json {
    /// Parses a text that holds one JSON value.
    ///
    /// # Errors
    /// What is wrong and where (line and column).
    pub fn parse(text: &[u8]) -> Result<Self, String> {
        let text = std::str::from_utf8(text).map_err(|e| format!("not UTF-8 at byte {}", e.valid_up_to()))?;
        let mut reader = serde_json::Deserializer::from_str(text);
        let json = Json::deserialize(&mut reader).map_err(|e| e.to_string())?;
        reader.end().map_err(|e| e.to_string())?;
        if json.depth() > MAX_DEPTH {
            return Err(format!("nested deeper than {MAX_DEPTH} levels"));
        }
        Ok(json)
    }

    fn depth(&self) -> usize {
        1 + match self {
            Json::Array(items) => items.iter().map(Json::depth).max().unwrap_or(0),
            Json::Object(entries) => entries.iter().map(|(_, v)| v.depth()).max().unwrap_or(0),
            _ => 0,
        }
    }

    /// The value of a key in an object, matched as Go does.
    pub fn get(&self, key: &str) -> Option<&Json> {
        let Json::Object(entries) = self else { return None };
        entries.iter().rev().find(|(k, _)| k.eq_ignore_ascii_case(key)).map(|(_, v)| v)
    }

    /// The text of a string.
    pub fn as_str(&self) -> Option<&str> {
        if let Json::String(text) = self { Some(text) } else { None }
    }

    fn kind(&self) -> &'static str {
        match self {
            Json::Null => "null",
            Json::Bool(_) => "a boolean",
            Json::Number(_) => "a number",
            Json::String(_) => "a string",
            Json::Array(_) => "a list",
            Json::Object(_) => "an object",
        }
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TreeVisitor)
    }
}

struct TreeVisitor;

impl<'de> Visitor<'de> for TreeVisitor {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }
    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }
    fn visit_bool<E>(self, value: bool) -> Result<Json, E> {
        Ok(Json::Bool(value))
    }
    fn visit_u64<E>(self, value: u64) -> Result<Json, E> {
        Ok(Json::Number(value.into()))
    }
    fn visit_i64<E>(self, value: i64) -> Result<Json, E> {
        Ok(Json::Number(value.into()))
    }
    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Json, E> {
        Number::from_f64(value).map(Json::Number).ok_or_else(|| E::custom("number out of range"))
    }
    fn visit_str<E>(self, value: &str) -> Result<Json, E> {
        Ok(Json::String(value.to_owned()))
    }
    fn visit_string<E>(self, value: String) -> Result<Json, E> {
        Ok(Json::String(value))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Json, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = access.next_element()? {
            items.push(item);
        }
        Ok(Json::Array(items))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Json, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = access.next_entry()? {
            entries.push(entry);
        }
        Ok(Json::Object(entries))
    }
}

/// What [`read`] found besides the value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownKey {
    /// Path of the key, like `ipam.gatway`.
    pub path: String,
    /// A key that the type has and that is spelled much like it.
    pub close_to: Option<&'static str>,
}

/// Reads a `T` from a tree by the rules of this module.
///
/// # Errors
/// One sentence that begins with the path of the key in quotes.
pub fn read<T: DeserializeOwned>(json: &Json) -> Result<(T, Vec<UnknownKey>), String> {
    let unknown = RefCell::new(Vec::new());
    let node = Node { json, path: String::new(), unknown: &unknown };
    let value = T::deserialize(node).map_err(|e| e.0)?;
    Ok((value, unknown.into_inner()))
}

/// Prints a value with four spaces of indent, as the reference does.
pub fn pretty(value: &impl Serialize) -> String {
    let mut out = Vec::new();
    let formatter = serde_json::ser::PrettyFormatter::with_indent(b"    ");
    let mut serializer = serde_json::Serializer::with_formatter(&mut out, formatter);
    // Writing plain data to memory cannot fail; an empty text would be seen by every test.
    let _ = value.serialize(&mut serializer);
    String::from_utf8(out).unwrap_or_default()
}

/// An error of reading: a sentence.
#[derive(Debug)]
struct ReadError(String);

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
impl std::error::Error for ReadError {}
impl de::Error for ReadError {
    fn custom<T: fmt::Display>(msg: T) -> Self {
        ReadError(msg.to_string())
    }
}

/// A place in the tree.
struct Node<'a> {
    json: &'a Json,
    path: String,
    unknown: &'a RefCell<Vec<UnknownKey>>,
}

impl<'a> Node<'a> {
    fn child(&self, json: &'a Json, key: &str) -> Node<'a> {
        let path = if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) };
        Node { json, path, unknown: self.unknown }
    }

    fn item(&self, json: &'a Json, index: usize) -> Node<'a> {
        Node { json, path: format!("{}[{index}]", self.path), unknown: self.unknown }
    }

    fn wrong(&self, expected: &dyn de::Expected) -> ReadError {
        let subject = if self.path.is_empty() { "the text".to_owned() } else { format!("\"{}\"", self.path) };
        ReadError(format!("{subject} must be {expected}, not {}", self.json.kind()))
    }

    /// Puts the path before an error that a type raised about a scalar.
    fn located(&self, error: ReadError) -> ReadError {
        if error.0.starts_with('"') || self.path.is_empty() {
            return error;
        }
        ReadError(format!("\"{}\": {}", self.path, error.0))
    }
}

impl<'de> Deserializer<'de> for Node<'_> {
    type Error = ReadError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        match self.json {
            Json::Null => visitor.visit_unit(),
            Json::Bool(value) => visitor.visit_bool(*value),
            Json::Number(number) => match (number.as_u64(), number.as_i64(), number.as_f64()) {
                (Some(value), ..) => visitor.visit_u64(value),
                (_, Some(value), _) => visitor.visit_i64(value),
                (.., Some(value)) => visitor.visit_f64(value),
                _ => Err(self.wrong(&"a number")),
            },
            Json::String(text) => visitor.visit_str(text),
            Json::Array(items) => {
                let mut items = Items { node: &self, items: items.iter().enumerate() };
                visitor.visit_seq(&mut items)
            }
            Json::Object(entries) => {
                let entries = entries.iter().map(|(k, v)| (k.as_str(), v)).collect();
                visitor.visit_map(Entries { node: &self, rest: entries, value: None })
            }
        }
        .map_err(|e| self.located(e))
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        match self.json {
            Json::Bool(_) => self.deserialize_any(visitor),
            _ => Err(self.wrong(&"true or false")),
        }
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        match self.json {
            Json::String(_) => self.deserialize_any(visitor),
            _ => Err(self.wrong(&"a string")),
        }
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        self.deserialize_str(visitor)
    }

    fn deserialize_i64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        match self.json {
            Json::Number(number) if !number.is_f64() => self.deserialize_any(visitor),
            _ => Err(self.wrong(&"a whole number")),
        }
    }

    fn deserialize_u64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        self.deserialize_i64(visitor)
    }
    fn deserialize_i32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        self.deserialize_i64(visitor)
    }
    fn deserialize_u32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        self.deserialize_i64(visitor)
    }
    fn deserialize_u8<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        self.deserialize_i64(visitor)
    }
    fn deserialize_u16<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        self.deserialize_i64(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        match self.json {
            Json::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        match self.json {
            Json::Array(_) => self.deserialize_any(visitor),
            _ => Err(self.wrong(&"a list")),
        }
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        match self.json {
            Json::Object(_) => self.deserialize_any(visitor),
            _ => Err(self.wrong(&"an object")),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        visitor.visit_newtype_struct(self)
    }

    /// The rules for objects: keys folded to the type's own, the last one kept, `null` dropped.
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        let Json::Object(entries) = self.json else { return Err(self.wrong(&"an object")) };
        let mut known: Vec<(&str, &Json)> = Vec::with_capacity(entries.len());
        for (key, value) in entries {
            let Some(field) = fields.iter().find(|f| f.eq_ignore_ascii_case(key)) else {
                self.unknown
                    .borrow_mut()
                    .push(UnknownKey { path: self.child(value, key).path, close_to: closest(key, fields) });
                continue;
            };
            if *value != Json::Null {
                known.retain(|(k, _)| k != field);
                known.push((field, value));
            }
        }
        visitor.visit_map(Entries { node: &self, rest: known, value: None })
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        visitor.visit_unit()
    }

    serde::forward_to_deserialize_any! {
        i8 i16 i128 u128 f32 f64 char bytes byte_buf unit unit_struct tuple tuple_struct enum identifier
    }
}

/// The key of the type that is one slip away from `key`: two edits at most, and fewer than half its length.
fn closest(key: &str, fields: &'static [&'static str]) -> Option<&'static str> {
    let key = key.to_ascii_lowercase();
    let near = |f: &&&str| {
        let d = distance(&key, &f.to_ascii_lowercase());
        d <= 2 && d * 2 < f.len()
    };
    fields.iter().filter(near).min_by_key(|f| distance(&key, &f.to_ascii_lowercase())).copied()
}

/// Levenshtein distance in bytes.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        for (cell, y) in row.iter_mut().skip(1).zip(b.bytes()) {
            let above = *cell;
            left = (diagonal + usize::from(x != y)).min(above + 1).min(left + 1);
            diagonal = above;
            *cell = left;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or(0)
}

struct Items<'n, 'a> {
    node: &'n Node<'a>,
    items: std::iter::Enumerate<std::slice::Iter<'a, Json>>,
}

impl<'de> SeqAccess<'de> for &mut Items<'_, '_> {
    type Error = ReadError;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, ReadError> {
        let Some((index, item)) = self.items.next() else { return Ok(None) };
        seed.deserialize(self.node.item(item, index)).map(Some)
    }
}

struct Entries<'n, 'a> {
    node: &'n Node<'a>,
    rest: Vec<(&'a str, &'a Json)>,
    value: Option<(&'a str, &'a Json)>,
}

impl<'de> MapAccess<'de> for Entries<'_, '_> {
    type Error = ReadError;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, ReadError> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let entry = self.rest.remove(0);
        self.value = Some(entry);
        seed.deserialize(entry.0.into_deserializer()).map(Some)
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, ReadError> {
        let Some((key, value)) = self.value.take() else { return Err(de::Error::custom("value before key")) };
        let node = self.node.child(value, key);
        let located = self.node.child(value, key);
        seed.deserialize(node).map_err(|e| located.located(e))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Default, PartialEq, Deserialize)]
    #[serde(default)]
    struct Inner {
        subnet: String,
    }

    #[derive(Debug, Default, PartialEq, Deserialize)]
    #[serde(default, rename_all = "camelCase")]
    struct Outer {
        mtu: i64,
        is_gateway: bool,
        name: Option<String>,
        ranges: Vec<Vec<Inner>>,
    }

    fn outer(text: &str) -> Result<(Outer, Vec<UnknownKey>), String> {
        read(&Json::parse(text.as_bytes())?)
    }

    #[test]
    fn keys_fold_case_and_the_last_one_wins() {
        let (value, _) = outer(r#"{"MTU": 1, "mtu": 2, "Mtu": 3, "ISGATEWAY": true, "name": null}"#).unwrap();
        assert_eq!(value, Outer { mtu: 3, is_gateway: true, ..Outer::default() });
        assert_eq!(outer(r#"{"MTU": 1, "mtu": 2, "MTU": 3}"#).unwrap().0.mtu, 3);
        assert_eq!(outer(r#"{"mtu": 5, "MTU": null}"#).unwrap().0.mtu, 5);
    }

    #[test]
    fn types_are_as_strict_as_in_go() {
        for (text, expected) in [
            (r#"{"mtu": "1500"}"#, r#""mtu" must be a whole number, not a string"#),
            (r#"{"mtu": 1.5}"#, r#""mtu" must be a whole number, not a number"#),
            (r#"{"isGateway": 1}"#, r#""isGateway" must be true or false, not a number"#),
            (r#"{"name": 1}"#, r#""name" must be a string, not a number"#),
            (r#"{"ranges": [[{"subnet": 5}]]}"#, r#""ranges[0][0].subnet" must be a string, not a number"#),
            (r#"{"ranges": {}}"#, r#""ranges" must be a list, not an object"#),
            ("[]", "the text must be an object, not a list"),
        ] {
            assert_eq!(outer(text).unwrap_err(), expected);
        }
        assert!(outer(r#"{"mtu": 99999999999999999999}"#).is_err());
    }

    #[test]
    fn unknown_keys_are_told_with_the_close_one() {
        let (_, unknown) =
            outer(r#"{"isGatway": true, "banana": 1, "ranges": [[{"subnet": "x", "subnett": 1}]]}"#).unwrap();
        let told: Vec<_> = unknown.iter().map(|u| (u.path.as_str(), u.close_to)).collect();
        let expected =
            [("isGatway", Some("isGateway")), ("banana", None), ("ranges[0][0].subnett", Some("subnet"))];
        assert_eq!(told, expected);
    }

    #[test]
    fn bad_text_is_refused() {
        assert!(Json::parse(b"").is_err());
        assert!(Json::parse(b"{} {}").is_err());
        assert!(Json::parse(b"\xff").is_err());
        assert!(Json::parse("[".repeat(100_000).as_bytes()).is_err());
    }
}
