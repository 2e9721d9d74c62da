//! A document against the patch that it was rendered from.

use serde_json::{Value, json};

use super::Reading;
use crate::patch::{Arg, Body, ControlPlanePatch, NodeFile, canonical};
use crate::target::cluster_api;
use crate::target::definition::Part;

impl Reading {
    /// The first difference from `patch`, restricted to the parts that the
    /// document carries; a part that it does not carry must be absent.
    pub(in crate::target) fn difference(&self, patch: &ControlPlanePatch, carries: &dyn Fn(Part) -> bool) -> Option<String> {
        // A value may be written as a reference is, and is then itself and none.
        let is_exposed = |name: &str| patch.arg(name).is_some_and(|arg| arg.variable.is_some());
        let arg = |arg: &Arg| {
            if let Some(variable) = arg.variable.as_ref().filter(|_| carries(Part::VariableNames) && is_exposed(&arg.name)) {
                return json!({"name": arg.name, "variable": variable.name});
            }
            let mut arg = arg.clone();
            match arg.variable.as_ref().filter(|_| carries(Part::Variables)) {
                // A variable's value and bounds have its type, which has one way to write a number.
                Some(variable) => json!({"name": arg.name, "variable": variable.name, "schema": cluster_api::schema(&arg, variable)}),
                None => {
                    arg.variable = None;
                    canonical::arg(&arg)
                }
            }
        };
        let file = |file: &NodeFile| {
            let mut value = canonical::file(file);
            if !carries(Part::Permissions) {
                value.as_object_mut().map(|file| (file.remove("owner"), file.remove("permissions")));
            }
            value
        };
        let delivered = |file: &&NodeFile| match file.body {
            Body::Content(_) => true,
            Body::Secret { .. } => carries(Part::Secrets),
            Body::Host => false,
        };
        // Mounts are of the pack's own files, from its root.
        let mount =
            |host_path: &str, path: &str, read_only: bool| json!({"hostPath": host_path, "containerPath": path, "readOnly": read_only});
        let parts: [(Part, &str, Vec<Value>, Vec<Value>); 4] = [
            (Part::Args, "extraArgs", patch.args.iter().map(arg).collect(), self.args.iter().map(arg).collect()),
            (
                Part::Volumes,
                "extraVolumes",
                patch.volumes.iter().map(canonical::volume).collect(),
                self.volumes.iter().map(canonical::volume).collect(),
            ),
            (Part::Files, "files", patch.files.iter().filter(delivered).map(file).collect(), self.files.iter().map(file).collect()),
            (
                Part::Mounts,
                "extraMounts",
                patch.shipped().map(|(file, _)| mount(&format!("./files{}", file.path), &file.path, true)).collect(),
                self.mounts.iter().map(|item| mount(&item.host_path, &item.path, item.read_only)).collect(),
            ),
        ];
        parts.into_iter().find_map(|(part, name, expected, actual)| {
            let expected = if carries(part) { expected } else { Vec::new() };
            difference(&expected, &actual).map(|difference| format!("{name}: {difference}"))
        })
    }
}

fn difference(expected: &[Value], actual: &[Value]) -> Option<String> {
    if expected == actual {
        return None;
    }
    let first = expected.iter().zip(actual).find(|(expected, actual)| expected != actual);
    Some(match first {
        Some((expected, actual)) => format!("expected {expected}, got {actual}"),
        None => format!("expected {} entries, got {}", expected.len(), actual.len()),
    })
}
