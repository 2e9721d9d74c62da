//! Every step of a commit, failing and being killed, with and without the exchange of two names.
//! What needs no injected faults is in `tests/place.rs`.

use std::cell::Cell;
use std::fs;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};

use sha2::{Digest, Sha256};

use super::*;
use crate::pack::archive;

struct Sample {
    stem: String,
    files: BTreeMap<String, Vec<u8>>,
    archive: Vec<u8>,
    sha256: String,
}

impl Sample {
    fn new(stem: &str, text: &str) -> Self {
        let mut files = BTreeMap::new();
        for path in ["pack.lock.yaml", "files/etc/a", "kind/cluster.yaml"] {
            files.insert(path.to_owned(), format!("{path}: {text}\n").into_bytes());
        }
        let sums: String = files.iter().map(|(path, content)| format!("{}  {path}\n", hex(content))).collect();
        files.insert("SHA256SUMS".to_owned(), sums.into_bytes());
        let archive = archive::pack(stem, &files).unwrap();
        let sha256 = hex(&archive);
        Self { stem: stem.to_owned(), files, archive, sha256 }
    }

    fn place(&self, moves: &dyn Moves, directory: &Path) -> Result<Placed, PlaceError> {
        let built = Built { stem: &self.stem, files: &self.files };
        place_with(moves, &built, directory, || (), |_| Ok(()))
    }
}

fn hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Every file below a folder with its content; folders with nothing.
fn snapshot(folder: &Path) -> BTreeMap<PathBuf, Option<Vec<u8>>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(snapshot(&path));
            found.insert(path, None);
        } else {
            found.insert(path.clone(), Some(fs::read(&path).unwrap()));
        }
    }
    found
}

fn folder_files(folder: &Path) -> Option<BTreeMap<String, Vec<u8>>> {
    folder.exists().then(|| {
        let found = snapshot(folder).into_iter();
        let name = |path: PathBuf| path.strip_prefix(folder).unwrap().to_str().unwrap().to_owned();
        found.filter_map(|(path, content)| Some((name(path), content?))).collect()
    })
}

/// Asserts what must hold at every moment. `packs` are all that were ever placed under that name.
fn assert_whole(directory: &Path, packs: &[&Sample]) {
    let at = Placed::new(directory, &packs[0].stem);
    let folder = folder_files(&at.directory);
    assert!(folder.is_none() || packs.iter().any(|pack| Some(&pack.files) == folder.as_ref()), "half a folder");
    let archive = fs::read(&at.archive).ok();
    assert!(archive.is_none() || packs.iter().any(|pack| Some(&pack.archive) == archive.as_ref()), "half an archive");
    if let Ok(line) = fs::read_to_string(&at.sidecar) {
        let pack = packs.iter().find(|pack| line == format!("{}  {}.tar.gz\n", pack.sha256, pack.stem));
        let pack = pack.expect("a sidecar of one of the packs");
        assert_eq!(folder.as_ref(), Some(&pack.files), "the sidecar does not belong to the folder");
        assert_eq!(archive.as_ref(), Some(&pack.archive), "the sidecar does not belong to the archive");
    }
}

fn assert_only(directory: &Path, packs: &[&Sample]) {
    let mut expected: Vec<PathBuf> = Vec::new();
    for pack in packs {
        assert_whole(directory, &[pack]);
        let at = Placed::new(directory, &pack.stem);
        expected.extend([at.directory, at.archive, at.sidecar]);
    }
    let mut found: Vec<PathBuf> = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    expected.sort();
    found.sort();
    assert_eq!(found, expected);
}

#[derive(Clone, Copy, PartialEq, Debug)]
enum Fault {
    None,
    /// This step fails.
    Once(usize),
    /// This step and all after it fail.
    From(usize),
    /// The process ends before this step.
    KilledBefore(usize),
    /// The process ends right after this step.
    KilledAfter(usize),
}

struct Faulty {
    exchange: bool,
    fault: Fault,
    steps: Cell<usize>,
}

impl Faulty {
    fn new(exchange: bool, fault: Fault) -> Self {
        Self { exchange, fault, steps: Cell::new(0) }
    }

    fn step(&self, act: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
        let step = self.steps.get();
        self.steps.set(step + 1);
        match self.fault {
            Fault::Once(at) if step == at => Err(io::ErrorKind::Other.into()),
            Fault::From(at) if step >= at => Err(io::ErrorKind::Other.into()),
            // Nothing here cleans up on unwinding, so a panic leaves what a kill leaves.
            Fault::KilledBefore(at) if step == at => panic!("killed before step {at}"),
            Fault::KilledAfter(at) if step == at => {
                act().unwrap();
                panic!("killed after step {at}")
            }
            _ => act(),
        }
    }
}

impl Moves for Faulty {
    fn exchange(&self, a: &Path, b: &Path) -> io::Result<()> {
        if !self.exchange {
            return Err(io::ErrorKind::Unsupported.into());
        }
        // A file system of the machine that runs this may lack it; then a swap by three renames stands for it.
        self.step(|| match System.exchange(a, b) {
            Err(error) if error.kind() == io::ErrorKind::Unsupported => {
                let third = a.with_extension("third");
                fs::rename(a, &third)?;
                fs::rename(b, a)?;
                fs::rename(third, b)
            }
            other => other,
        })
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.step(|| System.rename(from, to))
    }
}

/// Calls `case` with a fresh folder, for a first build and a replacing one, with and without the exchange, for every
/// step that such a build takes.
fn at_every_step(case: impl Fn(&Path, bool, usize, Option<&Sample>, &Sample)) {
    let (old, new) = (Sample::new("p-1.0.0", "old"), Sample::new("p-1.0.0", "new"));
    for exchange in [true, false] {
        for before in [None, Some(&old)] {
            let steps = {
                let dir = tempfile::tempdir().unwrap();
                before.map(|old| old.place(&System, dir.path()).unwrap());
                let moves = Faulty::new(exchange, Fault::None);
                new.place(&moves, dir.path()).unwrap();
                assert_only(dir.path(), &[&new]);
                moves.steps.get()
            };
            assert_eq!(
                steps,
                if before.is_none() {
                    3
                } else if exchange {
                    4
                } else {
                    6
                }
            );
            for step in 0..steps {
                let dir = tempfile::tempdir().unwrap();
                before.map(|old| old.place(&System, dir.path()).unwrap());
                case(dir.path(), exchange, step, before, &new);
            }
        }
    }
}

#[test]
fn an_error_at_any_step_changes_nothing() {
    at_every_step(|dir, exchange, step, _, new| {
        let before = snapshot(dir);
        let error = new.place(&Faulty::new(exchange, Fault::Once(step)), dir).unwrap_err();
        assert!(matches!(error, PlaceError::Replace { .. }), "{error}");
        assert!(error.is_machine());
        assert_eq!(snapshot(dir), before, "exchange {exchange}, step {step}");
    });
}

#[test]
fn an_error_that_stays_is_reported_and_the_next_build_heals() {
    at_every_step(|dir, exchange, step, old, new| {
        let before = snapshot(dir);
        let error = new.place(&Faulty::new(exchange, Fault::From(step)), dir).unwrap_err();
        let packs: Vec<&Sample> = old.into_iter().chain([new]).collect();
        assert_whole(dir, &packs);
        if step == 0 {
            assert_eq!(snapshot(dir), before);
        } else {
            assert!(matches!(error, PlaceError::Torn { .. }), "{error}");
        }
        new.place(&Faulty::new(exchange, Fault::None), dir).unwrap();
        assert_only(dir, &[new]);
    });
}

#[test]
fn killed_at_any_step_the_next_build_heals() {
    let other = Sample::new("other-2.0.0", "other");
    for kill in [Fault::KilledBefore, Fault::KilledAfter] {
        at_every_step(|dir, exchange, step, old, new| {
            let place = AssertUnwindSafe(|| new.place(&Faulty::new(exchange, kill(step)), dir));
            catch_unwind(place).expect_err("it is killed");
            let packs: Vec<&Sample> = old.into_iter().chain([new]).collect();
            assert_whole(dir, &packs);

            // Any build in that folder puts back and sweeps, whatever it builds.
            other.place(&System, dir).unwrap();
            assert_whole(dir, &packs);
            let at = Placed::new(dir, &new.stem);
            if old.is_some() {
                assert!(at.directory.exists() && at.archive.exists(), "exchange {exchange}, step {step}");
            }
            assert!(!Staging::of(dir).root().exists());
            new.place(&Faulty::new(exchange, Fault::None), dir).unwrap();
            assert_only(dir, &[new, &other]);
        });
    }
}

#[test]
fn killed_while_putting_back_the_next_build_heals() {
    let (old, new) = (Sample::new("p-1.0.0", "old"), Sample::new("p-1.0.0", "new"));
    for (first, second) in [(1, Fault::KilledBefore(0)), (1, Fault::KilledAfter(0)), (3, Fault::KilledAfter(0))] {
        let dir = tempfile::tempdir().unwrap();
        old.place(&System, dir.path()).unwrap();
        for fault in [Fault::KilledAfter(first), second] {
            let place = AssertUnwindSafe(|| new.place(&Faulty::new(false, fault), dir.path()));
            catch_unwind(place).expect_err("it is killed");
            assert_whole(dir.path(), &[&old, &new]);
        }
        new.place(&System, dir.path()).unwrap();
        assert_only(dir.path(), &[&new]);
    }
}

/// A killed run has deleted half of the pack that it replaced; then somebody deletes the new one.
#[test]
fn what_is_half_deleted_is_not_put_back() {
    let (old, new) = (Sample::new("p-1.0.0", "old"), Sample::new("p-1.0.0", "new"));
    let dir = tempfile::tempdir().unwrap();
    old.place(&System, dir.path()).unwrap();
    let staging = Staging::of(dir.path());
    let half = staging.root().join("dropped/p-1.0.0");
    fs::create_dir_all(&half).unwrap();
    fs::write(half.join("pack.lock.yaml"), "").unwrap();
    staging.aside(Path::new("x")).unwrap();
    fs::remove_dir_all(dir.path().join("p-1.0.0")).unwrap();

    let seen = Cell::new(false);
    let built = Built { stem: &new.stem, files: &new.files };
    let placed: Result<Placed, PlaceError> = place(
        &built,
        dir.path(),
        || (),
        |existing| {
            assert!(matches!(existing, Existing::Archive { lock_text: Some(text) } if text.contains("old")));
            seen.set(true);
            Ok(())
        },
    );
    assert_eq!(placed.unwrap().leftover, None);
    assert!(seen.get());
    assert_only(dir.path(), &[&new]);
}

/// Somebody else's file or link under our name is removed, and what a link points to is let alone.
#[test]
#[cfg(unix)]
fn odd_things_in_place_of_the_staging_folder() {
    let new = Sample::new("p-1.0.0", "new");
    let elsewhere = tempfile::tempdir().unwrap();
    fs::create_dir_all(elsewhere.path().join("old/innocent")).unwrap();
    let before = snapshot(elsewhere.path());
    let dir = tempfile::tempdir().unwrap();
    let root = Staging::of(dir.path()).root().to_owned();
    for make in [
        |root: &Path, _: &Path| fs::write(root, "file"),
        |root: &Path, elsewhere: &Path| std::os::unix::fs::symlink(elsewhere, root),
        |root: &Path, _: &Path| std::os::unix::fs::symlink("nowhere", root),
        |root: &Path, elsewhere: &Path| {
            fs::create_dir_all(root.join("dropped/x"))?;
            fs::write(root.join("old"), "file")?;
            std::os::unix::fs::symlink(elsewhere, root.join("folder"))
        },
    ] {
        make(&root, elsewhere.path()).unwrap();
        new.place(&System, dir.path()).unwrap();
        assert_only(dir.path(), &[&new]);
        assert_eq!(snapshot(elsewhere.path()), before);
    }
}
