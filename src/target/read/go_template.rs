//! Go templates as ClusterClass patches have them, as far as they only put
//! variables into text: `kubernetes-sigs/cluster-api
//! core/reconcilers/topology/cluster/patches/inline`, with functions of sprig.

use serde_json::{Number, Value};

/// What a template gives.
#[derive(Debug, PartialEq, Eq)]
pub struct Evaluated {
    /// The text.
    pub text: String,
    /// The variables that it uses, once for each use, as paths: `audit.maxAge`.
    pub variables: Vec<String>,
}

/// The text of a template, with `value` to look variables up by their paths.
/// None where it does more, or where a variable has no value.
pub fn evaluate(template: &str, value: &dyn Fn(&str) -> Option<Value>) -> Option<Evaluated> {
    let mut evaluated = Evaluated { text: String::new(), variables: Vec::new() };
    let mut rest = template;
    while let Some((before, after)) = rest.split_once("{{") {
        let (action, after) = after.split_once("}}")?;
        let mut steps = action.split('|').map(str::trim);
        let variable = steps.next()?.strip_prefix('.')?;
        let is_path =
            |text: &str| text.split('.').all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_'));
        if !is_path(variable) {
            return None;
        }
        let result = steps.try_fold(value(variable)?, step)?;
        evaluated.text.push_str(before);
        evaluated.text.push_str(&printed(&result)?);
        evaluated.variables.push(variable.to_owned());
        rest = after;
    }
    evaluated.text.push_str(rest);
    Some(evaluated)
}

fn step(value: Value, function: &str) -> Option<Value> {
    let text = match (function, &value) {
        // No float any more: printed without an exponent.
        ("int64" | "int", Value::Number(number)) => whole(number)?.to_string(),
        ("toJson", Value::Number(number)) => whole(number).map_or_else(|| number.to_string(), |whole| whole.to_string()),
        ("toJson", Value::Bool(_) | Value::String(_)) => value.to_string(),
        ("toString", _) => printed(&value)?,
        ("quote", _) => Value::String(printed(&value)?).to_string(),
        ("squote", _) => format!("'{}'", printed(&value)?),
        _ => return None,
    };
    Some(Value::String(text))
}

/// A number without its fraction.
fn whole(number: &Number) -> Option<i64> {
    number.as_i64().or_else(|| number.as_f64().filter(|float| float.abs() < 1e15).map(|float| float.trunc() as i64)).filter(|_| {
        // `toJson` keeps a fraction, and `int64` of one is nothing that anybody means.
        number.as_f64().is_some_and(|float| float.fract() == 0.0)
    })
}

/// What Go prints. Its numbers are floats, and large and small ones get an
/// exponent, which no flag takes: then nothing.
fn printed(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(value) => Some(value.to_string()),
        Value::Number(number) => {
            let size = number.as_f64()?.abs();
            let is_plain = size == 0.0 || (1e-4..1e6).contains(&size);
            is_plain.then(|| whole(number).map_or_else(|| number.to_string(), |whole| whole.to_string()))
        }
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn text(template: &str, value: &Value) -> Option<String> {
        evaluate(template, &|name| (name == "a.b").then(|| value.clone())).map(|evaluated| evaluated.text)
    }

    #[test]
    fn what_go_makes_of_variables() {
        let cases = [
            ("x: {{ .a.b }}\n", json!(30), Some("x: 30\n")),
            ("{{.a.b|quote}}", json!(30.0), Some("\"30\"")),
            ("{{ .a.b | int64 | quote }}", json!(1_000_000), Some("\"1000000\"")),
            ("{{ .a.b | toJson | quote }}", json!(2.5), Some("\"2.5\"")),
            ("{{ .a.b | toString }}-{{ .a.b | squote }}", json!(true), Some("true-'true'")),
            ("{{ .a.b | quote }}", json!("say \"x\""), Some("\"say \\\"x\\\"\"")),
            ("{{ .a.b | toJson }}", json!("x"), Some("\"x\"")),
            ("plain", json!(null), Some("plain")),
        ];
        for (template, value, expected) in cases {
            assert_eq!(text(template, &value).as_deref(), expected, "{template}");
        }
        assert_eq!(evaluate("{{ .a.b }}{{ .a.b }}", &|_| Some(json!(1))).unwrap().variables, ["a.b", "a.b"]);
    }

    #[test]
    fn what_is_more_than_that() {
        for template in
            ["{{ .other }}", "{{ if .a.b }}x{{ end }}", "{{- .a.b }}", "{{ .a.b | upper }}", "{{ .a.b", "{{ }}", "{{ a.b }}", "{{ .a. }}"]
        {
            assert_eq!(text(template, &json!(1)), None, "{template}");
        }
        // 1e+06 to Go.
        assert_eq!(text("{{ .a.b }}", &json!(1_000_000)), None);
        assert_eq!(text("{{ .a.b | quote }}", &json!([1])), None);
    }
}
