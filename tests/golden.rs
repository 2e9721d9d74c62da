//! Digests that must not move: an upgrade of the tool is a no-op, and any other
//! byte rolls somebody's control plane. `ci/generated --write` rewrites them,
//! which until release 0.1.0 is allowed and afterwards is a new format.

use std::fmt::Write as _;

use packwright::diagnostic::Diagnostics;
use packwright::pack::{self, Inputs, archive, sha256};
use packwright::values::Layer;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

fn build(pack: &str, overlay: Option<&str>, versions: &str) -> (pack::Pack, Vec<u8>) {
    let mut warnings = Diagnostics::new();
    let source = pack::load(pack, &mut warnings).expect("the pack");
    let layers = overlay.map(|name| Layer::File(pack::load_layer(&format!("{ROOT}/values/{name}.yaml")).expect("the overlay")));
    let inputs = Inputs { layers: layers.into_iter().collect(), kubernetes_version: Some(versions.to_owned()), ..Inputs::default() };
    let plan = pack::plan(source, inputs, &mut warnings).expect("values");
    let patch = plan.patch(&mut warnings).expect("a patch");
    assert!(!plan.check(&patch).has_errors(), "{overlay:?}");
    let documents = plan.documents(&patch, &mut warnings).expect("documents");
    let pack = plan.assemble(&patch, documents).expect("a pack");
    assert!(warnings.items.is_empty(), "{overlay:?}: {:?}", warnings.items);
    let archive = archive::pack(&pack.stem, &pack.files).expect("an archive");
    (pack, archive)
}

#[test]
fn the_digests_are_those_that_were_published() {
    let mut lines = String::from("# overlay, minors, digest of the pack, of the patch, and sha256 of the archive\n");
    for overlay in [None, Some("tutorial"), Some("recommended"), Some("cis"), Some("stig"), Some("webhook"), Some("palette-pxk")] {
        for versions in ["1.30", "1.33", "1.28-1.34"] {
            let (pack, archive) = build(&format!("{ROOT}/packs/kube-apiserver-audit"), overlay, versions);
            let name = overlay.unwrap_or("none");
            let _ = writeln!(lines, "{name} {versions} {} {} {}", pack.digest, pack.patch_digest, sha256(&archive));
        }
    }
    let path = format!("{ROOT}/tests/vectors/golden-digests.txt");
    if std::env::var_os("PACKWRIGHT_WRITE_GENERATED").is_some() {
        std::fs::write(&path, &lines).expect("the golden file");
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(committed == lines, "the bytes of packs have changed:\n{lines}");
}

/// A bundled pack's bytes are frozen per version: the folder, the embedded copy
/// and the published digest are one.
#[test]
fn the_bundled_pack_is_the_folder() {
    let (folder, _) = build(&format!("{ROOT}/packs/kube-apiserver-audit"), Some("cis"), "1.33");
    let (bundled, _) = build("kube-apiserver-audit", Some("cis"), "1.33");
    assert_eq!(folder.digest, bundled.digest);
    assert_eq!(folder.lock.version, "1.0.0", "a new version: publish its digest in golden-digests.txt");
}

#[test]
fn the_same_patch_for_every_minor_has_one_patch_digest() {
    let pack = |versions| build("kube-apiserver-audit", None, versions).0.patch_digest;
    assert_eq!(pack("1.28"), pack("1.37"));
}
