//! "Did you mean": the nearest valid name.

/// The candidate closest to `word`, if it is close enough to be what was meant:
/// at most a third of the word may differ. Case, `-` and `_` count for nothing,
/// so that `audit_log_path` finds `audit-log-path`.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let folded = fold(word);
    let limit = (folded.chars().count() / 3).max(1);
    candidates
        .into_iter()
        .map(|candidate| (strsim::osa_distance(&folded, &fold(candidate)), candidate))
        .filter(|(distance, _)| *distance <= limit)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

fn fold(word: &str) -> String {
    word.chars().filter(|c| !matches!(c, '-' | '_')).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn finds_what_was_meant_and_nothing_far() {
        assert_eq!(nearest("maxage", ["maxAge", "maxSize"]), Some("maxAge"));
        assert_eq!(nearest("levle", ["level", "verbs"]), Some("level"));
        assert_eq!(nearest("zzz", ["level", "verbs"]), None);
    }
}
