//! A value that the schema declares and nobody sets reads as null in templates.
//! The bundled pack's templates are rendered without filling such values in,
//! since they take what is absent as null by themselves: whichever value an
//! overlay removes, the folder, whose values are filled in, gives the same.

use packwright::diagnostic::Diagnostics;
use packwright::pack::{self, Inputs};
use packwright::values::{Assignment, Kind, Layer};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// The patch, or what is wrong.
fn patch(pack: &str, settings: &[&str]) -> Result<String, Vec<String>> {
    let mut warnings = Diagnostics::new();
    let overlay = pack::load_layer(&format!("{ROOT}/values/webhook.yaml")).expect("the overlay");
    let sets = settings.iter().enumerate().map(|(at, set)| Layer::Set(Assignment::parse(Kind::Set, set, at + 1).expect(set), None));
    let layers = std::iter::once(Layer::File(overlay)).chain(sets).collect();
    let messages = |found: Diagnostics| -> Vec<String> { found.items.into_iter().map(|item| item.message).collect() };
    let source = pack::load(pack, &mut warnings).map_err(messages)?;
    let plan = pack::plan(source, Inputs { layers, ..Inputs::default() }, &mut warnings).map_err(messages)?;
    Ok(plan.patch(&mut warnings).map_err(messages)?.to_yaml())
}

#[test]
fn removing_any_value_gives_the_same_from_the_binary_and_from_the_folder() {
    let mut warnings = Diagnostics::new();
    let source = pack::load("kube-apiserver-audit", &mut warnings).expect("the pack");
    let overlay = pack::load_layer(&format!("{ROOT}/values/webhook.yaml")).expect("the overlay");
    let inputs = Inputs { layers: vec![Layer::File(overlay)], ..Inputs::default() };
    let plan = pack::plan(source, inputs, &mut warnings).expect("values");
    let mut paths: Vec<String> = Vec::new();
    for leaf in plan.values.leaves() {
        // The value, and each mapping and list that holds it.
        let text = leaf.path.to_string();
        paths.extend(text.match_indices(['.', '[']).map(|(at, _)| text[..at].to_owned()));
        paths.push(text);
    }
    paths.retain(|path| !path.contains('['));
    paths.sort();
    paths.dedup();
    assert!(paths.len() > 40, "{paths:?}");
    for path in &paths {
        for extra in [&[][..], &["policy.rules=null"], &["log.path=null"], &["webhook.enabled=false"]] {
            let removal = format!("{path}=null");
            let settings: Vec<&str> = std::iter::once(removal.as_str()).chain(extra.iter().copied()).collect();
            assert_eq!(
                patch("kube-apiserver-audit", &settings),
                patch(&format!("{ROOT}/packs/kube-apiserver-audit"), &settings),
                "{settings:?}"
            );
        }
    }
}
