//! Flags whose value the target lets its users choose: a ClusterClass variable,
//! a Palette profile variable.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Number;

use super::Arg;
use crate::diagnostic::human::quote;
use crate::diagnostic::{Code, Diagnostic, Location};

/// A variable's type in the target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum VariableType {
    /// Text.
    String,
    /// A whole number.
    Integer,
    /// Any number.
    Number,
    /// True or false.
    Boolean,
}

/// A flag's variable: its name and the bounds of what may be chosen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Variable {
    /// The variable's name in the target: letters and digits, beginning with a letter.
    #[schemars(regex(pattern = "^[A-Za-z][A-Za-z0-9]{0,62}$"))]
    pub name: String,
    /// The variable's type. Without it, what the flag's value looks like.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none", default)]
    pub kind: Option<VariableType>,
    /// The smallest number that may be chosen.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    #[schemars(with = "Option<f64>")]
    pub minimum: Option<Number>,
    /// The largest number that may be chosen.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    #[schemars(with = "Option<f64>")]
    pub maximum: Option<Number>,
    /// The values that may be chosen, as text.
    #[serde(rename = "enum", skip_serializing_if = "Option::is_none", default)]
    pub choices: Option<Vec<String>>,
    /// What the variable does, shown to who chooses.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub description: Option<String>,
}

impl Variable {
    /// What a reference says of a variable: its name.
    pub fn named(name: &str) -> Self {
        Self { name: name.to_owned(), kind: None, minimum: None, maximum: None, choices: None, description: None }
    }

    /// The variable as it ships: with its type, checked against the flag's
    /// value, which becomes its default.
    ///
    /// # Errors
    /// `values-invalid` when the value is not one that the variable admits.
    pub fn for_arg(mut self, arg: &Arg, exposed_at: &Location) -> Result<Self, Diagnostic> {
        let number = arg.value.parse::<f64>().ok().filter(|number| number.is_finite());
        let inferred = match arg.value.as_str() {
            "true" | "false" => VariableType::Boolean,
            value if value.parse::<i64>().is_ok() => VariableType::Integer,
            _ if number.is_some() => VariableType::Number,
            _ => VariableType::String,
        };
        let kind = *self.kind.get_or_insert(inferred);
        let fits = match kind {
            VariableType::String => true,
            VariableType::Number => number.is_some(),
            VariableType::Integer | VariableType::Boolean => kind == inferred,
        };
        let refuse = |why: String| {
            let message = format!("--{} is exposed as `{}`, {why}, and its value is {}", arg.name, self.name, quote(&arg.value));
            Err(Diagnostic::new(Code::ValuesInvalid, message).at(arg.location.clone()).related(exposed_at.clone(), "exposed here"))
        };
        if !fits {
            return refuse(format!("whose type is {}", serde_json::to_value(kind).unwrap_or_default().as_str().unwrap_or_default()));
        }
        if let (Some(minimum), Some(number)) = (&self.minimum, number)
            && minimum.as_f64().is_some_and(|minimum| number < minimum)
        {
            return refuse(format!("which is at least {minimum}"));
        }
        if let (Some(maximum), Some(number)) = (&self.maximum, number)
            && maximum.as_f64().is_some_and(|maximum| number > maximum)
        {
            return refuse(format!("which is at most {maximum}"));
        }
        if let Some(choices) = &self.choices
            && !choices.contains(&arg.value)
        {
            return refuse(format!("which is one of {}", choices.join(", ")));
        }
        Ok(self)
    }
}
