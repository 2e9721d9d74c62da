//! What the schema says of where a path of a template leads.

use std::borrow::Cow;

use serde_json::Value;

use crate::values::{Member, Schema};

/// A schema: a part of the document, or what a helper makes of one.
pub(super) type Shape<'s> = Cow<'s, Value>;

/// The schema of anything.
static ANYTHING: Value = Value::Bool(true);

pub(super) fn anything<'s>() -> Shape<'s> {
    Cow::Borrowed(&ANYTHING)
}

/// A step that the schema does not declare, and what it was asked of.
pub(super) struct Missing<'s> {
    pub(super) step: usize,
    pub(super) of: &'s Value,
}

/// Where steps lead from a schema.
pub(super) fn walk<'s>(schema: &'s Schema, start: &'s Value, steps: &[String]) -> Result<&'s Value, Missing<'s>> {
    steps.iter().enumerate().try_fold(start, |shape, (index, step)| {
        let is_index = step.bytes().all(|byte| byte.is_ascii_digit()) && !step.is_empty();
        match if is_index { schema.items(shape) } else { schema.member(shape, step) } {
            Member::Declared(schema) => Ok(schema),
            Member::Any => Ok(&ANYTHING),
            Member::Undeclared => Err(Missing { step: index, of: shape }),
        }
    })
}

/// What a list's items are; none for what is no list.
pub(super) fn item_of<'s>(schema: &'s Schema, list: &'s Value) -> Option<&'s Value> {
    match schema.items(list) {
        Member::Declared(item) => Some(item),
        Member::Any if *list != ANYTHING => Some(&ANYTHING),
        _ => None,
    }
}

/// The names in a path such as `a.b/[c d].this`.
pub(super) fn steps(raw: &str) -> Vec<String> {
    let mut steps = Vec::new();
    let mut rest = raw;
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix('[') {
            let (name, tail) = after.split_once(']').unwrap_or((after, ""));
            steps.push(name.to_owned());
            rest = tail.trim_start_matches(['.', '/']);
            continue;
        }
        let (name, tail) = rest.split_once(['.', '/']).unwrap_or((rest, ""));
        if !name.is_empty() && name != "this" {
            steps.push(name.to_owned());
        }
        rest = tail;
    }
    steps
}
