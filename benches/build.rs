//! Where the time of `packwright build` goes after the documents are rendered,
//! and what each level of compression costs and saves:
//! `cargo bench --bench build`. docs/performance.md says how to read it.

use divan::counter::BytesCount;
use packwright::diagnostic::{Diagnostics, Source};
use packwright::pack::place::{self, Built, PlaceError};
use packwright::pack::{self, Inputs, Pack, Plan, archive};
use packwright::values::Layer;

const OVERRIDE: &str = include_str!("peers/job/override.yaml");

fn main() {
    print_sizes();
    divan::main();
}

fn plan() -> Plan {
    let source = pack::load("kube-apiserver-audit", &mut Diagnostics::new()).expect("the bundled pack");
    let layers = vec![Layer::File(Source::file("override.yaml", OVERRIDE))];
    let inputs = Inputs { layers, kubernetes_version: Some("1.33".to_owned()), ..Inputs::default() };
    pack::plan(source, inputs, &mut Diagnostics::new()).expect("values that fit")
}

fn built(plan: &Plan) -> Pack {
    let mut warnings = Diagnostics::new();
    let patch = plan.patch(&mut warnings).expect("a patch");
    let documents = plan.documents(&patch, &mut warnings).expect("documents");
    plan.assemble(&patch, documents).expect("a pack")
}

fn tar() -> Vec<u8> {
    let pack = built(&plan());
    archive::tar(&pack.stem, &pack.files).expect("a tar")
}

fn deflate(bytes: &[u8], level: i32) -> Vec<u8> {
    let mut out = vec![0; zlib_rs::compress_bound(bytes.len())];
    let config = zlib_rs::DeflateConfig { window_bits: -15, ..zlib_rs::DeflateConfig::new(level) };
    zlib_rs::compress_slice(&mut out, bytes, config).0.to_vec()
}

/// Sizes do not depend on the machine, so they are told once and not measured.
fn print_sizes() {
    let tar = tar();
    println!("the pack's tar: {} bytes", tar.len());
    for level in 1..=9 {
        println!("level {level}: {} bytes", deflate(&tar, level).len());
    }
}

/// All of it but writing to the disk.
#[divan::bench]
fn whole() -> Vec<u8> {
    let pack = built(&plan());
    archive::pack(&pack.stem, &pack.files).expect("an archive")
}

/// The checks of meaning, for one minor.
#[divan::bench]
fn check(bencher: divan::Bencher<'_, '_>) {
    let plan = plan();
    let patch = plan.patch(&mut Diagnostics::new()).expect("a patch");
    bencher.bench(|| plan.check(&patch));
}

/// Digests, lock and sums.
#[divan::bench]
fn assemble(bencher: divan::Bencher<'_, '_>) {
    let plan = plan();
    let patch = plan.patch(&mut Diagnostics::new()).expect("a patch");
    let documents = plan.documents(&patch, &mut Diagnostics::new()).expect("documents");
    bencher.with_inputs(|| documents.clone()).bench_values(|documents| plan.assemble(&patch, documents).expect("a pack"));
}

#[divan::bench]
fn archive_pack(bencher: divan::Bencher<'_, '_>) {
    let pack = built(&plan());
    bencher.bench(|| archive::pack(&pack.stem, &pack.files).expect("an archive"));
}

#[divan::bench]
fn archive_tar(bencher: divan::Bencher<'_, '_>) {
    let pack = built(&plan());
    bencher.bench(|| archive::tar(&pack.stem, &pack.files).expect("a tar"));
}

#[divan::bench(args = 1..=9)]
fn compress(bencher: divan::Bencher<'_, '_>, level: i32) {
    let tar = tar();
    bencher.counter(BytesCount::of_slice(&tar)).bench(|| deflate(&tar, level));
}

/// Folder, archive (compressed while the folder is written) and checksum into an empty folder, and over the same pack.
#[divan::bench(args = ["fresh", "again"])]
fn write(bencher: divan::Bencher<'_, '_>, over: &str) {
    let pack = built(&plan());
    let folder = tempfile::tempdir().expect("a folder");
    let built = Built { stem: &pack.stem, files: &pack.files };
    let write = || place::place(&built, folder.path(), || (), |_| Ok::<_, PlaceError>(())).expect("a place");
    bencher
        .with_inputs(|| {
            if over == "fresh" {
                for name in [pack.stem.clone(), format!("{}.tar.gz", pack.stem), format!("{}.tar.gz.sha256", pack.stem)] {
                    let path = folder.path().join(name);
                    let _ = if path.is_dir() { std::fs::remove_dir_all(path) } else { std::fs::remove_file(path) };
                }
            }
        })
        .bench_values(|()| write());
}
