//! Puts a type over a tree by Go's rules: a serde deserializer that folds keys and knows where it is.

use std::cell::RefCell;
use std::fmt;

use serde::Deserializer;
use serde::de::{self, DeserializeOwned, DeserializeSeed, IntoDeserializer, MapAccess, SeqAccess, Visitor};

use super::Json;
use super::near::closest;

/// What [`read()`] found besides the value.
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
        ReadError(format!("{subject} must be {expected}, not {}", self.json.described()))
    }

    /// A number that is too large is told with the limit, not with the name of a type of Rust.
    fn unsigned<'de, V: Visitor<'de>>(self, most: u32, visitor: V) -> Result<V::Value, ReadError> {
        match self.json {
            Json::Number(number) if number.as_u64().is_none_or(|value| value > most.into()) => {
                Err(self.wrong(&format!("a whole number from 0 to {most}").as_str()))
            }
            _ => self.deserialize_i64(visitor),
        }
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
        self.unsigned(u32::MAX, visitor)
    }
    fn deserialize_u8<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        self.unsigned(u8::MAX.into(), visitor)
    }
    fn deserialize_u16<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        self.unsigned(u16::MAX.into(), visitor)
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
