//! A pack's values schema: all its objections at once, each at the value's place.

use serde_json::Value;

use super::path::{Path, Step};
use super::quick;
use crate::diagnostic::human::quote;
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Location, Source, nearest};
use crate::yaml::Node;
use jsonschema::error::{TypeKind, ValidationErrorKind as Kind};
use jsonschema::{ValidationError, Validator};
use std::sync::Arc;

/// A JSON Schema (draft 2020-12) of a pack's values or of a template's context.
#[derive(Debug)]
pub struct Schema {
    /// The schema document.
    pub document: Value,
    source: Arc<Source>,
}

/// What a schema says of a member.
#[derive(Debug, Clone, PartialEq)]
pub enum Member<'s> {
    /// It has this schema.
    Declared(&'s Value),
    /// Anything is allowed here.
    Any,
    /// It must not be there.
    Undeclared,
}

impl Schema {
    /// Reads a schema file.
    ///
    /// # Errors
    /// `pack-invalid` when it is not JSON.
    pub fn parse(source: &Arc<Source>) -> Result<Self, Diagnostics> {
        match serde_json::from_str(&source.text) {
            Ok(document) => Ok(Self { document, source: Arc::clone(source) }),
            Err(error) => {
                let at = source.line_start(error.line()) + error.column().saturating_sub(1);
                Err(Diagnostic::new(Code::PackInvalid, format!("not JSON: {error}")).at(source.at(at..at + 1)).into())
            }
        }
    }

    /// A schema that Rust types generated.
    pub fn from_value(document: Value) -> Self {
        let source = Source::anonymous("schema", document.to_string());
        Self { document, source }
    }

    /// Every objection of the schema file `source` to `values`. Values that fit,
    /// as nearly all do, cost no schema tree.
    ///
    /// # Errors
    /// As of [`Schema::parse`] and [`Schema::check`].
    pub fn check_file(source: &Arc<Source>, values: &Node) -> Result<Diagnostics, Diagnostics> {
        let instance = values.to_json();
        if quick::fits(&source.text, &instance) == Some(true) {
            return Ok(Diagnostics::new());
        }
        Self::parse(source)?.objections(values, &instance)
    }

    /// Every objection to `values`.
    ///
    /// # Errors
    /// `pack-invalid` when the schema itself cannot be used.
    pub fn check(&self, values: &Node) -> Result<Diagnostics, Diagnostics> {
        let instance = values.to_json();
        if quick::fits(&self.source.text, &instance) == Some(true) {
            return Ok(Diagnostics::new());
        }
        self.objections(values, &instance)
    }

    fn objections(&self, values: &Node, instance: &Value) -> Result<Diagnostics, Diagnostics> {
        let validator = self.compile()?;
        let mut found = Diagnostics::new();
        if !validator.is_valid(instance) {
            for error in validator.iter_errors(instance) {
                self.explain(&error, values, instance, &mut found);
            }
            // As a person meets them, file by file.
            found.items.sort_by_key(|item| item.location.as_ref().map(|at| (at.source.name.clone(), at.range.start)));
        }
        Ok(found)
    }

    fn compile(&self) -> Result<Validator, Diagnostics> {
        jsonschema::options().build(&self.document).map_err(|error| {
            let message = format!("not a usable JSON Schema: {error}");
            Diagnostic::new(Code::PackInvalid, message).at(self.source.at(0..0)).into()
        })
    }

    fn explain(&self, error: &ValidationError<'_>, values: &Node, instance: &Value, found: &mut Diagnostics) {
        let path = Path::from_pointer(error.instance_path().as_str(), instance);
        let (node, location) = locate(values, &path);
        let schema = self.at(&path);
        let written = node.map_or_else(String::new, written);
        let invalid = |message: String| Diagnostic::new(Code::ValuesInvalid, message).at(location.clone()).path(&path);
        match error.kind() {
            Kind::AdditionalProperties { unexpected } | Kind::UnevaluatedProperties { unexpected } => {
                for key in unexpected {
                    found.push(self.unknown_key(values, &path, key));
                }
                return;
            }
            Kind::AnyOf { context } | Kind::OneOfNotValid { context } => {
                self.explain_branches(context, values, instance, &path, found);
                return;
            }
            _ => {}
        }
        let mut diagnostic = match error.kind() {
            Kind::Type { kind: TypeKind::Single(jsonschema::JsonType::Null) } => invalid(format!("{path} must not be set here")),
            Kind::Type { kind } => invalid(format!("{path} must be {}, not {written}", types(kind))),
            Kind::Enum { options } => {
                let options: Vec<&str> = options.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
                let mut diagnostic = invalid(format!("{path} must be one of {}, not {written}", options.join(", ")));
                if let Some(near) = node.and_then(Node::as_str).and_then(|text| nearest(text, options)) {
                    diagnostic = diagnostic.help(format!("did you mean `{near}`?"));
                }
                diagnostic
            }
            Kind::Constant { expected_value } => invalid(format!("{path} must be {expected_value}, not {written}")),
            Kind::Minimum { limit } => invalid(format!("{path} must be at least {limit}, not {written}")),
            Kind::Maximum { limit } => invalid(format!("{path} must be at most {limit}, not {written}")),
            Kind::ExclusiveMinimum { limit } => invalid(format!("{path} must be more than {limit}, not {written}")),
            Kind::ExclusiveMaximum { limit } => invalid(format!("{path} must be less than {limit}, not {written}")),
            Kind::MinLength { limit } => invalid(format!("{path} must have at least {limit} characters")),
            Kind::MaxLength { limit } => invalid(format!("{path} must have at most {limit} characters")),
            Kind::MinItems { limit } => invalid(format!("{path} must have at least {limit} items")),
            Kind::MaxItems { limit } => invalid(format!("{path} must have at most {limit} items")),
            Kind::UniqueItems => invalid(format!("{path} lists an item twice")),
            Kind::Required { property } => {
                let name = property.as_str().unwrap_or_default();
                let misspelt = |key: &str| {
                    schema.is_some_and(|schema| self.member(schema, key) == Member::Undeclared) && nearest(key, [name]).is_some()
                };
                if node.is_some_and(|node| node.entries().iter().any(|entry| misspelt(&entry.key))) {
                    return; // said as an unknown key
                }
                invalid(format!("{} lacks `{name}`", named(&path)))
            }
            Kind::Pattern { pattern } => invalid(format!("{path} must match {pattern}, and {written} does not")),
            Kind::PropertyNames { error } => invalid(format!("a key of {} is not allowed: {error}", named(&path))),
            _ => invalid(format!("{}: {error}", named(&path))),
        };
        let rule = error.schema_path().as_str().rsplit_once('/').and_then(|(rule, _)| self.document.pointer(rule));
        let description =
            |schema: Option<&'_ Value>| schema.and_then(|schema| schema.get("description")).and_then(Value::as_str).map(str::to_owned);
        if diagnostic.help.is_none()
            && !path.0.is_empty()
            && let Some(description) = description(rule).or_else(|| description(schema))
        {
            diagnostic = diagnostic.help(format!("{path}: {}", description.lines().next().unwrap_or_default()));
        }
        found.push(diagnostic);
    }

    /// "Not valid under any of these" helps nobody: the branch that got furthest
    /// says what is wrong. A branch that objects to the value's type got nowhere.
    fn explain_branches(
        &self,
        branches: &[Vec<ValidationError<'static>>],
        values: &Node,
        instance: &Value,
        path: &Path,
        found: &mut Diagnostics,
    ) {
        let wrong_type = |errors: &[ValidationError<'static>]| {
            errors.iter().all(|error| {
                matches!(error.kind(), Kind::Type { .. }) && Path::from_pointer(error.instance_path().as_str(), instance) == *path
            })
        };
        if let Some(best) = branches.iter().filter(|errors| !wrong_type(errors)).min_by_key(|errors| errors.len()) {
            for error in best {
                self.explain(error, values, instance, found);
            }
            return;
        }
        let mut names: Vec<String> = Vec::new();
        for error in branches.iter().flatten() {
            if let Kind::Type { kind } = error.kind() {
                names.push(types(kind));
            }
        }
        names.dedup();
        let (node, location) = locate(values, path);
        let message = format!("{path} must be {}, not {}", names.join(" or "), node.map_or_else(String::new, written));
        found.push(Diagnostic::new(Code::ValuesInvalid, message).at(location).path(path));
    }

    fn unknown_key(&self, values: &Node, parent: &Path, key: &str) -> Diagnostic {
        let path = parent.key(key);
        let location = locate(values, parent)
            .0
            .and_then(|node| node.entries().iter().find(|entry| entry.key == key))
            .map_or_else(|| values.location.clone(), |entry| entry.key_location.clone());
        let known = self.at(parent).map(|schema| self.keys(schema)).unwrap_or_default();
        let message = format!("{} has no key {}", named(parent), quote(key));
        let diagnostic = Diagnostic::new(Code::ValuesUnknownKey, message).at(location).path(path);
        match nearest(key, known.iter().copied()) {
            Some(near) => diagnostic.help(format!("did you mean `{near}`?")),
            None if known.is_empty() => diagnostic,
            None => diagnostic.help(format!("its keys are {}", known.join(", "))),
        }
    }

    /// The schema of the value at `path`, where one is declared.
    pub fn at(&self, path: &Path) -> Option<&Value> {
        let mut schema = self.resolve(&self.document);
        for step in &path.0 {
            let member = match step {
                Step::Key(key) => self.member(schema, key),
                Step::Index(_) => self.items(schema),
            };
            match member {
                Member::Declared(next) => schema = self.resolve(next),
                _ => return None,
            }
        }
        Some(schema)
    }

    /// Follows `$ref` to the definition.
    pub fn resolve<'s>(&'s self, mut schema: &'s Value) -> &'s Value {
        for _ in 0..16 {
            let target = schema.get("$ref").and_then(Value::as_str).and_then(|reference| reference.strip_prefix('#'));
            match target.and_then(|pointer| self.document.pointer(pointer)) {
                Some(next) => schema = next,
                None => break,
            }
        }
        schema
    }

    /// What `schema` says of the member `key`.
    pub fn member<'s>(&'s self, schema: &'s Value, key: &str) -> Member<'s> {
        let alternatives = self.alternatives(schema);
        let declared = alternatives.iter().find_map(|schema| schema.get("properties")?.get(key));
        if let Some(declared) = declared {
            return Member::Declared(declared);
        }
        let others = alternatives.into_iter().find_map(|schema| match schema.get("additionalProperties") {
            Some(Value::Bool(false)) => None,
            Some(Value::Bool(true)) => Some(Member::Any),
            Some(declared) => Some(Member::Declared(declared)),
            None => {
                let open = may_be(schema, "object") && branches(schema).next().is_none() && schema.get("properties").is_none();
                open.then_some(Member::Any)
            }
        });
        others.unwrap_or(Member::Undeclared)
    }

    /// A schema and all that its `anyOf`, `oneOf` and `allOf` lead to, each once.
    fn alternatives<'s>(&'s self, schema: &'s Value) -> Vec<&'s Value> {
        const MOST: usize = 64;
        let mut found = vec![self.resolve(schema)];
        let mut at = 0;
        while at < found.len() && found.len() < MOST {
            for branch in branches(found[at]) {
                let branch = self.resolve(branch);
                if !found.iter().any(|known| std::ptr::eq(*known, branch)) {
                    found.push(branch);
                }
            }
            at += 1;
        }
        found
    }

    /// What `schema` says of a list's items.
    pub fn items<'s>(&'s self, schema: &'s Value) -> Member<'s> {
        let alternatives = self.alternatives(schema);
        if let Some(items) = alternatives.iter().find_map(|schema| schema.get("items")) {
            return Member::Declared(items);
        }
        let open = alternatives.into_iter().any(|schema| may_be(schema, "array") && branches(schema).next().is_none());
        if open { Member::Any } else { Member::Undeclared }
    }

    /// The keys that `schema` declares by name.
    pub fn keys<'s>(&'s self, schema: &'s Value) -> Vec<&'s str> {
        let declared = self.alternatives(schema).into_iter().filter_map(|schema| schema.get("properties")?.as_object());
        let mut keys: Vec<&str> = declared.flatten().map(|(key, _)| key.as_str()).collect();
        keys.sort_unstable();
        keys.dedup();
        keys
    }

    /// `value` with every member that the schema declares: absent ones as null,
    /// absent objects as objects of nulls, so that templates can name any
    /// declared path.
    pub fn complete(&self, value: Value) -> Value {
        self.complete_at(value, &self.document, &mut { Self::MOST_ABSENT }, 0)
    }

    /// The most absent members that are filled in: a schema that contains
    /// itself declares endless ones.
    const MOST_ABSENT: usize = 10_000;
    /// The deepest member that is filled in; values nest no deeper.
    const DEEPEST: usize = 64;

    fn complete_at(&self, value: Value, schema: &Value, left: &mut usize, depth: usize) -> Value {
        if depth > Self::DEEPEST {
            return value;
        }
        let schema = self.resolve(schema);
        match value {
            Value::Object(map) => {
                let mut map = map;
                for key in self.keys(schema) {
                    if !map.contains_key(key)
                        && let Member::Declared(declared) = self.member(schema, key)
                    {
                        *left = left.saturating_sub(1);
                        let declared = self.resolve(declared);
                        let absent =
                            if *left > 0 && !self.keys(declared).is_empty() { Value::Object(serde_json::Map::new()) } else { Value::Null };
                        map.insert(key.to_owned(), absent);
                    }
                }
                let completed = map.into_iter().map(|(key, value)| {
                    let value = match self.member(schema, &key) {
                        Member::Declared(declared) => self.complete_at(value, declared, left, depth + 1),
                        _ => value,
                    };
                    (key, value)
                });
                Value::Object(completed.collect())
            }
            Value::Array(items) => match self.items(schema) {
                Member::Declared(declared) => items.into_iter().map(|item| self.complete_at(item, declared, left, depth + 1)).collect(),
                _ => Value::Array(items),
            },
            scalar => scalar,
        }
    }
}

fn branches(schema: &Value) -> impl Iterator<Item = &Value> {
    ["anyOf", "oneOf", "allOf"].into_iter().filter_map(|keyword| schema.get(keyword)).filter_map(Value::as_array).flatten()
}

fn may_be(schema: &Value, name: &str) -> bool {
    match schema.get("type") {
        None => schema.get("enum").is_none() && schema.get("const").is_none(),
        Some(Value::String(one)) => one == name,
        Some(Value::Array(several)) => several.iter().any(|one| one == name),
        Some(_) => false,
    }
}

fn types(kind: &TypeKind) -> String {
    let article = |name: &str| match name {
        "integer" | "array" | "object" => format!(
            "an {}",
            if name == "array" {
                "array (a list)"
            } else if name == "object" {
                "object (a mapping)"
            } else {
                name
            }
        ),
        "null" => "null".to_owned(),
        name => format!("a {name}"),
    };
    let names: Vec<String> = match kind {
        TypeKind::Single(one) => vec![article(one.as_str())],
        TypeKind::Multiple(set) => {
            let (null, others): (Vec<_>, Vec<_>) = set.iter().map(|one| one.as_str()).partition(|name| *name == "null");
            others.into_iter().chain(null).map(article).collect()
        }
    };
    names.join(" or ")
}

fn written(node: &Node) -> String {
    match &node.data {
        crate::yaml::Data::Map(_) => "a mapping".to_owned(),
        crate::yaml::Data::List(_) => "a list".to_owned(),
        crate::yaml::Data::Null => "null".to_owned(),
        crate::yaml::Data::String(text) | crate::yaml::Data::Ambiguous(text) => format!("the text {}", quote(text)),
        _ => quote(&crate::yaml::emit::flow(&node.to_json())),
    }
}

fn named(path: &Path) -> String {
    if path.0.is_empty() { "the top of the values".to_owned() } else { format!("`{path}`") }
}

/// The node at `path`, and its place or that of the nearest node above it.
fn locate<'n>(values: &'n Node, path: &Path) -> (Option<&'n Node>, Location) {
    let mut node = values;
    for step in &path.0 {
        let next = match step {
            Step::Key(key) => node.get(key),
            Step::Index(index) => node.items().get(*index),
        };
        match next {
            Some(next) => node = next,
            None => return (None, node.location.clone()),
        }
    }
    (Some(node), node.location.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn schemas_that_contain_themselves_end() {
        let node = json!({"type": ["object", "null"], "properties": {"l": {"$ref": "#/$defs/n"}, "r": {"$ref": "#/$defs/n"}}});
        let schema =
            Schema::from_value(json!({"anyOf": [{"$ref": "#"}], "$defs": {"n": node}, "properties": {"tree": {"$ref": "#/$defs/n"}}}));
        assert!(schema.complete(json!({}))["tree"]["l"]["r"].is_object());
        assert_eq!(schema.keys(&schema.document), ["tree"]);
        assert_eq!(schema.member(&schema.document, "other"), Member::Undeclared);
    }
}
