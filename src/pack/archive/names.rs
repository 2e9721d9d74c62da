//! Which paths may be in an archive, and in a pack's folder.

use std::collections::HashMap;

use super::{ArchiveError, MAX_ENTRIES};

/// Checks the paths of all files of one archive: each by itself, and that no two of them are one somewhere.
///
/// Case counts although Linux tells `A` from `a`: macOS and Windows don't, and there one of the two would silently
/// replace the other.
pub(crate) fn check<'a>(paths: impl IntoIterator<Item = &'a str>) -> Result<(), ArchiveError> {
    // Folded path of every file and folder, to how it was first written and whether it is a file.
    let mut seen: HashMap<String, (&str, bool)> = HashMap::new();
    for (count, path) in paths.into_iter().enumerate() {
        if count == MAX_ENTRIES {
            return Err(ArchiveError::TooMany { limit: MAX_ENTRIES });
        }
        if let Some(why) = fault(path) {
            return Err(ArchiveError::Path { path: path.to_owned(), why });
        }
        // Folding keeps the slashes, so the n-th ends the same folder in both.
        let folded = fold(path);
        let folders = path.match_indices('/').map(|(at, _)| &path[..at]);
        let folded_folders = folded.match_indices('/').map(|(at, _)| &folded[..at]);
        for (folder, key) in folders.zip(folded_folders) {
            match seen.get(key) {
                Some((other, is_file)) if *is_file || *other != folder => {
                    return Err(ArchiveError::Collision { path: path.to_owned(), other: (*other).to_owned() });
                }
                Some(_) => {}
                None => {
                    seen.insert(key.to_owned(), (folder, false));
                }
            }
        }
        match seen.insert(folded, (path, true)) {
            None => {}
            Some((other, true)) if other == path => {
                return Err(ArchiveError::Duplicate { path: path.to_owned() });
            }
            Some((other, _)) => {
                return Err(ArchiveError::Collision { path: path.to_owned(), other: other.to_owned() });
            }
        }
    }
    Ok(())
}

/// What is wrong with one path, if anything.
fn fault(path: &str) -> Option<&'static str> {
    if path.starts_with('/') {
        return Some("it is absolute");
    }
    if path.contains('\\') {
        return Some("it has a backslash, which separates folders on Windows");
    }
    // A newline would forge a line of SHA256SUMS; the others deceive whoever reads a listing.
    if path.contains(char::is_control) {
        return Some("it has a newline or another control character");
    }
    // 155 and 100 bytes and the slash between them; also keeps the work per entry bounded.
    if path.len() > 256 {
        return Some("it is longer than 256 bytes");
    }
    path.split('/').find_map(|part| match part {
        "" => Some("it has an empty component"),
        "." | ".." => Some("it has a . or .. component"),
        _ => None,
    })
}

/// What file systems that ignore case compare. Through upper case first, so that `ſ` meets `s`.
fn fold(path: &str) -> String {
    path.to_uppercase().to_lowercase()
}
