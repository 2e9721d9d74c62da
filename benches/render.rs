//! Where the time of `packwright render` goes, step by step:
//! `cargo bench --bench render`. docs/performance.md says how to read it.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use packwright::diagnostic::{Diagnostics, Source};
use packwright::kubernetes::Minor;
use packwright::pack::{self, Inputs, PackSource, Plan};
use packwright::template::Engine;
use packwright::values::{Layer, Schema, Values};

const PACK: &str = "kube-apiserver-audit";
const DOCUMENT: &str = "kubeadm/cluster-configuration.v1beta4.yaml";
const OVERRIDE: &str = include_str!("peers/job/override.yaml");

fn main() {
    divan::main();
}

fn source() -> PackSource {
    pack::load(PACK, &mut Diagnostics::new()).expect("the bundled pack")
}

fn layers() -> Vec<Layer> {
    vec![Layer::File(Source::file("override.yaml", OVERRIDE))]
}

fn plan() -> Plan {
    let inputs = Inputs { layers: layers(), kubernetes_version: Some("1.33".to_owned()), ..Inputs::default() };
    pack::plan(source(), inputs, &mut Diagnostics::new()).expect("values that fit")
}

/// All of it, as the command does it for one document.
#[divan::bench]
fn whole() -> Vec<u8> {
    let plan = plan();
    let mut warnings = Diagnostics::new();
    let patch = plan.patch(&mut warnings).expect("a patch");
    plan.document(&patch, DOCUMENT, &mut warnings).expect("documents").expect("the document").bytes
}

#[divan::bench]
fn load_pack() -> PackSource {
    source()
}

#[divan::bench(args = ["override.yaml", "recommended.yaml", "stig.yaml"])]
fn merge_values(bencher: divan::Bencher<'_, '_>, layer: &str) {
    let source = source();
    let layers =
        if layer == "override.yaml" { layers() } else { vec![Layer::File(pack::load_layer(&overlay(layer)).expect("the overlay"))] };
    bencher.bench(|| Values::load(&source.values, &layers, &mut Diagnostics::new()).expect("values"));
}

#[divan::bench]
fn parse_schema(bencher: divan::Bencher<'_, '_>) {
    let schema = schema_source();
    bencher.bench(|| Schema::parse(&schema).expect("a schema"));
}

/// Compiles the schema and applies it.
#[divan::bench]
fn check_schema(bencher: divan::Bencher<'_, '_>) {
    let source = source();
    let values = Values::load(&source.values, &layers(), &mut Diagnostics::new()).expect("values");
    let schema = Schema::parse(&source.schema).expect("a schema");
    bencher.bench(|| schema.check(&values.root).expect("a schema"));
}

/// Parses the pack's templates, walks them against the schema, and prepares
/// them for tracing.
#[divan::bench]
fn compile_templates(bencher: divan::Bencher<'_, '_>) {
    let source = source();
    let schema = Schema::parse(&source.schema).expect("a schema");
    bencher.bench(|| Engine::compile(&source.templates, Some(&schema)).map(drop).expect("templates"));
}

/// Handlebars' part of the above.
#[divan::bench]
fn compile_templates_handlebars_alone(bencher: divan::Bencher<'_, '_>) {
    let source = source();
    bencher.bench(|| {
        source.templates.values().map(|template| handlebars::Template::compile(&template.text).expect("a template")).collect::<Vec<_>>()
    });
}

/// Renders the patch's template and reads the text back with its origins.
#[divan::bench]
fn render_template(bencher: divan::Bencher<'_, '_>) {
    let plan = plan();
    let schema = Schema::parse(&plan.source.schema).expect("a schema");
    let engine = Engine::compile(&plan.source.templates, Some(&schema)).map_err(drop).expect("templates");
    let context = schema.complete(plan.values.root.to_json()).into();
    let minor: Minor = plan.minors[0];
    bencher.bench(|| engine.render(&plan.source.manifest.patch, &context, minor, &|_| None).expect("text").read().expect("YAML"));
}

/// Templates, patch and parts, without the values.
#[divan::bench]
fn render_patch(bencher: divan::Bencher<'_, '_>) {
    let plan = plan();
    bencher.bench(|| plan.patch(&mut Diagnostics::new()).expect("a patch"));
}

/// Every document of the default target and the README, from the patch.
#[divan::bench]
fn render_documents(bencher: divan::Bencher<'_, '_>) {
    let plan = plan();
    let patch = plan.patch(&mut Diagnostics::new()).expect("a patch");
    bencher.bench(|| plan.documents(&patch, &mut Diagnostics::new()).expect("documents"));
}

/// One document, from the patch.
#[divan::bench]
fn render_document(bencher: divan::Bencher<'_, '_>) {
    let plan = plan();
    let patch = plan.patch(&mut Diagnostics::new()).expect("a patch");
    bencher.bench(|| plan.document(&patch, DOCUMENT, &mut Diagnostics::new()).expect("documents"));
}

/// A large policy: what grows with the values.
#[divan::bench(args = [10, 100, 1000])]
fn policy_rules(bencher: divan::Bencher<'_, '_>, rules: usize) {
    let rule = "    - {level: Metadata, users: [\"system:node\"], verbs: [get, list], resources: [{group: apps, resources: [deployments, replicasets]}]}\n";
    let text = format!("policy:\n  rules:\n{}", rule.repeat(rules));
    let inputs = Inputs { layers: vec![Layer::File(Source::file("rules.yaml", text))], ..Inputs::default() };
    let plan = pack::plan(source(), inputs, &mut Diagnostics::new()).expect("values that fit");
    bencher.bench(|| plan.patch(&mut Diagnostics::new()).expect("a patch"));
}

fn overlay(name: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("values").join(name).display().to_string()
}

fn schema_source() -> Arc<Source> {
    let files: BTreeMap<_, _> = pack::bundled_packs().remove(PACK).expect("the bundled pack");
    Source::file("values.schema.json", String::from_utf8_lossy(files["values.schema.json"]))
}
