//! The API resources that Kubernetes itself serves, by minor. Custom resources
//! and those of aggregated API servers are not among them.
//!
//! `resources.tsv` is written by `tests/upstream/resources` from the discovery
//! documents in Kubernetes' repository (`api/discovery/`), in which every API
//! is turned on, also the alpha ones.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use super::Minor;

/// A resource or a subresource, in all versions of its group together.
#[derive(Debug)]
pub struct Resource {
    /// The API group, empty for the core group.
    pub group: &'static str,
    /// `pods`, or with a subresource `pods/log`.
    pub name: &'static str,
    /// The kind of what is sent, such as `Pod`.
    pub kind: &'static str,
    /// `pod`; empty for a subresource.
    pub singular: &'static str,
    /// `po`, as kubectl takes it.
    pub short: Vec<&'static str>,
    /// Whether it lies in namespaces.
    pub namespaced: bool,
    /// What can be done with it, sorted.
    pub verbs: Vec<&'static str>,
    /// The minors that serve it, as first and last of each run.
    minors: Vec<(u16, u16)>,
}

impl Resource {
    /// Whether API servers of a minor serve it.
    pub fn is_in(&self, minor: Minor) -> bool {
        self.minors.iter().any(|(first, last)| (*first..=*last).contains(&minor.0))
    }

    /// Such as `1.28 to 1.30`.
    pub fn minors(&self) -> String {
        let runs = self.minors.iter().map(|(first, last)| match first == last {
            true => Minor(*first).to_string(),
            false => format!("{} to {}", Minor(*first), Minor(*last)),
        });
        runs.collect::<Vec<_>>().join(" and ")
    }
}

/// Every resource of every minor that is known, by group and name. One whose
/// verbs changed is there once for each set of verbs.
pub fn all() -> &'static [Resource] {
    static ALL: LazyLock<Vec<Resource>> = LazyLock::new(|| include_str!("resources.tsv").lines().filter_map(read).collect());
    &ALL
}

/// The minors that are known, ascending.
pub fn minors() -> Vec<Minor> {
    let known: BTreeSet<u16> = all().iter().flat_map(|resource| &resource.minors).flat_map(|(first, last)| *first..=*last).collect();
    known.into_iter().map(Minor).collect()
}

/// Whether the table has the minor.
pub fn knows(minor: Minor) -> bool {
    static RANGE: LazyLock<Option<(Minor, Minor)>> = LazyLock::new(|| minors().first().copied().zip(minors().last().copied()));
    RANGE.is_some_and(|(first, last)| (first..=last).contains(&minor))
}

/// A line of the table; a comment is none.
fn read(line: &'static str) -> Option<Resource> {
    if line.starts_with('#') {
        return None;
    }
    let mut fields = line.split('\t');
    let mut next = || fields.next();
    let (group, name, kind, singular) = (next()?, next()?, next()?, next()?);
    let (short, scope, verbs, minors) = (next()?, next()?, next()?, next()?);
    let list = |text: &'static str| text.split(',').filter(|item| !item.is_empty()).collect::<Vec<_>>();
    let run = |text: &str| {
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        Some((first.parse().ok()?, last.parse().ok()?))
    };
    let minors = list(minors).into_iter().map(run).collect::<Option<_>>()?;
    Some(Resource { group, name, kind, singular, short: list(short), namespaced: scope == "namespace", verbs: list(verbs), minors })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_read_whole() {
        let lines = include_str!("resources.tsv").lines().filter(|line| !line.starts_with('#')).count();
        assert_eq!(all().len(), lines);
        let find = |group, name| all().iter().find(|resource| (resource.group, resource.name) == (group, name)).unwrap();
        let pods = find("", "pods");
        assert_eq!((pods.kind, pods.singular, &pods.short[..], pods.namespaced), ("Pod", "pod", &["po"][..], true));
        assert_eq!(find("", "pods/exec").verbs, ["create", "get"]);
        assert_eq!(find("resource.k8s.io", "podschedulingcontexts").minors(), "1.28 to 1.31");
        let resize = find("", "pods/resize");
        assert!(!resize.is_in(Minor(31)) && resize.is_in(Minor(32)));
    }
    /// A new minor's kubeadm without its resources would be half of the work.
    #[test]
    fn the_table_is_of_the_minors_whose_kubeadm_is_asked() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/upstream/kubeadm/minors");
        let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        let asked: BTreeSet<Minor> = files
            .filter(|path| path.extension().is_some_and(|end| end == "mod"))
            .map(|path| path.file_stem().unwrap().to_str().unwrap().parse().unwrap())
            .collect();
        assert_eq!(minors(), asked.into_iter().collect::<Vec<_>>());
    }
}
