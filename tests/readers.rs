//! People's own documents: what is read of them, what no program would take or
//! would pass over, and what cannot be read and is said.

use packwright::diagnostic::{Diagnostics, Source};
use packwright::kubernetes::Minor;
use packwright::target::read::{self, Args, Kind, Reading};
use packwright::yaml;
use proptest::prelude::*;
use serde_json::{Value, json};

/// The reading, and each finding as `code line: message`.
fn read_for(text: &str, minor: Option<Minor>) -> (Reading, Vec<String>) {
    let document = yaml::read(&Source::file("d.yaml", text.to_owned()), &mut Diagnostics::new()).expect("YAML");
    let mut found = Diagnostics::new();
    let reading = read::read_for(Kind::of(&document).expect("a kind that is read"), &document, minor, &mut found);
    let line = |at: String| at.split(':').nth(1).unwrap_or_default().to_owned();
    let shown = found.items.iter().map(|item| {
        let at = item.location.as_ref().map(|at| line(at.to_string())).unwrap_or_default();
        format!("{} {at}: {}", item.code, item.message)
    });
    (reading, shown.collect())
}

fn read(text: &str) -> (Reading, Vec<String>) {
    read_for(text, None)
}

fn args(reading: &Reading) -> Vec<String> {
    reading.args.iter().map(|arg| format!("{}={}", arg.name, arg.value)).collect()
}

const KIND: &str = r#"apiVersion: kind.x-k8s.io/v1alpha4
kind: Cluster
kubeadmConfigPatches:
  - |
    apiVersion: kubeadm.k8s.io/v1beta3
    kind: ClusterConfiguration
    apiServer:
      extraArgs: {audit-log-maxage: "3"}
  - |
    apiVersion: kubeadm.k8s.io/v1beta4
    kind: ClusterConfiguration
    apiServer:
      extraArgs: [{name: audit-log-maxage, value: "4"}]
nodes:
  - role: control-plane
    image: kindest/node:v1.35.1@sha256:0123
"#;

#[test]
fn kind_takes_the_patch_of_the_version_that_it_writes() {
    let (reading, found) = read(KIND);
    assert_eq!((args(&reading), found), (vec!["audit-log-maxage=3".to_owned()], vec![]));
    let version = reading.kubernetes_version.expect("the image's");
    assert_eq!((version.as_str(), version.location.to_string().as_str()), (Some("v1.35.1"), "d.yaml:16:12"));
    // A minor that is asked for counts more than the image; 1.36 is the first that gets v1beta4.
    assert_eq!(args(&read_for(KIND, Some(Minor(36))).0), ["audit-log-maxage=4"]);
    assert_eq!(args(&read(&KIND.replace("v1.35.1", "v1.36.0")).0), ["audit-log-maxage=4"]);
    assert_eq!(args(&read(&KIND.replace("v1.35.1", "latest")).0), ["audit-log-maxage=4"], "the newest, as far as anybody can tell");
}

#[test]
fn kind_passes_over_a_patch_of_another_version() {
    let only_4 = KIND.replace("v1beta3\n", "v1beta4\n").replace(r#"{audit-log-maxage: "3"}"#, r#"[{name: a, value: "1"}]"#);
    let (reading, found) = read(&only_4);
    assert!(reading.args.is_empty());
    let message = "kind writes kubeadm.k8s.io/v1beta3 for this node, and passes over a patch of kubeadm.k8s.io/v1beta4 without a word";
    assert_eq!(found, [format!("document-ignored 5: {message}"), format!("document-ignored 10: {message}")]);
    // In a patch of v1beta4 a mapping is passed over as well.
    let (reading, found) = read_for(&KIND.replace("v1beta3\n", "v1beta4\n"), Some(Minor(37)));
    assert_eq!(args(&reading), ["audit-log-maxage=4"]);
    assert_eq!(found, ["document-ignored 8: kind passes over `extraArgs` that is a mapping in a patch of kubeadm.k8s.io/v1beta4"]);
}

#[test]
fn kind_joins_flags_and_replaces_volumes() {
    let text = r#"apiVersion: kind.x-k8s.io/v1alpha4
kind: Cluster
kubeadmConfigPatches:
  - |
    kind: ClusterConfiguration
    apiServer:
      extraArgs: {a: "1", b: "1", c: "1"}
      extraVolumes: [{name: mine, hostPath: /m, mountPath: /m}, {name: audit, hostPath: /x, mountPath: /x}]
    ---
    kind: ClusterConfiguration
    apiServer:
      extraArgs: {b: "2", c: null, d: "2"}
nodes:
  - role: control-plane
    kubeadmConfigPatches:
      - |
        kind: ClusterConfiguration
        apiServer:
          extraVolumes: [{name: audit, hostPath: /a, mountPath: /a}]
    kubeadmConfigPatchesJSON6902:
      - {group: kubeadm.k8s.io, version: v1beta3, kind: ClusterConfiguration, patch: "[]"}
  - role: control-plane
    kubeadmConfigPatches: ["{kind: ClusterConfiguration, apiServer: {extraArgs: {e: \"1\"}}}"]
"#;
    let (reading, found) = read(text);
    assert_eq!(args(&reading), ["a=1", "b=2", "d=2"]);
    assert_eq!(reading.volumes.iter().map(|volume| volume.host_path.as_str()).collect::<Vec<_>>(), ["/a"]);
    assert_eq!(
        found,
        [
            "document-unread 21: a JSON patch of ClusterConfiguration is not read",
            "document-ignored 23: kubeadm reads the ClusterConfiguration of the first control-plane node, and of no other",
            "document-ignored 8: the volume mine is lost: `extraVolumes` of a later patch takes the place of this list",
        ]
    );
    let list = text.replace(r#"{a: "1", b: "1", c: "1"}"#, r#"[{name: a, value: "1"}]"#);
    let (_, found) = read_for(&list, Some(Minor(33)));
    assert!(
        found
            .iter()
            .any(|item| item.starts_with("document-invalid 7: kind writes kubeadm.k8s.io/v1beta3 for this node, whose `extraArgs`")),
        "{found:?}"
    );
}

#[test]
fn kairos_passes_over_fields_that_it_lacks() {
    let text = "cluster:\n  config: |\n    clusterConfiguration: {}\nstages:\n  initramfs:\n    - files:\n        - path: /a\n          \
                permission: 0600\n          owner_string: app:app\n          content: x\n        - {path: /b, permissions: 384, ownerstring: a:b}\n        \
                - {path: /c, permissions: \"0600\"}\n";
    let (reading, found) = read(text);
    assert_eq!(reading.files[0].content().map(|content| content.text.as_str()), Some("x"));
    let modes: Vec<_> = reading.files.iter().map(|file| (file.owner.as_str(), file.permissions.as_str())).collect();
    assert_eq!(modes, [("0:0", "0000"), ("a:b", "0600"), ("0:0", "0600")]);
    assert_eq!(
        found,
        [
            "document-ignored 8: the file /a: Kairos has no field `permission`, and passes over it: the file gets the mode 0000",
            "document-ignored 9: the file /a: Kairos has no field `owner_string`, and passes over it: the file belongs to `owner` and `group`, or root",
            "document-invalid 12: the file /c: `permissions` must be a number such as 0600, without quotes",
        ]
    );
}

#[test]
fn a_pod_with_one_dash_and_two() {
    let pod =
        |command: &str| format!("apiVersion: v1\nkind: Pod\nspec:\n  containers:\n    - name: kube-apiserver\n      command: {command}\n");
    for (command, expected) in [
        ("[kube-apiserver, -v=2, --a=1]", &["v=2", "a=1"][..]),
        ("[kube-apiserver, -v2, --a, -v, '4']", &["v=2", "a=true", "v=4"]),
        ("[kube-apiserver, --a, '-1', --b, -v=3]", &["a=-1", "b=true", "v=3"]),
        ("[/go-runner, --log-file=/x, /usr/local/bin/kube-apiserver, --a=1]", &["a=1"]),
        ("[kube-apiserver, --a=1, --, --b=2]", &["a=1"]),
    ] {
        let (reading, found) = read(&pod(command));
        assert_eq!(
            (args(&reading).iter().map(String::as_str).collect::<Vec<_>>().as_slice(), found.len()),
            (expected, 0),
            "{command}: {found:?}"
        );
    }
    let (reading, found) = read(&pod("[kube-apiserver, -audit-log-maxage=3]"));
    assert_eq!(args(&reading), ["audit-log-maxage=3"], "as it was meant");
    assert_eq!(found, ["document-invalid 6: kube-apiserver knows no flag with one dash but `-v`, and is given `-audit-log-maxage=3`"]);
    let (reading, found) = read(&pod("[kube-apiserver, --a, 5]"));
    assert_eq!(
        (args(&reading), found),
        (vec!["a=5".to_owned()], vec!["document-invalid 6: a word of the command must be text, not an integer".to_owned()])
    );
}

#[test]
fn a_pod_whose_command_is_a_shell_is_unread_as_a_whole() {
    let pod = |words: &str| format!("apiVersion: v1\nkind: Pod\nspec:\n  containers:\n    - name: kube-apiserver\n{words}");
    let unread = "document-unread 6: no word of the command is kube-apiserver itself, and the flags that it is given are not read";
    for words in [
        "      command: [/bin/sh, -c, 'exec kube-apiserver --audit-log-maxage=1']\n",
        "      command: [/bin/sh, -c, exec /usr/local/bin/kube-apiserver]\n",
        "      command: [/bin/sh, -c]\n      args: ['exec kube-apiserver --a=1']\n",
        "      command: [/start.sh, --a=1]\n",
    ] {
        let (reading, found) = read(&pod(words));
        assert_eq!((args(&reading), found), (vec![], vec![unread.to_owned()]), "{words}");
    }
    // Without a command the image starts the program.
    for words in ["      args: [--a=1]\n", "      command: []\n      args: [--a=1]\n", "      args: [kube-apiserver, --a=1]\n"] {
        let (reading, found) = read(&pod(words));
        assert_eq!((args(&reading), found), (vec!["a=1".to_owned()], vec![]), "{words}");
    }
}

#[test]
fn a_pod_keeps_where_it_mounts_other_volumes() {
    let (reading, found) = read(
        "apiVersion: v1
kind: Pod
spec:
  containers:
    - name: kube-apiserver
      command: [kube-apiserver]
      volumeMounts:
        - {name: host, mountPath: /host}
        - {name: policy, mountPath: /etc/kubernetes/audit, readOnly: true}
        - {name: scratch, mountPath: /tmp}
  volumes:
    - {name: host, hostPath: {path: /srv}}
    - {name: policy, configMap: {name: audit-policy}}
    - {name: scratch}
",
    );
    assert_eq!(reading.volumes.iter().map(|volume| volume.mount_path.as_str()).collect::<Vec<_>>(), ["/host"]);
    assert_eq!((reading.other_mounts, found), (vec!["/etc/kubernetes/audit".to_owned(), "/tmp".to_owned()], vec![]));
}

#[test]
fn kairos_decodes_what_is_encoded() {
    let text = "cluster:\n  config: |\n    clusterConfiguration: {}\nstages:\n  initramfs:\n    - files:\n        \
                - {path: /a, permissions: 384, encoding: b64, content: YTogMQo=}\n        \
                - {path: /b, permissions: 384, encoding: none-that-it-knows, content: 'a: 2'}\n        \
                - {path: /c, permissions: 384, encoding: gz+base64, content: YTogMQo=}\n";
    let (reading, found) = read(text);
    let contents: Vec<_> = reading.files.iter().map(|file| file.content().map(|content| content.text.as_str())).collect();
    assert_eq!(contents, [Some("a: 1\n"), Some("a: 2")]);
    assert_eq!(found, ["document-invalid 9: the file /c: its content is no gzip: it is cut short"]);
}

/// A class v1beta2 with these patches' operations, each line one.
fn class(version: &str, variables: &str, patches: &[(&str, &[&str])]) -> String {
    let mut text = format!("apiVersion: cluster.x-k8s.io/{version}\nkind: ClusterClass\nspec:\n  variables: {variables}\n  patches:\n");
    for (condition, operations) in patches {
        text += &format!(
            "    - name: p\n{condition}      definitions:\n        - selector:\n            apiVersion: controlplane.cluster.x-k8s.io/{version}\n"
        );
        text += "            kind: KubeadmControlPlaneTemplate\n          jsonPatches:\n";
        for operation in *operations {
            text += &format!("            - {{{}}}\n", operation.replace("SPEC", "/spec/template/spec/kubeadmConfigSpec"));
        }
    }
    text
}

#[test]
fn a_class_by_parents_of_its_lists() {
    let whole = r#"op: add, path: SPEC, value: {clusterConfiguration: {apiServer: {extraArgs: [{name: a, value: "1"}], extraVolumes: [{name: v, hostPath: /h, mountPath: /m}]}}, files: [{path: /f, content: "x"}]}"#;
    let (reading, found) = read(&class("v1beta2", "[]", &[("", &[whole, "op: add, path: SPEC/files/-, value: {path: /g, content: z}"])]));
    assert_eq!((args(&reading), found), (vec!["a=1".to_owned()], vec![]));
    assert_eq!(reading.volumes[0].host_path, "/h");
    assert_eq!(reading.files.iter().map(|file| file.path.as_str()).collect::<Vec<_>>(), ["/f", "/g"]);

    let server = r#"op: replace, path: SPEC/clusterConfiguration/apiServer, value: {extraArgs: {b: "2"}}"#;
    let first = r#"op: add, path: SPEC/clusterConfiguration/apiServer/extraArgs, value: {a: "1"}"#;
    let (reading, found) = read(&class("v1beta1", "[]", &[("", &[first]), ("", &[server])]));
    assert_eq!(args(&reading), ["b=2"]);
    assert_eq!(found.len(), 1);
    assert!(found[0].starts_with("document-ignored 12: --a is lost: a later patch puts /spec/"), "{found:?}");
    // Under a condition both may be there.
    let condition = "      enabledIf: '{{ .audit }}'\n";
    let (reading, found) = read(&class("v1beta1", "[]", &[("", &[first]), (condition, &[server])]));
    assert_eq!((args(&reading), found), (vec!["a=1".to_owned(), "b=2".to_owned()], vec![]));
    let (reading, _) = read(&class("v1beta1", "[]", &[("", &[first]), ("      enabledIf: 'false'\n", &[server])]));
    assert_eq!(args(&reading), ["a=1"]);
}

#[test]
fn a_class_whose_patches_exclude_each_other() {
    let age = |days: &str| format!("op: add, path: SPEC/clusterConfiguration/apiServer/extraArgs/age, value: \"{days}\"");
    let volumes = |volumes: &str| format!("op: add, path: SPEC/clusterConfiguration/apiServer/extraVolumes, value: [{volumes}]");
    let [short, long] = [age("7"), age("90")];
    let one =
        volumes("{name: v, hostPath: /h, mountPath: /m}, {name: w, hostPath: /w, mountPath: /w}, {name: x, hostPath: /x, mountPath: /x}");
    let other = volumes("{name: v, hostPath: /other, mountPath: /m}, {name: y, hostPath: /y, mountPath: /w/}");
    let [not_long, is_long] = ["      enabledIf: '{{ not .long }}'\n", "      enabledIf: '{{ .long }}'\n"];
    for (first, second) in [(not_long, is_long), ("", is_long)] {
        let (reading, found) = read(&class("v1beta1", "[]", &[(first, &[&short, &one]), (second, &[&long, &other])]));
        assert_eq!((args(&reading), found), (vec!["age=90".to_owned()], vec![]), "the later one, once");
        let shown: Vec<_> = reading.volumes.iter().map(|volume| (volume.name.as_str(), volume.host_path.as_str())).collect();
        assert_eq!(shown, [("x", "/x"), ("v", "/other"), ("y", "/y")]);
    }
    // A whole list of v1beta2 as well; an entry that is added to a list does stand beside the others.
    let args_of = |at: &str, value: &str| format!("op: add, path: SPEC/clusterConfiguration/apiServer/extraArgs{at}, value: {value}");
    let [short, long] = [args_of("", "[{name: a, value: '1'}, {name: b, value: '1'}]"), args_of("", "[{name: a, value: '2'}]")];
    let (reading, _) = read(&class("v1beta2", "[]", &[(not_long, &[&short]), (is_long, &[&long])]));
    assert_eq!(args(&reading), ["b=1", "a=2"]);
    let (reading, _) = read(&class("v1beta2", "[]", &[(not_long, &[&short]), (is_long, &[&args_of("/-", "{name: a, value: '2'}")])]));
    assert_eq!(args(&reading), ["a=1", "b=1", "a=2"]);
}

#[test]
fn a_class_that_removes() {
    let put = r#"op: add, path: SPEC/clusterConfiguration/apiServer/extraArgs, value: {a: "1", b: "2"}"#;
    let remove = "op: remove, path: SPEC/clusterConfiguration/apiServer/extraArgs/a";
    let (reading, found) = read(&class("v1beta1", "[]", &[("", &[put, remove])]));
    assert_eq!((args(&reading), found), (vec!["b=2".to_owned()], vec![]));
    let (reading, found) = read(&class("v1beta1", "[]", &[("", &[put]), ("      enabledIf: '{{ .x }}'\n", &[remove])]));
    assert_eq!(args(&reading), ["a=1", "b=2"]);
    assert!(found[0].contains("is removed, and it is read as if it stayed"), "{found:?}");
    let (_, found) = read(&class("v1beta1", "[]", &[("", &[remove])]));
    assert!(found[0].starts_with("document-unread 12: ") && found[0].ends_with("which is another document"), "{found:?}");
    let (_, found) = read(&class("v1beta2", "[]", &[("", &["op: remove, path: SPEC/files/0"])]));
    assert!(found[0].contains("Cluster API takes no index in a path but 0 and `-` of an add"), "{found:?}");
}

#[test]
fn a_class_with_values_from_variables() {
    let variables = "[{name: age, required: true, schema: {openAPIV3Schema: {type: integer, default: 30, minimum: 7}}}, \
                     {name: audit, required: true, schema: {openAPIV3Schema: {type: object, properties: {size: {type: string, default: '50'}}}}}, \
                     {name: open, required: true, schema: {openAPIV3Schema: {type: string}}}]";
    let at = |name: &str, from: &str| format!("op: add, path: SPEC/clusterConfiguration/apiServer/extraArgs/{name}, valueFrom: {{{from}}}");
    let operations = [
        at("own-template", r#"template: "{{ .age | quote }}""#),
        at("field", "variable: audit.size"),
        at("mixed", r#"template: "{{ .age | int64 }}x{{ .audit.size }}""#),
        at("fixed", r#"template: "plain""#),
        at("open", "variable: open"),
        at("program", r#"template: "{{ if .age }}1{{ end }}""#),
    ];
    let operations: Vec<&str> = operations.iter().map(String::as_str).collect();
    let (reading, found) = read(&class("v1beta1", variables, &[("", &operations)]));
    assert_eq!(args(&reading), ["own-template=30", "field=50", "mixed=30x50", "fixed=plain"]);
    let exposed: Vec<_> = reading.args.iter().map(|arg| arg.variable.as_ref().map(|variable| variable.name.as_str())).collect();
    assert_eq!(exposed, [Some("age"), None, None, None]);
    assert_eq!(
        found,
        [
            "document-unread 16: `open` has no default here, so what it sets at /spec/template/spec/kubeadmConfigSpec/clusterConfiguration/apiServer/extraArgs/open is not read",
            "document-unread 17: a template decides what is at /spec/template/spec/kubeadmConfigSpec/clusterConfiguration/apiServer/extraArgs/program, and it is not read",
        ]
    );
    // A number where text must be, as the API server of the management cluster would say.
    let number = at("own", r#"template: "{{ .age }}""#);
    let (_, found) = read(&class("v1beta1", variables, &[("", &[&number])]));
    assert_eq!(found, ["document-invalid 12: --own must be text, not an integer"]);
    let list =
        r#"op: add, path: SPEC/clusterConfiguration/apiServer/extraArgs/-, valueFrom: {template: "name: a\nvalue: {{ .age | quote }}"}"#;
    let (reading, found) = read(&class("v1beta2", variables, &[("", &[list])]));
    assert_eq!((args(&reading), found), (vec!["a=30".to_owned()], vec![]));
}

#[test]
fn what_a_class_cannot_mean_and_what_nobody_sees() {
    let path = "path: SPEC/clusterConfiguration/apiServer/extraArgs";
    for (version, operation, expected) in [
        (
            "v1beta1",
            format!("op: add, {path}/-, value: {{name: a, value: b}}"),
            "names an entry of a mapping of v1beta1, which has no places",
        ),
        ("v1beta2", format!("op: add, {path}/audit-log-maxage, value: \"3\""), "names an entry of a list, which has no keys"),
        ("v1beta2", format!("op: add, {path}/-"), "a JSON patch needs exactly one of `value` and `valueFrom`"),
        ("v1beta2", format!("op: move, {path}/-, value: {{}}"), "`op` must be add, replace or remove, not `move`"),
        ("v1beta2", "op: add, path: '', value: {}".to_owned(), "the path of a JSON patch must begin with `/spec`, and is ``"),
        ("v1beta2", "op: add, path: SPEC/files/0/content, value: x".to_owned(), "reaches into an entry, and is not read"),
    ] {
        let (reading, found) = read(&class(version, "[]", &[("", &[&operation])]));
        assert!(reading.args.is_empty() && found.len() == 1 && found[0].ends_with(expected), "{operation}: {found:?}");
    }
    // Elsewhere nothing is said, whatever it is.
    let (_, found) = read(&class(
        "v1beta2",
        "[]",
        &[("", &["op: remove, path: SPEC/preKubeadmCommands", "op: add, path: SPEC/users/0, valueFrom: {variable: u}"])],
    ));
    assert!(found.is_empty(), "{found:?}");
    let external = "apiVersion: cluster.x-k8s.io/v1beta2\nkind: ClusterClass\nspec:\n  patches:\n    - name: lib\n      external: {generatePatchesExtension: a.b}\n";
    assert_eq!(read(external).1, ["document-unread 6: what the patch `lib` sets comes from an extension, and is not read"]);
}

/// Keys and texts that the readers look for, in any order and depth.
fn odd_value() -> impl Strategy<Value = Value> {
    let words = &[
        "apiServer",
        "extraArgs",
        "extraVolumes",
        "name",
        "value",
        "hostPath",
        "path",
        "spec",
        "template",
        "kubeadmConfigSpec",
        "files",
        "content",
        "contentFrom",
        "secret",
        "encoding",
        "base64",
        "gzip+base64",
        "patches",
        "definitions",
        "jsonPatches",
        "op",
        "add",
        "remove",
        "/spec",
        "/spec/template/spec/kubeadmConfigSpec/clusterConfiguration/apiServer/extraArgs/-",
        "valueFrom",
        "variable",
        "variables",
        "schema",
        "openAPIV3Schema",
        "default",
        "properties",
        "a.b",
        "{{ .a | quote }}",
        "{{ .a.b }}",
        "enabledIf",
        "selector",
        "apiVersion",
        "kind",
        "controlplane.cluster.x-k8s.io/v1beta2",
        "KubeadmControlPlaneTemplate",
        "clusterConfiguration",
        "nodes",
        "role",
        "image",
        "kindest/node:v1.35",
        "kubeadmConfigPatches",
        "kind: ClusterConfiguration\napiServer: {extraArgs: 1}",
        "---\n---",
        "containers",
        "command",
        "args",
        "kube-apiserver",
        "--a",
        "-v",
        "--",
        "volumes",
        "volumeMounts",
        "cluster",
        "config",
        "stages",
        "initramfs",
        "permissions",
        "0600",
        "owner",
        "kubeadmconfig",
        "presets",
        "kube-apiserver-arg",
        "clusterConfiguration: [",
        "",
    ][..];
    let word = proptest::sample::select(words).prop_map(str::to_owned);
    let leaf = prop_oneof![
        word.clone().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<bool>().prop_map(Value::from),
        Just(Value::Null)
    ];
    leaf.prop_recursive(7, 60, 6, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::btree_map(word.clone(), inner, 0..6).prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// No document makes a reader panic, whatever kind it is read as.
    #[test]
    fn any_document_is_read_or_reported(value in odd_value()) {
        let Ok(document) = yaml::read(&Source::file("d.yaml", value.to_string()), &mut Diagnostics::new()) else { return Ok(()) };
        let kinds = [
            Kind::KubeadmV1beta3, Kind::KubeadmV1beta4, Kind::StaticPod, Kind::KindCluster, Kind::PalettePxk, Kind::PaletteEdgeK8s,
            Kind::PaletteEdgeK3s, Kind::PalettePresets, Kind::KubeadmControlPlane(Args::Map), Kind::KubeadmControlPlaneTemplate(Args::List),
            Kind::ClusterClassV1beta1, Kind::ClusterClassV1beta2,
        ];
        let inside = |kind| match kind {
            // Else nearly nothing would get past the first keys.
            Kind::ClusterClassV1beta1 | Kind::ClusterClassV1beta2 => json!({"spec": {"variables": [{"name": "a", "schema": {"openAPIV3Schema": value}}], "patches": [{"definitions": [
                {"selector": {"apiVersion": "controlplane.cluster.x-k8s.io/v1beta2", "kind": "KubeadmControlPlaneTemplate"}, "jsonPatches": [value]}]}]}}),
            Kind::KindCluster => json!({"nodes": [value], "kubeadmConfigPatches": [format!("kind: ClusterConfiguration\napiServer: {value}")]}),
            Kind::PaletteEdgeK8s => json!({"cluster": {"config": format!("clusterConfiguration: {{apiServer: {value}}}")}, "stages": {"boot": [value]}}),
            Kind::StaticPod => json!({"spec": {"containers": [{"name": "kube-apiserver", "command": value, "volumeMounts": value}], "volumes": value}}),
            _ => json!({"apiServer": value, "kubeadmconfig": {"apiServer": value, "files": value}, "spec": {"kubeadmConfigSpec": value}}),
        };
        for kind in kinds {
            read::read(kind, &document, &mut Diagnostics::new());
            if let Ok(document) = yaml::read(&Source::file("d.yaml", inside(kind).to_string()), &mut Diagnostics::new()) {
                read::read(kind, &document, &mut Diagnostics::new());
            }
        }
    }
}

/// `_` in a flag's name is `-` to the API server, whoever writes it.
#[test]
fn underscores_in_the_names_of_flags() {
    let kubeadm = |version: &str, args: &str| {
        format!("apiVersion: kubeadm.k8s.io/{version}\nkind: ClusterConfiguration\napiServer:\n  extraArgs: {args}\n")
    };
    let pod = "apiVersion: v1\nkind: Pod\nspec:\n  containers:\n    - name: kube-apiserver\n      command: [kube-apiserver, WORD]\n";
    let k3s = "cluster:\n  config: |\n    kube-apiserver-arg: [\"audit_log_path=/a_b\"]\n";
    for document in [
        &kubeadm("v1beta3", "{audit_log_path: /a_b}"),
        &kubeadm("v1beta4", "[{name: audit_log-path, value: /a_b}]"),
        &pod.replace("WORD", "--audit_log_path=/a_b"),
        &pod.replace("WORD", "--audit_log_path, /a_b"),
        k3s,
    ] {
        let (reading, found) = read(document);
        assert_eq!((args(&reading), found), (vec!["audit-log-path=/a_b".to_owned()], vec![]), "{document}");
    }
}
