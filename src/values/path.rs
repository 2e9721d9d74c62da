//! The path of a value, written as `--set` takes it: `policy.rules[3].verbs[0]`.
//!
//! A key that is more than letters, digits, `-` and `_` is written in brackets
//! and JSON quotes: `files["/etc/kubernetes/x.yaml"].content`. For people who
//! know other tools, `\.` is a dot inside a key.

use std::fmt;

/// One step into a value.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Step {
    /// A member of a mapping.
    Key(String),
    /// An item of a list, from 0.
    Index(usize),
}

/// The most steps that are read: as deep as files may nest.
const MAX_STEPS: usize = crate::yaml::MAX_DEPTH;

/// Steps from the top of a value.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Path(pub Vec<Step>);

impl Path {
    /// The whole value.
    pub fn root() -> Self {
        Self::default()
    }

    /// The path of a member.
    #[must_use]
    pub fn key(&self, key: impl Into<String>) -> Self {
        let mut steps = self.0.clone();
        steps.push(Step::Key(key.into()));
        Self(steps)
    }

    /// The path of an item.
    #[must_use]
    pub fn item(&self, index: usize) -> Self {
        let mut steps = self.0.clone();
        steps.push(Step::Index(index));
        Self(steps)
    }

    /// From a JSON pointer (RFC 6901) into `value`, which tells indices from keys.
    pub fn from_pointer(pointer: &str, value: &serde_json::Value) -> Self {
        let mut path = Self::root();
        let mut at = Some(value);
        for token in pointer.split('/').skip(1) {
            let token = token.replace("~1", "/").replace("~0", "~");
            let index = at.is_some_and(serde_json::Value::is_array).then(|| token.parse().ok()).flatten();
            at = match index {
                Some(index) => at.and_then(|value| value.get::<usize>(index)),
                None => at.and_then(|value| value.get(&token)),
            };
            path.0.push(index.map_or(Step::Key(token), Step::Index));
        }
        path
    }

    /// Reads what `--set` takes left of the `=`.
    ///
    /// # Errors
    /// What was expected, and the byte at which something else stood.
    pub fn parse(text: &str) -> Result<Self, (usize, String)> {
        let mut steps = Vec::new();
        let mut at = 0;
        while at < text.len() {
            if steps.len() == MAX_STEPS {
                return Err((at, format!("expected the end: a path has at most {MAX_STEPS} steps")));
            }
            let rest = &text[at..];
            if rest.starts_with('[') {
                let (step, length) = bracket(rest).map_err(|why| (at, why))?;
                steps.push(step);
                at += length;
                continue;
            }
            if !steps.is_empty() {
                if !rest.starts_with('.') {
                    return Err((at, "expected `.` or `[`".to_owned()));
                }
                at += 1;
            }
            let (key, length) = bare_key(&text[at..]);
            if key.is_empty() {
                return Err((at, "expected a key".to_owned()));
            }
            steps.push(Step::Key(key));
            at += length;
        }
        if steps.is_empty() { Err((0, "expected a key".to_owned())) } else { Ok(Self(steps)) }
    }
}

fn bare_key(text: &str) -> (String, usize) {
    let mut key = String::new();
    let mut characters = text.char_indices();
    while let Some((at, c)) = characters.next() {
        match c {
            '.' | '[' => return (key, at),
            '\\' => match characters.next() {
                Some((_, escaped)) => key.push(escaped),
                None => key.push('\\'),
            },
            c => key.push(c),
        }
    }
    (key, text.len())
}

fn bracket(text: &str) -> Result<(Step, usize), String> {
    let inner = &text[1..];
    if inner.starts_with('"') {
        let mut strings = serde_json::Deserializer::from_str(inner).into_iter::<String>();
        let key = strings.next().and_then(Result::ok).ok_or("expected a key in double quotes after `[`")?;
        let length = strings.byte_offset();
        return if inner[length..].starts_with(']') { Ok((Step::Key(key), length + 2)) } else { Err("expected `]`".to_owned()) };
    }
    let end = inner.find(']').ok_or("expected `]`")?;
    let index = inner[..end].parse().map_err(|_| "expected an index from 0, or a key in double quotes, inside `[ ]`")?;
    Ok((Step::Index(index), end + 2))
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, step) in self.0.iter().enumerate() {
            match step {
                Step::Index(index) => write!(f, "[{index}]")?,
                Step::Key(key) => {
                    let bare = !key.is_empty() && key.chars().all(|c| c.is_alphanumeric() || matches!(c, '-' | '_'));
                    if bare {
                        let dot = if position == 0 { "" } else { "." };
                        write!(f, "{dot}{key}")?;
                    } else {
                        write!(f, "[{}]", serde_json::Value::from(key.as_str()))?;
                    }
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reads_the_forms_people_write() {
        for (text, printed) in [
            ("log.maxAge", "log.maxAge"),
            ("policy.rules[3].verbs[0]", "policy.rules[3].verbs[0]"),
            (r#"files["/etc/x.yaml"].content"#, r#"files["/etc/x.yaml"].content"#),
            (r"files./etc/x\.yaml.content", r#"files["/etc/x.yaml"].content"#),
        ] {
            assert_eq!(Path::parse(text).unwrap().to_string(), printed);
        }
        for text in ["", ".", "a..b", "a[", "a[x]", "a[0]b", "a[\"x\"", "a."] {
            assert!(Path::parse(text).is_err(), "{text}");
        }
        assert!(Path::parse(&"[0]".repeat(64)).is_ok() && Path::parse(&"[0]".repeat(65)).is_err());
    }

    proptest! {
        #[test]
        fn what_is_printed_is_read_back(keys in proptest::collection::vec(prop_oneof![".*".prop_map(Step::Key), (0usize..99).prop_map(Step::Index)], 1..5)) {
            let path = Path(keys);
            prop_assert_eq!(Path::parse(&path.to_string()).unwrap(), path);
        }
    }
}
