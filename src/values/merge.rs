//! JSON Merge Patch (RFC 7396) over values that know their places.

use crate::yaml::{Data, Node};

/// `patch` over `target`: mappings merge, scalars and lists replace, null
/// removes a key at every depth. Inside lists null stays what it is.
pub fn patch(target: Node, patch: Node) -> Node {
    let Data::Map(changes) = patch.data else { return patch };
    let (mut entries, location) = match target.data {
        Data::Map(entries) => (entries, target.location),
        _ => (Vec::new(), patch.location),
    };
    for change in changes {
        let known = entries.iter().position(|entry| entry.key == change.key);
        match (known, &change.value.data) {
            (Some(index), Data::Null) => {
                entries.remove(index);
            }
            (None, Data::Null) => {}
            (Some(index), _) => {
                let entry = &mut entries[index];
                let old = std::mem::replace(&mut entry.value, Node { data: Data::Null, location: change.key_location.clone() });
                entry.value = self::patch(old, change.value);
                entry.key_location = change.key_location;
            }
            (None, _) => {
                let empty = Node { data: Data::Null, location: change.value.location.clone() };
                let mut change = change;
                change.value = self::patch(empty, change.value);
                entries.push(change);
            }
        }
    }
    Node { data: Data::Map(entries), location }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::Source;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    /// The algorithm of RFC 7396 section 2, word for word.
    fn rfc_7396(target: &Value, patch: &Value) -> Value {
        let Value::Object(changes) = patch else { return patch.clone() };
        let mut result = target.as_object().cloned().unwrap_or_default();
        for (key, value) in changes {
            if value.is_null() {
                result.remove(key);
            } else {
                let old = result.get(key).cloned().unwrap_or(Value::Null);
                result.insert(key.clone(), rfc_7396(&old, value));
            }
        }
        Value::Object(result)
    }

    fn any_value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(json!(null)),
            any::<bool>().prop_map(Value::from),
            (0..9).prop_map(Value::from),
            "[ab]{0,2}".prop_map(Value::from)
        ];
        leaf.prop_recursive(4, 24, 4, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
                proptest::collection::btree_map("[abc]", inner, 0..4).prop_map(Value::from_iter),
            ]
        })
    }

    proptest! {
        #[test]
        fn is_rfc_7396(target in any_value(), change in any_value()) {
            let at = Source::anonymous("test", "").at(0..0);
            let merged = patch(Node::from_json(target.clone(), &at), Node::from_json(change.clone(), &at)).to_json();
            prop_assert_eq!(merged, rfc_7396(&target, &change));
        }
    }
}
