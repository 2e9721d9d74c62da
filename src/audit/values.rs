//! The values of the bundled pack `kube-apiserver-audit`: from these types its
//! values.schema.json is generated, so the field docs are what editors show.
//!
//! Every knob may be null, which is how an overlay turns it off: a knob that is
//! null renders no flag, and the API server's own default holds.

use std::collections::BTreeMap;

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;

use super::types::{LEVELS, STAGES};
use crate::patch::Variable;

/// The schema of the pack's values, as its values.schema.json holds it.
pub fn schema() -> Schema {
    SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<Values>()
}

/// kube-apiserver-audit: values
///
/// Turns on audit logging of kube-apiserver when the cluster is created.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Values {
    /// What is recorded: the audit policy and where it lies on each control-plane node.
    pub policy: Option<Policy>,
    /// The log backend: one file of JSON lines on each control-plane node, rotated.
    pub log: Option<Log>,
    /// The webhook backend: events are sent to a service. Off unless `enabled`.
    pub webhook: Option<Webhook>,
    /// More flags of kube-apiserver, by name without dashes. A flag that a knob sets as well is an error. Example: {"event-ttl": "2h0m0s"}
    pub extra_args: Option<BTreeMap<String, FlagValue>>,
    /// More host paths mounted into kube-apiserver, by volume name.
    pub extra_volumes: Option<BTreeMap<String, Option<ExtraVolume>>>,
    /// More files on each control-plane node, by absolute path. Each has one of content, host: true and secret.
    pub files: Option<BTreeMap<String, Option<File>>>,
    /// Flags that become variables of the target (ClusterClass variable, Palette profile variable), by flag name. Their values here are checked and are the defaults. Example: {"audit-log-maxage": {"name": "auditMaxAge", "minimum": 30}}
    pub expose: Option<BTreeMap<String, Option<Variable>>>,
    /// Options of targets, by target name.
    pub targets: Option<BTreeMap<String, Option<BTreeMap<String, serde_json::Value>>>>,
}

/// The audit policy.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[schemars(extend("if" = {"properties": {"content": {"type": "string"}}, "required": ["content"]}))]
#[schemars(extend("then" = {"properties": {
    "rules": {"type": "null", "description": "policy.content is a whole policy and excludes it; set one of the two to null"},
    "prependRules": {"type": "null", "description": "policy.content is a whole policy and excludes it; set one of the two to null"},
    "omitStages": {"type": "null", "description": "policy.content is a whole policy and excludes it; set one of the two to null"},
    "omitManagedFields": {"type": "null", "description": "policy.content is a whole policy and excludes it; set one of the two to null"},
}}))]
pub struct Policy {
    /// --audit-policy-file: the policy's absolute path, on the node and in the container. Default /etc/kubernetes/audit-policy.yaml
    #[schemars(regex(pattern = "^/[^:]+$"))]
    pub path: Option<String>,
    /// The name of the Pod's volume that mounts the policy. Default audit-policy
    #[schemars(length(max = 63))]
    pub volume_name: Option<String>,
    /// The file's owner on the node, user:group. Default root:root
    pub owner: Option<String>,
    /// The file's mode on the node, four octal digits in quotes. Default "0600"
    #[schemars(regex(pattern = "^0[0-7]{3}$"))]
    pub permissions: Option<String>,
    /// The rules, first match wins; what no rule matches is not logged. Without rules and content: one rule that logs all requests at level Metadata.
    #[schemars(length(min = 1))]
    pub rules: Option<Vec<Rule>>,
    /// Rules before `rules`: an overlay adds exceptions here without repeating the rest.
    pub prepend_rules: Option<Vec<Rule>>,
    /// Stages for which no rule logs an event. RequestReceived halves the log; ResponseStarted loses failed authentications.
    #[schemars(extend("items" = {"type": "string", "enum": STAGES}))]
    pub omit_stages: Option<Vec<String>>,
    /// Whether managedFields are left out of logged bodies, for rules that do not say otherwise.
    pub omit_managed_fields: Option<bool>,
    /// A whole Policy as text, for --set-file; ships byte for byte. Excludes rules, prependRules, omitStages and omitManagedFields.
    pub content: Option<String>,
}

/// One rule of the policy; all that it names must match. Empty or absent means any.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Rule {
    /// What is recorded of a matching request: None, Metadata, Request (with its body) or RequestResponse (with both bodies).
    #[schemars(extend("enum" = LEVELS))]
    pub level: String,
    /// User names, exactly; no wildcards. Example: ["system:kube-proxy"]
    pub users: Option<Vec<String>>,
    /// Group names, exactly; a request needs one of them. Example: ["system:nodes"]
    pub user_groups: Option<Vec<String>>,
    /// Verbs: get, list, watch, create, update, patch, delete, deletecollection; for URLs the HTTP method in lower case.
    pub verbs: Option<Vec<String>>,
    /// Resources by API group. A rule that names them matches no non-resource URL.
    pub resources: Option<Vec<GroupResources>>,
    /// Namespaces, exactly; "" is cluster-scoped requests and those across all namespaces.
    pub namespaces: Option<Vec<String>>,
    /// Paths such as /healthz*, with * only at the end. Excludes resources and namespaces.
    #[serde(rename = "nonResourceURLs")]
    pub non_resource_urls: Option<Vec<String>>,
    /// Stages for which this rule logs no event, added to the policy's own.
    #[schemars(extend("items" = {"type": "string", "enum": STAGES}))]
    pub omit_stages: Option<Vec<String>>,
    /// Whether managedFields are left out of logged bodies. Without it, what the policy says.
    pub omit_managed_fields: Option<bool>,
}

/// Resources of one API group.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct GroupResources {
    /// The API group; "" or absent is core, not all. "*" is all groups from Kubernetes 1.36 on.
    pub group: Option<String>,
    /// Plural resources and subresources: pods, pods/log, */status, *. `pods` is without its subresources. Absent is all.
    pub resources: Option<Vec<String>>,
    /// Object names; needs resources. A create has no name yet, so it never matches.
    pub resource_names: Option<Vec<String>>,
}

/// The log backend.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Log {
    /// --audit-log-path: the log's absolute path in the container; `-` is standard output, without volume and rotation; null turns the backend off. Default /var/log/kubernetes/audit/audit.log
    #[schemars(regex(pattern = "^(-|/[^:]*)$"))]
    pub path: Option<String>,
    /// The folder on the node that holds the log. A folder, since rotation renames the file. Default: the folder of `path`
    #[schemars(regex(pattern = "^/[^:]*$"))]
    pub host_path: Option<String>,
    /// Where that folder is mounted in the container. Default: the folder of `path`
    #[schemars(regex(pattern = "^/[^:]*$"))]
    pub mount_path: Option<String>,
    /// The name of the Pod's volume that mounts the log's folder. Default audit-log
    #[schemars(length(max = 63))]
    pub volume_name: Option<String>,
    /// --audit-log-format. API server default json
    #[schemars(extend("enum" = ["json", "legacy", null]))]
    pub format: Option<String>,
    /// --audit-log-version: the events' API version.
    #[schemars(extend("enum" = ["audit.k8s.io/v1", null]))]
    pub version: Option<String>,
    /// --audit-log-mode: batch writes in the background; blocking makes each request wait; blocking-strict also refuses requests that cannot be logged. API server default blocking
    #[schemars(extend("enum" = ["batch", "blocking", "blocking-strict", null]))]
    pub mode: Option<String>,
    /// --audit-log-maxage: days that a rotated file is kept; 0 is for ever. CIS and STIG ask for 30 or more, written out.
    #[schemars(range(min = 0, max = 36500))]
    pub max_age: Option<u32>,
    /// --audit-log-maxbackup: rotated files that are kept; 0 is all. CIS and STIG ask for 10 or more, written out.
    #[schemars(range(min = 0, max = 1_000_000))]
    pub max_backup: Option<u32>,
    /// --audit-log-maxsize: MiB at which the file is rotated. CIS and STIG ask for 100 or more. 0 means 100 until Kubernetes 1.35 and no rotation from 1.36 on.
    #[schemars(range(min = 0, max = 2_000_000_000))]
    pub max_size: Option<u32>,
    /// --audit-log-compress: whether rotated files are compressed with gzip. API server default false
    pub compress: Option<bool>,
    /// How events are gathered before they are written; mode batch only.
    pub batch: Option<Batch>,
    /// How large events are cut.
    pub truncate: Option<Truncate>,
}

/// The webhook backend.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Webhook {
    /// Whether events are sent to a service.
    pub enabled: Option<bool>,
    /// --audit-webhook-config-file: the kubeconfig that names the service. It holds credentials, so a pack never carries it.
    pub kubeconfig: Option<Kubeconfig>,
    /// --audit-webhook-version: the events' API version.
    #[schemars(extend("enum" = ["audit.k8s.io/v1", null]))]
    pub version: Option<String>,
    /// --audit-webhook-mode. API server default batch
    #[schemars(extend("enum" = ["batch", "blocking", "blocking-strict", null]))]
    pub mode: Option<String>,
    /// --audit-webhook-initial-backoff: the wait before the first retry, a duration such as 10s. API server default 10s
    #[serde(default)]
    #[schemars(schema_with = "duration")]
    pub initial_backoff: Option<String>,
    /// How events are gathered before they are sent; mode batch only.
    pub batch: Option<Batch>,
    /// How large events are cut.
    pub truncate: Option<Truncate>,
}

/// The webhook's kubeconfig on the node.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Kubeconfig {
    /// Its absolute path, on the node and in the container. Default /etc/kubernetes/audit-webhook.kubeconfig
    #[schemars(regex(pattern = "^/[^:]+$"))]
    pub path: Option<String>,
    /// Whether it is already on each node. Default true
    pub host: Option<bool>,
    /// The name of the Pod's volume that mounts it. Default audit-webhook
    #[schemars(length(max = 63))]
    pub volume_name: Option<String>,
    /// A Secret of the management cluster that holds it; Cluster API only. Needs host: null.
    pub secret: Option<SecretKey>,
}

/// A key of a Secret.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct SecretKey {
    /// The Secret's name.
    pub name: Option<String>,
    /// The key in the Secret.
    pub key: Option<String>,
}

/// Batching of events.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Batch {
    /// --audit-*-batch-buffer-size: events that wait in memory; more are dropped. API server default 10000
    #[schemars(range(min = 1, max = 2_147_483_647))]
    pub buffer_size: Option<u32>,
    /// --audit-*-batch-max-size: events in a batch. API server default 1 for the log, 400 for the webhook
    #[schemars(range(min = 1, max = 2_147_483_647))]
    pub max_size: Option<u32>,
    /// --audit-*-batch-max-wait: how long a batch waits to fill, a duration such as 1s. The log's default is 0s, which with maxSize above 1 keeps one core of each API server busy.
    #[serde(default)]
    #[schemars(schema_with = "duration")]
    pub max_wait: Option<String>,
    /// A bound on batches a second.
    pub throttle: Option<Throttle>,
}

/// A bound on batches a second.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Throttle {
    /// --audit-*-batch-throttle-enable. With the log backend it needs qps and burst: their default is 0, which is refused.
    pub enabled: Option<bool>,
    /// --audit-*-batch-throttle-qps: batches a second, on average.
    #[schemars(range(min = 0.0))]
    pub qps: Option<f64>,
    /// --audit-*-batch-throttle-burst: batches at once.
    #[schemars(range(min = 1, max = 2_147_483_647))]
    pub burst: Option<u32>,
}

/// Cutting of large events.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Truncate {
    /// --audit-*-truncate-enabled. API server default false
    pub enabled: Option<bool>,
    /// --audit-*-truncate-max-batch-size: bytes; at least maxEventSize. API server default 10485760
    #[schemars(range(min = 1, max = 9_007_199_254_740_991u64))]
    pub max_batch_size: Option<u64>,
    /// --audit-*-truncate-max-event-size: bytes; a larger event loses its bodies, and is dropped if still larger. API server default 102400
    #[schemars(range(min = 1, max = 9_007_199_254_740_991u64))]
    pub max_event_size: Option<u64>,
}

/// A host path mounted into kube-apiserver.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ExtraVolume {
    /// The absolute path on the node.
    #[schemars(regex(pattern = "^/[^:]*$"))]
    pub host_path: String,
    /// The absolute path in the container.
    #[schemars(regex(pattern = "^/[^:]*$"))]
    pub mount_path: String,
    /// Whether the container may only read. Default false
    pub read_only: Option<bool>,
    /// What must be there: File, Directory, DirectoryOrCreate and so on. Without it nothing is checked.
    #[schemars(extend("enum" = ["DirectoryOrCreate", "Directory", "FileOrCreate", "File", "Socket", "CharDevice", "BlockDevice", null]))]
    pub path_type: Option<String>,
}

/// A file on each control-plane node.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct File {
    /// Owner, user:group. Default root:root
    pub owner: Option<String>,
    /// Mode, four octal digits in quotes. Default "0600"
    #[schemars(regex(pattern = "^0[0-7]{3}$"))]
    pub permissions: Option<String>,
    /// The content that the pack ships.
    pub content: Option<String>,
    /// It is already on each node, and the pack ships nothing.
    pub host: Option<bool>,
    /// A Secret of the management cluster that holds it; Cluster API only.
    pub secret: Option<SecretKey>,
}

/// A flag's value as people write it in YAML.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub enum FlagValue {
    /// true or false.
    Bool(bool),
    /// A number.
    Number(f64),
    /// Text.
    Text(String),
    /// Not set.
    Null,
}

impl JsonSchema for FlagValue {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "FlagValue".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": ["string", "number", "boolean", "null"]})
    }
}

/// Go's `time.ParseDuration`.
fn duration(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": ["string", "null"],
        "pattern": "^(0|([0-9]+(\\.[0-9]+)?(ns|us|ms|s|m|h))+)$",
        "examples": ["1s", "500ms", "1m30s"],
    })
}
