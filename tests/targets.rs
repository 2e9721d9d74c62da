//! What every target carries: the how-to's flags, mounts and policy in each
//! shape, any patch read back, files byte for byte, and what Palette's registry
//! asks of a pack folder.

mod common;

use std::fs;
use std::process::Command;

use common::View;
use packwright::diagnostic::{Code, Diagnostics, Source};
use packwright::pack::{self, Inputs, archive};
use packwright::patch::ControlPlanePatch;
use packwright::target::Document;
use packwright::target::read::{self, Args, Kind, Reading};
use packwright::values::{Assignment, Kind as SetKind, Layer};
use packwright::yaml;
use proptest::prelude::*;
use serde_json::{Value, json};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
const PACK: &str = "palette/kube-apiserver-audit-1.0.0";

const TARGETS: [&str; 5] = ["kubeadm", "cluster-api", "palette", "kind", "static-pod"];

fn render(layers: Vec<Layer>) -> Result<(ControlPlanePatch, Vec<Document>, Diagnostics), Diagnostics> {
    render_for(&TARGETS, layers)
}

/// For minors on both sides of kubeadm's v1beta4.
fn render_for(targets: &[&str], layers: Vec<Layer>) -> Result<(ControlPlanePatch, Vec<Document>, Diagnostics), Diagnostics> {
    let mut warnings = Diagnostics::new();
    let source = pack::load(&format!("{ROOT}/packs/kube-apiserver-audit"), &mut warnings)?;
    let targets = targets.iter().map(|target| (*target).to_owned()).collect();
    let inputs = Inputs { layers, targets, kubernetes_version: Some("1.30-1.31".to_owned()), ..Inputs::default() };
    let plan = pack::plan(source, inputs, &mut warnings)?;
    let patch = plan.patch(&mut warnings)?;
    let documents = plan.documents(&patch, &mut warnings)?;
    Ok((patch, documents, warnings))
}

fn overlay(name: &str) -> Layer {
    Layer::File(pack::load_layer(&format!("{ROOT}/values/{name}.yaml")).expect("the overlay"))
}

fn set(path: &str, value: &Value) -> Layer {
    Layer::Set(Assignment { kind: SetKind::SetJson, path: path.to_owned(), value: value.to_string() }, None)
}

fn bytes<'d>(documents: &'d [Document], path: &str) -> &'d [u8] {
    &documents.iter().find(|document| document.path == path).unwrap_or_else(|| panic!("{path}")).bytes
}

fn text(documents: &[Document], path: &str) -> String {
    String::from_utf8(bytes(documents, path).to_vec()).expect("text")
}

fn read_text(name: &str, text: String) -> (Kind, Reading) {
    let document = yaml::read(&Source::file(name, text), &mut Diagnostics::new()).expect("YAML");
    let kind = Kind::of(&document).unwrap_or_else(|| panic!("{name} is of no kind"));
    let mut found = Diagnostics::new();
    let reading = read::read(kind, &document, &mut found);
    assert!(found.items.is_empty(), "{name}: {:?}", found.items);
    (kind, reading)
}

/// Every document that says something of kube-apiserver, and the kind that it is read as.
const DOCUMENTS: [(&str, Kind); 17] = [
    ("kubeadm/cluster-configuration.v1beta3.yaml", Kind::KubeadmV1beta3),
    ("kubeadm/cluster-configuration.v1beta4.yaml", Kind::KubeadmV1beta4),
    ("cluster-api/kubeadmcontrolplane.v1beta1.fragment.yaml", Kind::KubeadmControlPlane(Args::Map)),
    ("cluster-api/kubeadmcontrolplane.v1beta2.fragment.yaml", Kind::KubeadmControlPlane(Args::List)),
    ("cluster-api/kubeadmcontrolplanetemplate.v1beta1.fragment.yaml", Kind::KubeadmControlPlaneTemplate(Args::Map)),
    ("cluster-api/kubeadmcontrolplanetemplate.v1beta2.fragment.yaml", Kind::KubeadmControlPlaneTemplate(Args::List)),
    ("cluster-api/clusterclass.create.v1beta1.fragment.yaml", Kind::ClusterClassV1beta1),
    ("cluster-api/clusterclass.append.v1beta1.fragment.yaml", Kind::ClusterClassV1beta1),
    ("cluster-api/clusterclass.create.v1beta2.fragment.yaml", Kind::ClusterClassV1beta2),
    ("cluster-api/clusterclass.append.v1beta2.fragment.yaml", Kind::ClusterClassV1beta2),
    ("kind/cluster.yaml", Kind::KindCluster),
    ("static-pod/kube-apiserver.fragment.yaml", Kind::StaticPod),
    ("palette/values/pxk.fragment.yaml", Kind::PalettePxk),
    ("palette/values/edge-k8s.fragment.yaml", Kind::PaletteEdgeK8s),
    ("palette/values/edge-k3s.fragment.yaml", Kind::PaletteEdgeK3s),
    ("palette/kube-apiserver-audit-1.0.0/values.yaml", Kind::PalettePxk),
    ("palette/kube-apiserver-audit-1.0.0/presets.yaml", Kind::PalettePresets),
];

/// What a reading says, without places.
fn args(reading: &Reading) -> Vec<(String, String)> {
    reading.args.iter().map(|arg| (arg.name.clone(), arg.value.clone())).collect()
}

/// Everything that is read back from the documents is the patch, restricted to what the kind carries; by packwright's
/// readers and by those of tests/common, which also read the tars.
fn hold(patch: &ControlPlanePatch, documents: &[Document]) {
    for (path, kind) in DOCUMENTS {
        let (detected, reading) = read_text(path, text(documents, path));
        assert_eq!(detected, kind, "{path}");
        let is_palette = path.starts_with("palette");
        let has_files = is_palette || path.starts_with("cluster-api");
        let expected: Vec<(String, String)> = patch
            .args
            .iter()
            .map(|arg| match &arg.variable {
                Some(variable) if is_palette => (arg.name.clone(), format!("{{{{.spectro.var.{}}}}}", variable.name)),
                _ => (arg.name.clone(), arg.value.clone()),
            })
            .collect();
        assert_eq!(args(&reading), expected, "{path}");
        let volume = |volume: &packwright::patch::Volume| {
            json!([volume.name, volume.host_path, volume.mount_path, volume.read_only, volume.path_type])
        };
        let volumes: Vec<Value> = if kind == Kind::PaletteEdgeK3s { Vec::new() } else { patch.volumes.iter().map(volume).collect() };
        assert_eq!(reading.volumes.iter().map(volume).collect::<Vec<_>>(), volumes, "{path}");
        let files: Vec<Value> =
            patch.shipped().map(|(file, content)| json!([file.path, file.owner, file.permissions, content.text])).collect();
        let found: Vec<Value> = reading
            .files
            .iter()
            .map(|file| json!([file.path, file.owner, file.permissions, file.content().map(|content| &content.text)]))
            .collect();
        assert_eq!(found, if has_files { files } else { Vec::new() }, "{path}");
        let mounts: Vec<(String, String)> = patch.shipped().map(|(file, _)| (format!("./files{}", file.path), file.path.clone())).collect();
        let found: Vec<(String, String)> = reading.mounts.iter().map(|mount| (mount.host_path.clone(), mount.path.clone())).collect();
        assert_eq!(found, if kind == Kind::KindCluster { mounts } else { Vec::new() }, "{path}");
    }
    let whole = View::of_patch(documents.iter().find(|document| document.path == "control-plane-patch.yaml").expect("the patch"));
    let looked_at = documents.iter().filter(|document| whole.is_in(document, "")).count();
    assert_eq!(looked_at, DOCUMENTS.len() + 2, "and the tars");
    for tar in ["kubeadm/node-files.tar", "static-pod/node-files.tar"] {
        let entries = archive::read_tar(bytes(documents, tar)).expect("a tar").into_iter();
        let found: Vec<Value> = entries
            .map(|entry| json!([format!("/{}", entry.path), format!("{}:{}", entry.uname, entry.gname), format!("{:04o}", entry.mode)]))
            .collect();
        let files: Vec<Value> = patch.shipped().map(|(file, _)| json!([file.path, file.owner, file.permissions])).collect();
        assert_eq!(found, files, "{tar}");
    }
}

#[test]
fn the_how_to_arrives_in_every_shape() {
    let (patch, documents, warnings) = render(vec![overlay("tutorial")]).expect("documents");
    assert!(warnings.items.is_empty());
    assert_eq!((patch.args.len(), patch.volumes.len(), patch.files.len()), (14, 2, 1));
    // That these are the how-to's own is for tests/tutorial.rs.
    assert_eq!(patch.arg("audit-log-maxsize").map(|arg| arg.value.as_str()), Some("50"));
    let volumes: Vec<_> = patch.volumes.iter().map(|volume| (volume.name.as_str(), volume.host_path.as_str())).collect();
    assert_eq!(volumes, [("audit", "/etc/kubernetes/audit-policy.yaml"), ("audit-log", "/var/log/kubernetes/audit/")]);
    let content = patch.files[0].content().map(|content| content.text.as_str());
    assert_eq!(content, Some("apiVersion: audit.k8s.io/v1\nkind: Policy\nrules:\n  - level: Metadata\n"));
    hold(&patch, &documents);
}

#[test]
fn every_overlay_arrives_in_every_shape() {
    for name in ["recommended", "cis", "stig", "webhook", "palette-pxk"] {
        let (patch, documents, warnings) = render(vec![overlay(name)]).expect(name);
        assert!(warnings.items.is_empty(), "{name}: {:?}", warnings.items);
        hold(&patch, &documents);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn any_patch_is_read_back(
        flags in proptest::collection::btree_map("x-[a-z]{1,8}", "[^\n\u{0}]{0,16}", 0..5),
        paths in proptest::collection::btree_set("/[a-z0-9 :#'\"-]{1,12}[a-z]", 0..3),
        content in "[^{\u{0}]{0,80}",
        mode in "0[0-7]{3}",
        owner in "[a-z]{1,8}:[a-z]{1,8}",
        exposed in any::<bool>(),
    ) {
        let volumes: serde_json::Map<String, Value> = paths
            .iter()
            .enumerate()
            .map(|(index, path)| (format!("v{index}"), json!({"hostPath": path, "mountPath": path, "readOnly": index == 0})))
            .collect();
        let mut layers = vec![
            set("extraArgs", &json!(flags)),
            set("extraVolumes", &json!(volumes)),
            set("files", &json!({"/etc/x": {"content": content, "permissions": mode, "owner": owner}})),
        ];
        if exposed {
            layers.push(set("expose", &json!({"audit-log-maxage": {"name": "maxAge", "minimum": 1, "maximum": 90}, "audit-log-mode": {"name": "mode"}})));
        }
        // A path may be one that no volume can have; nothing else is refused.
        match render(layers) {
            Ok((patch, documents, _)) => hold(&patch, &documents),
            Err(errors) => prop_assert!(errors.items.iter().all(|item| item.code == Code::ValuesInvalid), "{errors:?}"),
        }
    }
}

/// Braces, a first line with leading blanks, users outside ASCII.
fn awkward(characters: usize, braces: &str) -> String {
    let mut text = String::from("    # starts with blanks\napiVersion: audit.k8s.io/v1\nkind: Policy\nrules:\n");
    while text.chars().count() < characters {
        text.push_str(&format!("  - {{level: Metadata, users: [\"żółw-{}\", \"{braces}\"]}}\n", text.len()));
    }
    text
}

#[test]
fn a_policy_arrives_byte_for_byte_or_is_refused_with_the_reason() {
    let policy = |content: String| vec![set("policy.content", &json!(content))];
    let wide = awkward(9_000, "{ not twice }").trim_start().to_owned();
    let (patch, documents, warnings) = render(policy(wide.clone())).expect("documents");
    assert!(warnings.items.is_empty(), "{:?}", warnings.items);
    hold(&patch, &documents);
    assert_eq!(text(&documents, "files/etc/kubernetes/audit-policy.yaml"), wide);

    // cloud-init would not read the first, and would run the second.
    for changed in [awkward(900, "x"), awkward(900, "{% x %}").trim_start().to_owned()] {
        let (.., warnings) = render(policy(changed)).expect("documents, with the finding");
        assert_eq!(warnings.items.iter().map(|item| item.code).collect::<Vec<_>>(), [Code::FileBraces], "{:?}", warnings.items);
    }

    let errors = render(policy(awkward(30_000, "x"))).expect_err("too large for PXK");
    assert!(errors.items.iter().all(|item| item.code == Code::TargetLimit), "{:?}", errors.items);
    assert!(errors.items[0].message.contains("takes at most 10240"), "{}", errors.items[0].message);

    let (.., warnings) = render(policy(awkward(900, "{{ x }}"))).expect("documents, with the finding");
    assert_eq!(warnings.items.iter().map(|item| item.code).collect::<Vec<_>>(), [Code::FileBraces]);
    assert!(warnings.has_errors());

    // Through any other target all of it arrives as it is, and Palette says what it takes.
    let large = awkward(30_000, "{{ x }}{% y %}{# z #}");
    assert!(large.starts_with(' ') && large.len() > 30_000 && !large.is_ascii());
    for target in TARGETS {
        let rendered = render_for(&[target], policy(large.clone()));
        if target == "palette" {
            let errors = rendered.expect_err("too large for PXK");
            let message = format!("has {} characters, and palette/values/pxk.fragment.yaml takes at most 10240", large.chars().count());
            assert!(errors.items.iter().any(|item| item.code == Code::TargetLimit && item.message.contains(&message)), "{errors:?}");
            assert!(errors.items.iter().any(|item| item.code == Code::FileBraces), "{errors:?}");
            continue;
        }
        let (_, documents, warnings) = rendered.expect(target);
        assert!(warnings.items.is_empty(), "{target}: {:?}", warnings.items);
        // What kind mounts.
        assert_eq!(text(&documents, "files/etc/kubernetes/audit-policy.yaml"), large);
        let views = documents.iter().filter(|document| document.path != "control-plane-patch.yaml").filter_map(View::of);
        let carried: Vec<String> = views.filter_map(|view| view.files?.remove("/etc/kubernetes/audit-policy.yaml")).collect();
        let carriers = [("kubeadm", 1), ("cluster-api", 8), ("kind", 0), ("static-pod", 1)];
        assert!(carriers.contains(&(target, carried.len())), "{target}: {}", carried.len());
        assert!(carried.iter().all(|content| *content == large), "{target}");
    }
}

/// What Palette would replace, and may be meant so.
#[test]
fn a_macro_in_a_value_is_a_warning() {
    let layers = vec![
        set("extraArgs", &json!({"event-ttl": "{{.spectro.var.ttl}}", "audit-log-maxage": null})),
        set("extraVolumes", &json!({"v": {"hostPath": "/{{x}}", "mountPath": "/{{x}}"}})),
        set("expose", &json!({"audit-log-format": {"name": "format"}})),
    ];
    let (patch, documents, warnings) = render(layers).expect("documents");
    let found: Vec<_> = warnings.items.iter().map(|item| (item.code, item.message.as_str())).collect();
    assert_eq!(
        found,
        [
            (Code::ValueMacro, "--event-ttl has `{{` in `{{.spectro.var.ttl}}`, and palette replaces macros"),
            (Code::ValueMacro, "the volume v has `{{` in `/{{x}}`, and palette replaces macros"),
        ]
    );
    assert!(warnings.items.iter().all(|item| item.location.is_some()));
    assert!(text(&documents, "palette/values/pxk.fragment.yaml").contains("      event-ttl: \"{{.spectro.var.ttl}}\"\n"));
    assert!(patch.arg("event-ttl").is_some());
}

/// pack-central's validator, check by check (docs/targets.md has the table).
#[test]
fn the_palette_pack_passes_the_checks_of_pack_central() {
    let (_, documents, _) = render(vec![overlay("tutorial")]).expect("documents");
    let pack: Value = serde_json::from_slice(bytes(&documents, &format!("{PACK}/pack.json"))).expect("JSON");
    let schema = json!({
        "type": "object",
        "required": ["name", "displayName", "version", "layer"],
        "properties": {
            "name": {"type": "string", "minLength": 1},
            "displayName": {"type": "string", "minLength": 1},
            "version": {"type": "string", "minLength": 1},
            "layer": {"enum": ["kernel", "os", "k8s", "cni", "csi", "addon"]},
            "addonType": {"type": "string"},
            "annotations": {"type": "object", "additionalProperties": {"type": "string"}},
            "cloudTypes": {"type": "array", "items": {"enum": [
                "all", "aws", "azure", "gcp", "vsphere", "openstack", "baremetal", "maas", "aks", "eks", "tencent", "tke", "edge",
                "libvirt", "edge-native", "coxedge", "custom"
            ]}}
        },
        // Only what is checked above is written.
        "additionalProperties": false
    });
    let validator = jsonschema::validator_for(&schema).expect("a schema");
    assert!(validator.is_valid(&pack), "{pack}");
    assert_eq!((&pack["name"], &pack["version"]), (&json!("kube-apiserver-audit"), &json!("1.0.0")));
    assert!(!pack["version"].as_str().expect("text").starts_with('v'));
    assert!(text(&documents, &format!("{PACK}/README.md")).contains("\nNo public evidence shows that Palette honours"));

    let logo = bytes(&documents, &format!("{PACK}/logo.png"));
    assert_eq!((&logo[..8], &logo[12..24]), (&b"\x89PNG\r\n\x1a\n"[..], &b"IHDR\0\0\0\xc8\0\0\0\xc8"[..]), "a PNG of 200 x 200");

    let values = text(&documents, &format!("{PACK}/values.yaml"));
    assert!(values.starts_with("# spectrocloud.com/enabled-presets: Audit Logging:audit-logging\n"));
    let values: Value = serde_yaml::from_str(&values).expect("YAML");
    assert_eq!(values["pack"]["content"]["images"], json!([]), "no image is invented");

    // One top-level folder of the pack's name, and in it the folder beside it, byte for byte.
    let tar = archive::gunzip(bytes(&documents, &format!("{PACK}.tar.gz")), archive::MAX_BYTES).expect("gzip");
    let entries = archive::read_tar(&tar).expect("a tar");
    let folder: Vec<(String, Vec<u8>)> = {
        let mut files: Vec<_> = documents
            .iter()
            .filter(|document| document.path.starts_with(&format!("{PACK}/")))
            .map(|document| (document.path.trim_start_matches("palette/").to_owned(), document.bytes.clone()))
            .collect();
        files.sort();
        files
    };
    assert_eq!(entries.into_iter().map(|entry| (entry.path, entry.content)).collect::<Vec<_>>(), folder);
    assert_eq!(folder.len(), 6);
}

/// The shape that real packs have: five keys, `add` a text that holds a mapping.
#[test]
fn presets_and_schema_parse_as_real_ones_do() {
    let expose = json!({
        "audit-log-maxage": {"name": "age", "minimum": 0, "maximum": 90},
        "audit-log-maxbackup": {"name": "backup"},
        "audit-log-compress": {"name": "compress"},
        "audit-log-mode": {"name": "mode", "enum": ["batch", "blocking"]},
    });
    let (patch, documents, _) = render(vec![set("expose", &expose)]).expect("documents");
    let presets: Value = serde_yaml::from_str(&text(&documents, &format!("{PACK}/presets.yaml"))).expect("YAML");
    let presets = presets["presets"].as_array().expect("a list");
    assert_eq!(presets.len(), 2);
    for preset in presets {
        let keys: Vec<&str> = preset.as_object().expect("a mapping").keys().map(String::as_str).collect();
        assert_eq!(keys.len(), 5);
        assert!(["name", "displayName", "group", "remove", "add"].iter().all(|key| keys.contains(key)), "{keys:?}");
        assert_eq!(preset["group"], "Audit Logging");
        let add: Value = serde_yaml::from_str(preset["add"].as_str().expect("text")).expect("YAML");
        assert!(add.is_object());
    }
    let values: Value = serde_yaml::from_str(&text(&documents, &format!("{PACK}/values.yaml"))).expect("YAML");
    let on: Value = serde_yaml::from_str(presets[0]["add"].as_str().expect("text")).expect("YAML");
    assert_eq!(on, values, "the first preset is what the pack was built as");

    let schema: Value = serde_yaml::from_str(&text(&documents, &format!("{PACK}/schema.yaml"))).expect("YAML");
    let schema = schema.as_object().expect("a mapping");
    assert_eq!(schema.len(), patch.args.len());
    let format = |flag: &str| {
        let entry = &schema[&format!("kubeadmconfig.apiServer.extraArgs.{flag}")];
        let template = entry["schema"].as_str().expect("text");
        let template = template.strip_prefix("{{ required | format \"").and_then(|rest| rest.split_once("\" | hints \""));
        let (format, rest) = template.unwrap_or_else(|| panic!("{entry}"));
        assert_eq!(rest, format!("Value of --{flag}\" }}}}"));
        format.to_owned()
    };
    assert_eq!(format("audit-log-maxage"), "${number:[0-90]}");
    assert_eq!(format("audit-log-maxbackup"), "${number}");
    assert_eq!(format("audit-log-compress"), "${boolean}");
    assert_eq!(format("audit-log-mode"), "${list:[batch,blocking]}");
    assert_eq!(format("audit-log-path"), "${string}");
}

/// A person's own whole documents: what is not theirs to read is passed over,
/// and places lead into the strings.
#[test]
fn whole_documents_of_a_person() {
    let pxk = "pack: {k8sHardening: True}\nkubeadmconfig:\n  apiServer:\n    certSANs: [a]\n    extraArgs:\n      secure-port: \"6443\"\n  \
               controllerManager: {extraArgs: {profiling: \"false\"}}\n  files:\n    - path: hardening/audit-policy.yaml\n      \
               targetPath: /etc/kubernetes/audit-policy.yaml\n      targetOwner: \"root:root\"\n      targetPermissions: \"0600\"\n";
    let (kind, reading) = read_text("pxk.yaml", pxk.to_owned());
    assert_eq!((kind, args(&reading)), (Kind::PalettePxk, vec![("secure-port".to_owned(), "6443".to_owned())]));
    assert!(reading.files[0].content().is_none());

    let edge = "cluster:\n  config: |\n    clusterConfiguration:\n      apiServer:\n        extraArgs:\n          audit-log-maxage: \"30\"\n\
                stages:\n  initramfs:\n    - sysctl: {vm.overcommit_memory: 1}\n    - files:\n        - path: /a\n          content: |\n            x\n        \
                - {path: /b, permissions: 0600, owner: 1, group: 2, content: y}\n";
    let (kind, reading) = read_text("edge.yaml", edge.to_owned());
    assert_eq!(kind, Kind::PaletteEdgeK8s);
    assert_eq!(reading.args[0].location.to_string(), "edge.yaml:6:29");
    let modes: Vec<_> = reading.files.iter().map(|file| (file.owner.as_str(), file.permissions.as_str())).collect();
    assert_eq!(modes, [("0:0", "0000"), ("1:2", "0600")], "without `permissions` Kairos gives none");

    let k3s = "cluster:\n  config: |\n    flannel-backend: host-gw\n    kube-apiserver-arg:\n      - audit-log-maxage=30\n";
    let (kind, reading) = read_text("k3s.yaml", k3s.to_owned());
    assert_eq!((kind, reading.args[0].location.to_string()), (Kind::PaletteEdgeK3s, "k3s.yaml:5:9".to_owned()));

    let pod = "apiVersion: v1\nkind: Pod\nspec:\n  containers:\n    - name: kube-apiserver\n      image: x\n      command: [kube-apiserver, --a=1, --b, --c, d]\n      \
               args: [--audit-log-path, \"-\"]\n      volumeMounts:\n        - {name: v, mountPath: /m}\n        - {name: s, mountPath: /s}\n  \
               volumes:\n    - {name: s, secret: {secretName: s}}\n    - {name: v, hostPath: {path: /h, type: \"\"}}\n";
    let (kind, reading) = read_text("pod.yaml", pod.to_owned());
    assert_eq!(kind, Kind::StaticPod);
    let found: Vec<_> = reading.args.iter().map(|arg| (arg.name.as_str(), arg.value.as_str())).collect();
    assert_eq!(found, [("a", "1"), ("b", "true"), ("c", "d"), ("audit-log-path", "-")]);
    assert_eq!((reading.volumes.len(), reading.volumes[0].host_path.as_str()), (1, "/h"));

    let kind_config = "apiVersion: kind.x-k8s.io/v1alpha4\nkind: Cluster\nkubeadmConfigPatches:\n  - |\n    kind: InitConfiguration\n  - |\n    \
                       kind: ClusterConfiguration\n    apiServer:\n      extraArgs:\n        - {name: a, value: \"1\"}\nnodes:\n  - role: worker\n    \
                       extraMounts: [{hostPath: /w, containerPath: /w}]\n  - role: control-plane\n    extraMounts: [{hostPath: /c, containerPath: /c}]\n";
    let (_, reading) = read_text("kind.yaml", kind_config.to_owned());
    assert_eq!(reading.args[0].location.to_string(), "kind.yaml:10:28");
    assert_eq!(reading.mounts.iter().map(|mount| mount.path.as_str()).collect::<Vec<_>>(), ["/c"]);
}

/// The example of docs/targets.md, as it stands there.
#[test]
fn the_documented_ansible_target_works() {
    let page = fs::read_to_string(format!("{ROOT}/docs/targets.md")).expect("the page");
    let block = |after: &str| {
        let rest = &page[page.find(after).unwrap_or_else(|| panic!("{after}"))..];
        let start = rest.find("```").expect("a block");
        let body = &rest[start..][rest[start..].find('\n').expect("a line") + 1..];
        body[..body.find("\n```").expect("an end") + 1].to_owned()
    };
    let folder = tempfile::tempdir().expect("a folder");
    let target = folder.path().join("my-targets/ansible");
    fs::create_dir_all(&target).expect("folders");
    for name in ["target.yaml", "vars.yaml.hbs", "README.md.hbs"] {
        fs::write(target.join(name), block(&format!("`my-targets/ansible/{name}`:"))).expect("a file");
    }
    let run = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_packwright")).current_dir(folder.path()).args(arguments).output().expect("it runs");
        (output.status.code(), String::from_utf8(output.stdout).expect("text"), String::from_utf8(output.stderr).expect("text"))
    };
    let inputs = ["kube-apiserver-audit", "--templates", "my-targets", "--target", "ansible"];
    let (status, _, words) = run(&[&["build"], &inputs[..]].concat());
    assert_eq!(status, Some(0), "{words}");
    let console = &page[page.find("$ packwright build kube-apiserver-audit --templates").expect("the command")..];
    for line in console[..console.find("```").expect("an end")].lines().skip(1).filter(|line| *line != "...") {
        assert!(words.contains(line), "the page shows {line:?}, and it says\n{words}");
    }
    let (_, vars, _) = run(&[&["render"], &inputs[..], &["--file", "ansible/vars.yaml"]].concat());
    let mut rest = vars.as_str();
    for part in block("`ansible/vars.yaml` in the pack, shortened:").split("...\n") {
        let at = rest.find(part).unwrap_or_else(|| panic!("the page shows\n{part}\nand it renders\n{vars}"));
        rest = &rest[at + part.len()..];
    }
    let (_, vars, _) = run(&[&["render"], &inputs[..], &["--file", "ansible/vars.yaml", "--set", "targets.ansible.become=false"]].concat());
    assert!(vars.ends_with("become: false\n"), "{vars}");
    assert_eq!(run(&[&["build"], &inputs[..], &["--deny", "target-unchecked", "-o", "out"]].concat()).0, Some(1));
}

/// The status and the first words of the error of a target of one's own, with these `files`.
fn failure(files: &str, template: &str) -> (Option<i32>, String) {
    let folder = tempfile::tempdir().expect("a folder");
    let target = folder.path().join("t/own");
    fs::create_dir_all(&target).expect("folders");
    let head = "apiVersion: packwright.dev/v1alpha1\nkind: Target\nformat: 1\nmetadata: {name: own}\n";
    fs::write(target.join("target.yaml"), format!("{head}files:\n{files}")).expect("a file");
    fs::write(target.join("a.hbs"), template).expect("a file");
    let output = Command::new(env!("CARGO_BIN_EXE_packwright"))
        .current_dir(folder.path())
        .args(["build", "kube-apiserver-audit", "--templates", "t", "--target", "own"])
        .output()
        .expect("it runs");
    let words = String::from_utf8(output.stderr).expect("text").split("\n  |").next().expect("words").to_owned();
    (output.status.code(), words)
}

/// The same of a target with one document that is not understood.
fn fault(path: &str, reads: &str, template: &str) -> String {
    let (status, words) = failure(&format!("  - {{path: {path}, template: a.hbs, reads: {reads}, carries: [args]}}\n"), template);
    assert_eq!(status, Some(2), "{words}");
    words
}

/// Documents are read back without places; a fault is blamed all the same.
#[test]
fn a_fault_in_a_document_is_the_templates_line() {
    let head = "apiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\napiServer:\n  extraArgs:\n    - name: a\n      value: ";
    let number = fault("own/a.yaml", "kubeadm-v1beta4", &format!("{head}30\n"));
    assert_eq!(number, "error[template-error]: own/a.yaml: --a: `value` must be text, not an integer\n --> t/own/a.hbs:6:7");
    let other = fault("own/a.yaml", "kubeadm-v1beta4", &format!("{head}\"30\"\n"));
    assert!(other.starts_with("error[template-error]: own/a.yaml: it does not read back as the patch: "), "{other}");
    let kind = fault("own/a.yaml", "kubeadm-v1beta3", &format!("{head}\"30\"\n"));
    assert!(kind.starts_with("error[template-error]: own/a.yaml: its apiVersion and kind are not those that target.yaml says"), "{kind}");
    let presets = fault("own/a.yaml", "palette-presets", "presets:\n  - name: a\n    add: {b: c}\n");
    assert!(presets.contains("own/a.yaml: `add` of a preset must be text that holds YAML, not a mapping"), "{presets}");
}

#[test]
fn a_document_stays_inside_the_pack() {
    for path in ["own/../../a.yaml", "own//a.yaml", "own/./a.yaml"] {
        let words = fault(path, "opaque", "a: 1\n");
        assert!(words.starts_with("error[pack-invalid]: ") && words.contains("is no path inside a pack"), "{path}: {words}");
    }
}

#[test]
fn a_name_that_fits_no_archive() {
    let long = "a".repeat(101);
    let files = format!("  - {{path: own/p/{long}, template: a.hbs, reads: data}}\n  - {{path: own/p.tar.gz, generate: archive}}\n");
    let (status, words) = failure(&files, "a: 1\n");
    assert!(words.starts_with("error[target-limit]: own/p.tar.gz: ") && words.contains(&long), "{words}");
    assert_eq!(status, Some(1));
}
