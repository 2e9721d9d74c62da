//! Whether values fit a schema, without compiling it.
//!
//! Compiling a schema costs more than everything else that is done to values,
//! and nearly always the answer is yes. So the keywords that packs use are
//! evaluated directly; for any other keyword, and for every no, the schema
//! library is asked, which also says why.

use std::cell::RefCell;
use std::collections::BTreeMap;

use regex_lite::Regex;
use serde_json::Value;

use super::Schema;

/// Whether `value` fits, or none when that takes a keyword not known here.
pub fn fits(schema: &Schema, value: &Value) -> Option<bool> {
    evaluate(&Root { document: &schema.document, patterns: RefCell::default() }, &schema.document, value, 0)
}

struct Root<'s> {
    document: &'s Value,
    /// Patterns that were met: one stands in many places.
    patterns: RefCell<BTreeMap<&'s str, Regex>>,
}

impl<'s> Root<'s> {
    fn is_match(&self, pattern: &'s str, text: &str) -> Option<bool> {
        let mut patterns = self.patterns.borrow_mut();
        if !patterns.contains_key(pattern) {
            patterns.insert(pattern, Regex::new(pattern).ok()?);
        }
        patterns.get(pattern).map(|pattern| pattern.is_match(text))
    }
}

fn evaluate<'s>(root: &Root<'s>, schema: &'s Value, value: &Value, depth: usize) -> Option<bool> {
    const DEEPEST: usize = 128;
    let keywords = match schema {
        Value::Bool(verdict) => return Some(*verdict),
        Value::Object(keywords) if depth < DEEPEST => keywords,
        _ => return None,
    };
    let next = |schema: &'s Value, value: &Value| evaluate(root, schema, value, depth + 1);
    let mut verdict = true;
    for (keyword, rule) in keywords {
        verdict &= match keyword.as_str() {
            "$schema" | "$defs" | "$comment" | "title" | "description" | "default" | "examples" | "format" | "then" => true,
            "$ref" => {
                let target = rule.as_str()?.strip_prefix('#')?;
                next(root.document.pointer(target)?, value)?
            }
            "type" => is_type(rule, value)?,
            "enum" => rule.as_array()?.iter().map(|choice| equal(choice, value)).collect::<Option<Vec<_>>>()?.contains(&true),
            "const" => equal(rule, value)?,
            "minimum" => value.as_f64().is_none_or(|number| rule.as_f64().is_some_and(|least| number >= least)),
            "maximum" => value.as_f64().is_none_or(|number| rule.as_f64().is_some_and(|most| number <= most)),
            "minLength" | "maxLength" if !rule.is_u64() => return None,
            "minItems" | "maxItems" if !rule.is_u64() => return None,
            "minLength" | "maxLength" => value.as_str().is_none_or(|text| within(keyword, text.chars().count(), rule)),
            "minItems" | "maxItems" => value.as_array().is_none_or(|items| within(keyword, items.len(), rule)),
            "pattern" if has_class(rule) => return None,
            "pattern" => match value.as_str() {
                Some(text) => root.is_match(rule.as_str()?, text)?,
                None => true,
            },
            "required" => value
                .as_object()
                .is_none_or(|map| rule.as_array().into_iter().flatten().all(|key| key.as_str().is_some_and(|key| map.contains_key(key)))),
            "items" => all(value.as_array().into_iter().flatten().map(|item| next(rule, item)))?,
            "properties" => {
                let rules = rule.as_object()?;
                all(value.as_object().into_iter().flatten().filter_map(|(key, item)| rules.get(key).map(|rule| next(rule, item))))?
            }
            "additionalProperties" => {
                if keywords.contains_key("patternProperties") {
                    return None;
                }
                let declared = keywords.get("properties").and_then(Value::as_object);
                let others = value
                    .as_object()
                    .into_iter()
                    .flatten()
                    .filter(|(key, _)| !declared.is_some_and(|declared| declared.contains_key(*key)));
                all(others.map(|(_, item)| next(rule, item)))?
            }
            "anyOf" => rule.as_array()?.iter().map(|branch| next(branch, value)).collect::<Option<Vec<_>>>()?.contains(&true),
            "oneOf" => {
                rule.as_array()?.iter().map(|branch| next(branch, value)).collect::<Option<Vec<_>>>()?.iter().filter(|fits| **fits).count()
                    == 1
            }
            "allOf" => all(rule.as_array()?.iter().map(|branch| next(branch, value)))?,
            "if" => !next(rule, value)? || keywords.get("then").map_or(Some(true), |then| next(then, value))?,
            _ => return None,
        };
    }
    Some(verdict)
}

/// Whether all are true; none as soon as one is not known.
fn all(mut verdicts: impl Iterator<Item = Option<bool>>) -> Option<bool> {
    verdicts.try_fold(true, |all, verdict| verdict.map(|verdict| all & verdict))
}

fn within(keyword: &str, count: usize, bound: &Value) -> bool {
    let bound = bound.as_u64().unwrap_or_default();
    if keyword.starts_with("min") { count as u64 >= bound } else { count as u64 <= bound }
}

/// Whether a pattern has `\s` or the like, on which regular expression
/// libraries differ.
fn has_class(rule: &Value) -> bool {
    let pattern = rule.as_str().unwrap_or_default().as_bytes();
    pattern.windows(2).any(|pair| pair[0] == b'\\' && pair[1].is_ascii_alphanumeric())
}

/// Numbers are left to the library: to JSON Schema 1 and 1.0 are equal.
fn equal(a: &Value, b: &Value) -> Option<bool> {
    let plain = |value: &Value| matches!(value, Value::Null | Value::Bool(_) | Value::String(_));
    if plain(a) { Some(a == b) } else { None }
}

fn is_type(rule: &Value, value: &Value) -> Option<bool> {
    let one = |name: &Value| {
        Some(match name.as_str()? {
            "null" => value.is_null(),
            "boolean" => value.is_boolean(),
            "string" => value.is_string(),
            "array" => value.is_array(),
            "object" => value.is_object(),
            "number" => value.is_number(),
            "integer" => value.is_i64() || value.is_u64() || value.as_f64().is_some_and(|number| number.fract() == 0.0),
            _ => return None,
        })
    };
    match rule {
        Value::Array(names) => names.iter().map(one).collect::<Option<Vec<_>>>().map(|verdicts| verdicts.contains(&true)),
        name => one(name),
    }
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
        let schema = Schema::from_value(crate::audit::values::schema().to_value());
        assert_eq!(fits(&schema, &json!({"log": {"maxAge": 30}, "policy": {"rules": [{"level": "None"}]}})), Some(true));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]
        #[test]
        fn says_what_the_library_says(value in any_value()) {
            let schema = Schema::from_value(crate::audit::values::schema().to_value());
            thread_local! {
                static LIBRARY: jsonschema::Validator = jsonschema::validator_for(&crate::audit::values::schema().to_value()).unwrap();
            }
            let expected = LIBRARY.with(|library| library.is_valid(&value));
            prop_assert_eq!(fits(&schema, &value), Some(expected));
        }
    }
}
