//! `packwright new`: a pack source to begin with.

use std::collections::BTreeMap;

use super::manifest::check_name;
use crate::diagnostic::Diagnostic;

/// The files of a new pack source that sets one flag, by path.
///
/// # Errors
/// `usage` when the name is no pack name.
pub fn scaffold(name: &str) -> Result<BTreeMap<&'static str, String>, Diagnostic> {
    check_name(name)?;
    Ok(BTreeMap::from([
        ("pack.yaml", PACK.replace("NAME", name)),
        ("values.yaml", VALUES.to_owned()),
        ("values.schema.json", SCHEMA.to_owned()),
        ("control-plane.yaml.hbs", TEMPLATE.to_owned()),
        ("README.md", format!("# {name}\n\nSays what this pack sets and why.\n")),
    ]))
}

const PACK: &str = r#"apiVersion: packwright.dev/v1alpha1
kind: Pack
format: 1
metadata:
  name: NAME
  version: 0.1.0
  description: Sets flags of kube-apiserver
kubernetes: ">=1.28, <1.38"
targets: [kubeadm]
patch: control-plane.yaml.hbs
"#;

const VALUES: &str = r"# yaml-language-server: $schema=values.schema.json
# What values.schema.json declares and nobody sets reads as null in templates.
eventTtl: 2h0m0s # how long Events are kept; null leaves the flag out
";

const SCHEMA: &str = r#"{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "type": "object",
  "additionalProperties": false,
  "properties": {
    "eventTtl": {
      "description": "--event-ttl: how long Events are kept, a duration such as 2h0m0s. API server default 1h0m0s",
      "type": ["string", "null"],
      "pattern": "^([0-9]+(ms|s|m|h))+$"
    },
    "targets": {"description": "Options of targets, by target name.", "type": ["object", "null"]}
  }
}
"#;

const TEMPLATE: &str = r"{{!-- The control-plane patch. A flag whose value is null is left out. --}}
apiServer:
  extraArgs:
    - {name: event-ttl, value: {{yaml eventTtl}}}
";
