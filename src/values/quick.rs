//! Whether values fit a schema, without compiling it or even building its tree.
//!
//! Compiling a schema costs more than everything else that is done to values,
//! and nearly always the answer is yes. So the schema's text is read once, and
//! the keywords that packs use are applied to the value as they are met; what
//! the value does not reach is skipped. For any other keyword, and for every no,
//! the schema library is asked, which also says why.

use std::cell::{OnceCell, RefCell};
use std::collections::BTreeMap;
use std::fmt;

use regex_lite::Regex;
use serde::Deserialize;
use serde::de::{DeserializeSeed, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

/// Whether `value` fits the schema that `text` is, or none when that takes a
/// keyword not known here.
pub fn fits(text: &str, value: &Value) -> Option<bool> {
    let root = Root { text, definitions: OnceCell::new(), patterns: RefCell::default() };
    let mut reader = serde_json::Deserializer::from_str(text);
    let verdict = Evaluate { root: &root, value, depth: 0 }.deserialize(&mut reader).ok()?;
    reader.end().ok().map(|()| verdict)
}

struct Root<'s> {
    text: &'s str,
    /// `$defs`, each still text.
    definitions: OnceCell<BTreeMap<&'s str, &'s RawValue>>,
    /// Patterns that were met: one stands in many places.
    patterns: RefCell<BTreeMap<String, Regex>>,
}

impl<'s> Root<'s> {
    fn evaluate<E: Error>(&self, schema: &'s str, value: &Value, depth: usize) -> Result<bool, E> {
        let mut reader = serde_json::Deserializer::from_str(schema);
        Evaluate { root: self, value, depth }.deserialize(&mut reader).map_err(E::custom)
    }

    fn referred<E: Error>(&self, reference: &str) -> Result<&'s str, E> {
        if reference == "#" {
            return Ok(self.text);
        }
        if self.definitions.get().is_none() {
            #[derive(Deserialize)]
            struct Document<'s> {
                #[serde(rename = "$defs", borrow, default)]
                definitions: BTreeMap<&'s str, &'s RawValue>,
            }
            let document: Document<'s> = serde_json::from_str(self.text).map_err(E::custom)?;
            self.definitions.get_or_init(|| document.definitions);
        }
        let name = reference.strip_prefix("#/$defs/").filter(|name| !name.contains(['/', '~', '%']));
        let definition = name.and_then(|name| self.definitions.get()?.get(name));
        definition.map(|definition| definition.get()).ok_or_else(|| E::custom("a reference to elsewhere"))
    }

    fn is_match<E: Error>(&self, pattern: String, text: &str) -> Result<bool, E> {
        if has_class(&pattern) {
            return Err(E::custom("a pattern on which libraries differ"));
        }
        let mut patterns = self.patterns.borrow_mut();
        if let Some(known) = patterns.get(&pattern) {
            return Ok(known.is_match(text));
        }
        let compiled = Regex::new(&pattern).map_err(E::custom)?;
        Ok(patterns.entry(pattern).or_insert(compiled).is_match(text))
    }
}

/// Reads a schema and says whether the value fits. What is not known here is an
/// error, with which all reading ends.
struct Evaluate<'r, 's> {
    root: &'r Root<'s>,
    value: &'r Value,
    depth: usize,
}

impl<'r, 's> Evaluate<'r, 's> {
    /// The same of another value, one level deeper.
    fn of(&self, value: &'r Value) -> Self {
        Evaluate { root: self.root, value, depth: self.depth + 1 }
    }

    fn text<E: Error>(&self, schema: &'s str, value: &Value) -> Result<bool, E> {
        self.root.evaluate(schema, value, self.depth + 1)
    }
}

impl<'s> DeserializeSeed<'s> for Evaluate<'_, 's> {
    type Value = bool;

    fn deserialize<D: serde::Deserializer<'s>>(self, reader: D) -> Result<bool, D::Error> {
        const DEEPEST: usize = 128;
        if self.depth == DEEPEST { Err(D::Error::custom("nested too deep")) } else { reader.deserialize_any(self) }
    }
}

impl<'s> Visitor<'s> for Evaluate<'_, 's> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a schema")
    }

    fn visit_bool<E: Error>(self, verdict: bool) -> Result<bool, E> {
        Ok(verdict)
    }

    fn visit_map<A: MapAccess<'s>>(self, mut schema: A) -> Result<bool, A::Error> {
        let value = self.value;
        let mut verdict = true;
        let mut declared: Option<Vec<&str>> = None;
        let (mut others, mut condition, mut then): (Option<&'s RawValue>, Option<bool>, Option<&'s RawValue>) = (None, None, None);
        while let Some(keyword) = schema.next_key::<&'s str>()? {
            verdict &= match keyword {
                "$defs" if self.depth == 0 => {
                    let definitions = schema.next_value()?;
                    self.root.definitions.set(definitions).map_err(|_| A::Error::custom("$defs a second time"))?;
                    true
                }
                "$defs" | "$comment" | "title" | "description" | "default" | "examples" => {
                    schema.next_value::<IgnoredAny>()?;
                    true
                }
                // In other drafts keywords mean other things, and formats of text are asserted.
                "$schema" => {
                    let draft: &str = schema.next_value()?;
                    if draft.contains("2020-12") { true } else { return Err(A::Error::custom("another draft")) }
                }
                "format" => {
                    let format: &str = schema.next_value()?;
                    let is_of_numbers = ["int", "uint", "float", "double"].iter().any(|name| format.starts_with(name));
                    if is_of_numbers { true } else { return Err(A::Error::custom("a format of text")) }
                }
                "$ref" => self.text(self.root.referred(schema.next_value()?)?, value)?,
                "type" => is_type(schema.next_value()?, value)?,
                "enum" => {
                    let choices: Vec<Value> = schema.next_value()?;
                    choices.iter().try_fold(false, |any, choice| Ok(any | equal(choice, value)?))?
                }
                "const" => equal(&schema.next_value()?, value)?,
                "minimum" => {
                    let least: f64 = schema.next_value()?;
                    value.as_f64().is_none_or(|number| number >= least)
                }
                "maximum" => {
                    let most: f64 = schema.next_value()?;
                    value.as_f64().is_none_or(|number| number <= most)
                }
                "minLength" | "maxLength" => {
                    let bound = schema.next_value()?;
                    value.as_str().is_none_or(|text| within(keyword, text.chars().count(), bound))
                }
                "minItems" | "maxItems" => {
                    let bound = schema.next_value()?;
                    value.as_array().is_none_or(|items| within(keyword, items.len(), bound))
                }
                "pattern" => match (schema.next_value()?, value.as_str()) {
                    (pattern, Some(text)) => self.root.is_match(pattern, text)?,
                    (_, None) => true,
                },
                "required" => {
                    let names: Vec<&str> = schema.next_value()?;
                    value.as_object().is_none_or(|map| names.iter().all(|name| map.contains_key(*name)))
                }
                "items" => {
                    let rule: &RawValue = schema.next_value()?;
                    value.as_array().into_iter().flatten().try_fold(true, |all, item| Ok(all & self.text(rule.get(), item)?))?
                }
                "properties" => {
                    let (names, all) = schema.next_value_seed(Properties(&self))?;
                    once(&mut declared, names)?;
                    all
                }
                "additionalProperties" => once(&mut others, schema.next_value()?)?,
                "anyOf" => schema.next_value_seed(Branches(&self))?.0 > 0,
                "oneOf" => schema.next_value_seed(Branches(&self))?.0 == 1,
                "allOf" => {
                    let (fitting, all) = schema.next_value_seed(Branches(&self))?;
                    fitting == all
                }
                "if" => {
                    let fits = schema.next_value_seed(self.of(value))?;
                    once(&mut condition, fits)?
                }
                "then" => once(&mut then, schema.next_value()?)?,
                _ => return Err(A::Error::custom("a keyword not known here")),
            };
        }
        if let (Some(others), Some(map)) = (others, value.as_object()) {
            let declared = declared.unwrap_or_default();
            for (_, item) in map.iter().filter(|(key, _)| !declared.contains(&key.as_str())) {
                verdict &= self.text::<A::Error>(others.get(), item)?;
            }
        }
        if let (Some(true), Some(then)) = (condition, then) {
            verdict &= self.text::<A::Error>(then.get(), value)?;
        }
        Ok(verdict)
    }
}

/// `properties`: the names that the value has of them, and whether these fit.
struct Properties<'e, 'r, 's>(&'e Evaluate<'r, 's>);

impl<'s> DeserializeSeed<'s> for Properties<'_, '_, 's> {
    type Value = (Vec<&'s str>, bool);

    fn deserialize<D: serde::Deserializer<'s>>(self, reader: D) -> Result<Self::Value, D::Error> {
        reader.deserialize_map(self)
    }
}

impl<'s> Visitor<'s> for Properties<'_, '_, 's> {
    type Value = (Vec<&'s str>, bool);

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("schemas by name")
    }

    fn visit_map<A: MapAccess<'s>>(self, mut properties: A) -> Result<Self::Value, A::Error> {
        let (mut names, mut verdict) = (Vec::new(), true);
        while let Some(name) = properties.next_key::<&'s str>()? {
            match self.0.value.get(name) {
                Some(item) => {
                    verdict &= properties.next_value_seed(self.0.of(item))?;
                    names.push(name);
                }
                None => {
                    properties.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok((names, verdict))
    }
}

/// A list of schemas: how many of them fit, and of how many.
struct Branches<'e, 'r, 's>(&'e Evaluate<'r, 's>);

impl<'s> DeserializeSeed<'s> for Branches<'_, '_, 's> {
    type Value = (usize, usize);

    fn deserialize<D: serde::Deserializer<'s>>(self, reader: D) -> Result<Self::Value, D::Error> {
        reader.deserialize_seq(self)
    }
}

impl<'s> Visitor<'s> for Branches<'_, '_, 's> {
    type Value = (usize, usize);

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("schemas")
    }

    fn visit_seq<A: SeqAccess<'s>>(self, mut schemas: A) -> Result<Self::Value, A::Error> {
        let (mut fitting, mut all) = (0, 0);
        while let Some(fits) = schemas.next_element_seed(self.0.of(self.0.value))? {
            fitting += usize::from(fits);
            all += 1;
        }
        Ok((fitting, all))
    }
}

/// Keeps what a keyword says until all are read; true, since it decides later.
fn once<T, E: Error>(place: &mut Option<T>, said: T) -> Result<bool, E> {
    if place.replace(said).is_some() { Err(E::custom("a keyword a second time")) } else { Ok(true) }
}

fn within(keyword: &str, count: usize, bound: u64) -> bool {
    if keyword.starts_with("min") { count as u64 >= bound } else { count as u64 <= bound }
}

/// Whether a pattern has `\s` or the like, on which regular expression
/// libraries differ.
fn has_class(pattern: &str) -> bool {
    pattern.as_bytes().windows(2).any(|pair| pair[0] == b'\\' && pair[1].is_ascii_alphanumeric())
}

/// Numbers are left to the library: to JSON Schema 1 and 1.0 are equal.
fn equal<E: Error>(a: &Value, b: &Value) -> Result<bool, E> {
    let plain = matches!(a, Value::Null | Value::Bool(_) | Value::String(_));
    if plain { Ok(a == b) } else { Err(E::custom("a value that is not plain")) }
}

fn is_type<E: Error>(rule: &RawValue, value: &Value) -> Result<bool, E> {
    let names: Vec<&str> = match serde_json::from_str(rule.get()) {
        Ok(name) => vec![name],
        Err(_) => serde_json::from_str(rule.get()).map_err(E::custom)?,
    };
    names.into_iter().try_fold(false, |any, name| {
        Ok(any
            | match name {
                "null" => value.is_null(),
                "boolean" => value.is_boolean(),
                "string" => value.is_string(),
                "array" => value.is_array(),
                "object" => value.is_object(),
                "number" => value.is_number(),
                "integer" => value.is_i64() || value.is_u64() || value.as_f64().is_some_and(|number| number.fract() == 0.0),
                _ => return Err(E::custom("a type not known here")),
            })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn any_value() -> impl Strategy<Value = Value> {
        let word = prop_oneof![
            Just("batch"),
            Just("None"),
            Just("Metadata"),
            Just("0600"),
            Just("/etc/a"),
            Just("1s"),
            Just("-"),
            Just(""),
            Just("audit.k8s.io/v1"),
            Just("no")
        ];
        let leaf = prop_oneof![
            Just(json!(null)),
            any::<bool>().prop_map(Value::from),
            (-1i64..200).prop_map(Value::from),
            Just(json!(1.5)),
            Just(json!(2.0)),
            word.prop_map(Value::from)
        ];
        let key = prop_oneof![
            Just("policy"),
            Just("log"),
            Just("rules"),
            Just("level"),
            Just("users"),
            Just("path"),
            Just("mode"),
            Just("maxAge"),
            Just("batch"),
            Just("throttle"),
            Just("qps"),
            Just("content"),
            Just("omitStages"),
            Just("files"),
            Just("extraArgs"),
            Just("expose"),
            Just("name"),
            Just("webhook"),
            Just("kubeconfig"),
            Just("x")
        ];
        leaf.prop_recursive(5, 40, 5, move |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
                proptest::collection::btree_map(key.clone().prop_map(str::to_owned), inner, 0..5).prop_map(Value::from_iter),
            ]
        })
    }

    #[test]
    fn the_bundled_schema_holds_nothing_unknown() {
        let schema = crate::audit::values::schema().to_value().to_string();
        assert_eq!(fits(&schema, &json!({"log": {"maxAge": 30}, "policy": {"rules": [{"level": "None"}]}})), Some(true));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]
        #[test]
        fn says_what_the_library_says(value in any_value()) {
            let schema = crate::audit::values::schema().to_value().to_string();
            thread_local! {
                static LIBRARY: jsonschema::Validator = jsonschema::validator_for(&crate::audit::values::schema().to_value()).unwrap();
            }
            let expected = LIBRARY.with(|library| library.is_valid(&value));
            prop_assert_eq!(fits(&schema, &value), Some(expected));
        }
    }
}
