//! The one way to write a patch down: sorted, strings, no empty containers,
//! `readOnly: true` or absent. Equal patches have equal bytes.

use serde_json::{Map, Value, json};

use super::{Arg, Body, ControlPlanePatch, NodeFile, Volume};

pub fn document(patch: &ControlPlanePatch) -> Value {
    let mut api_server = Map::new();
    insert(&mut api_server, "extraArgs", patch.args.iter().map(arg).collect());
    insert(&mut api_server, "extraVolumes", patch.volumes.iter().map(volume).collect());
    let mut document = Map::new();
    if !api_server.is_empty() {
        document.insert("apiServer".to_owned(), Value::Object(api_server));
    }
    insert(&mut document, "files", patch.files.iter().map(file).collect());
    Value::Object(document)
}

fn insert(map: &mut Map<String, Value>, key: &str, items: Vec<Value>) {
    if !items.is_empty() {
        map.insert(key.to_owned(), Value::Array(items));
    }
}

pub fn arg(arg: &Arg) -> Value {
    json!({"name": arg.name, "value": arg.value, "variable": arg.variable})
}

pub fn volume(volume: &Volume) -> Value {
    json!({
        "name": volume.name,
        "hostPath": volume.host_path,
        "mountPath": volume.mount_path,
        "readOnly": volume.read_only.then_some(true),
        "pathType": volume.path_type,
    })
}

pub fn file(file: &NodeFile) -> Value {
    let mut value = json!({"path": file.path, "owner": file.owner, "permissions": file.permissions});
    let (key, body) = match &file.body {
        Body::Content(content) => ("content", json!(content.text)),
        Body::Host => ("host", json!(true)),
        Body::Secret { name, key } => ("secret", json!({"name": name, "key": key})),
    };
    value[key] = body;
    value
}
