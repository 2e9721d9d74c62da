//! Placing a built pack on real file systems: replaced, refused, raced, killed, out of space, without permission.
//!
//! Some tests run themselves again as another process (`again`), or inside namespaces of their own, which needs
//! `unshare` of util-linux and a kernel that lets this user have them. Where it doesn't, they say so and skip.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests may fail like tests")]
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "tests say what they skip and measure")]

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use packwright::pack::archive;
use packwright::pack::place::{Built, Existing, PlaceError, Placed, inspect, place};
use sha2::{Digest, Sha256};

const STEM: &str = "p-1.0.0";

struct Sample {
    files: BTreeMap<String, Vec<u8>>,
    archive: Vec<u8>,
    sha256: String,
}

impl Sample {
    /// A pack of `count` files whose every byte depends on `text`.
    fn new(text: &str, count: usize, size: usize) -> Self {
        let mut files = BTreeMap::new();
        files.insert("pack.lock.yaml".to_owned(), format!("lock: {text}\n").into_bytes());
        for number in 0..count {
            let content = format!("{text} {number}\n").into_bytes();
            files.insert(format!("d{}/e/f{number}", number % 5), content.iter().copied().cycle().take(size).collect());
        }
        let sums: String = files.iter().map(|(path, content)| format!("{}  {path}\n", hex(content))).collect();
        files.insert("SHA256SUMS".to_owned(), sums.into_bytes());
        let archive = archive::pack(STEM, &files).unwrap();
        let sha256 = hex(&archive);
        Self { files, archive, sha256 }
    }

    fn built(&self) -> Built<'_> {
        Built { stem: STEM, files: &self.files }
    }

    fn place(&self, directory: &Path) -> Result<Placed, PlaceError> {
        place(&self.built(), directory, || (), |_| Ok(()))
    }
}

fn hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Every path below a folder, with mode and content (`None`: no regular file).
fn snapshot(folder: &Path) -> BTreeMap<PathBuf, (u32, Option<Vec<u8>>)> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let meta = fs::symlink_metadata(&path).unwrap();
        if meta.is_dir() {
            found.extend(snapshot(&path));
        }
        let content = meta.is_file().then(|| fs::read(&path).unwrap());
        found.insert(path, (meta.permissions().mode() & 0o7777, content));
    }
    found
}

/// What is to be seen of a pack.
#[derive(Debug, PartialEq)]
struct Seen {
    folder: bool,
    archive: bool,
    sidecar: bool,
    /// Whether there is more than those three.
    more: bool,
}

/// Asserts what must hold at every moment.
fn assert_whole(directory: &Path, packs: &[&Sample]) -> Seen {
    let folder = directory.join(STEM);
    let files: BTreeMap<String, Vec<u8>> = match folder.exists() {
        false => BTreeMap::new(),
        true => snapshot(&folder)
            .into_iter()
            .filter_map(|(path, (_, content))| Some((path.strip_prefix(&folder).unwrap().to_str().unwrap().to_owned(), content?)))
            .collect(),
    };
    assert!(!folder.exists() || packs.iter().any(|pack| pack.files == files), "half a folder");
    let archive = fs::read(directory.join(format!("{STEM}.tar.gz"))).ok();
    assert!(archive.is_none() || packs.iter().any(|pack| Some(&pack.archive) == archive.as_ref()), "half an archive");
    let sidecar = fs::read_to_string(directory.join(format!("{STEM}.tar.gz.sha256"))).ok();
    if let Some(line) = &sidecar {
        let pack = packs.iter().find(|pack| *line == format!("{}  {STEM}.tar.gz\n", pack.sha256));
        let pack = pack.expect("the sidecar is one of the packs'");
        assert!(pack.files == files, "the sidecar does not belong to the folder");
        assert!(archive.as_ref() == Some(&pack.archive), "the sidecar does not belong to the archive");
    }
    let (folder, archive, sidecar) = (folder.exists(), archive.is_some(), sidecar.is_some());
    let count = fs::read_dir(directory).unwrap().count();
    Seen { folder, archive, sidecar, more: count > [folder, archive, sidecar].iter().filter(|is| **is).count() }
}

fn assert_placed(directory: &Path, pack: &Sample) {
    let all = Seen { folder: true, archive: true, sidecar: true, more: false };
    assert_eq!(assert_whole(directory, &[pack]), all);
}

/// This test program once more, running one test of it with `PLACE_DIR` set.
fn again(test: &str, directory: &Path, wrapper: &[&str]) -> Command {
    let program = std::env::current_exe().unwrap();
    let words: Vec<&str> = wrapper.iter().copied().chain([program.to_str().unwrap()]).collect();
    let mut command = Command::new(words[0]);
    command.args(&words[1..]).args(["--exact", test, "--include-ignored", "--nocapture"]).env("PLACE_DIR", directory);
    command
}

/// Set in a process that [`again`] started.
fn place_dir() -> Option<PathBuf> {
    std::env::var_os("PLACE_DIR").map(PathBuf::from)
}

fn assert_success(output: &Output) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{}\n{}", text(&output.stdout), text(&output.stderr));
}

/// Runs the test again on a small file system of its own.
fn on_tmpfs(test: &str, options: &str) {
    let dir = tempfile::tempdir().unwrap();
    let mount = "mount -t tmpfs -o \"$0\" none \"$PLACE_DIR\" && exec \"$@\"";
    let wrapper = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", mount, options];
    in_namespace(test, dir.path(), &wrapper, &["unshare", "--user", "--map-root-user", "--mount", "true"]);
}

/// Runs the test again where the permission bits bind this process, even if it is root's.
fn without_privileges(test: &str) {
    let dir = tempfile::tempdir().unwrap();
    in_namespace(test, dir.path(), &["unshare", "--user"], &["unshare", "--user", "true"]);
}

fn in_namespace(test: &str, dir: &Path, wrapper: &[&str], probe: &[&str]) {
    if !Command::new(probe[0]).args(&probe[1..]).output().is_ok_and(|output| output.status.success()) {
        eprintln!("SKIPPED {test}: `{}` does not work here", probe.join(" "));
        return;
    }
    assert_success(&again(test, dir, wrapper).output().unwrap());
}

#[test]
fn places_replaces_and_leaves_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("a/b/dist");
    let (old, new) = (Sample::new("old", 30, 100), Sample::new("new", 7, 5000));
    for pack in [&old, &new, &new, &old] {
        let placed = pack.place(&out).unwrap();
        assert_placed(&out, pack);
        assert_eq!(placed.directory, out.join(STEM));
        assert_eq!(placed.archive, out.join("p-1.0.0.tar.gz"));
        assert_eq!(placed.sidecar, out.join("p-1.0.0.tar.gz.sha256"));
        assert_eq!(placed.leftover, None);
    }
    let mut check = Command::new("sha256sum");
    check.args(["--check", "--strict", "p-1.0.0.tar.gz.sha256"]).current_dir(&out);
    match check.output() {
        Ok(output) => assert_success(&output),
        Err(_) => eprintln!("SKIPPED: no sha256sum here"),
    }
}

#[test]
fn modes_do_not_depend_on_the_umask() {
    if let Some(dir) = place_dir() {
        Sample::new("x", 10, 10).place(&dir).unwrap();
        return;
    }
    for umask in ["umask 000", "umask 077", "umask 777"] {
        let dir = tempfile::tempdir().unwrap();
        // A group bit that new folders inherit.
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o2755)).unwrap();
        let shell = format!("{umask} && exec \"$0\" \"$@\"");
        let test = "modes_do_not_depend_on_the_umask";
        assert_success(&again(test, dir.path(), &["sh", "-c", &shell]).output().unwrap());
        for (path, (mode, content)) in snapshot(dir.path()) {
            assert_eq!(mode, if content.is_some() { 0o644 } else { 0o755 }, "{}", path.display());
        }
    }
}

#[test]
fn a_refusal_changes_nothing() {
    #[derive(Debug)]
    enum Refused {
        ByCaller,
        ByPlace,
    }
    impl From<PlaceError> for Refused {
        fn from(_: PlaceError) -> Self {
            Self::ByPlace
        }
    }
    let dir = tempfile::tempdir().unwrap();
    let (old, new) = (Sample::new("old", 5, 50), Sample::new("new", 5, 50));
    old.place(dir.path()).unwrap();
    let before = snapshot(dir.path());
    let error = place(
        &new.built(),
        dir.path(),
        || (),
        |existing| {
            assert!(matches!(existing, Existing::Pack { lock_text, .. } if lock_text == "lock: old\n"));
            assert!(existing.is_intact());
            Err(Refused::ByCaller)
        },
    );
    assert!(matches!(error, Err(Refused::ByCaller)));
    assert_eq!(snapshot(dir.path()), before);
}

#[test]
fn inspect_tells_what_would_be_lost() {
    let dir = tempfile::tempdir().unwrap();
    let dest = dir.path().join(STEM);
    let pack = Sample::new("x", 5, 50);
    let not_a_pack = |why: &str| Existing::NotAPack { why: why.to_owned() };
    assert_eq!(inspect(&dest).unwrap(), Existing::Nothing);
    fs::create_dir(&dest).unwrap();
    assert_eq!(inspect(&dest).unwrap(), Existing::Nothing, "an empty folder");
    fs::write(dest.join("thesis.txt"), "x").unwrap();
    assert_eq!(inspect(&dest).unwrap(), not_a_pack("it has no pack.lock.yaml"));
    fs::write(dest.join("pack.lock.yaml"), "x").unwrap();
    assert_eq!(inspect(&dest).unwrap(), not_a_pack("it has no SHA256SUMS"));
    fs::create_dir(dest.join("SHA256SUMS")).unwrap();
    assert_eq!(inspect(&dest).unwrap(), not_a_pack("its SHA256SUMS is not a file"));

    pack.place(dir.path()).unwrap();
    let lock_text = "lock: x\n".to_owned();
    let changes = |changed: &[&str], extra: &[&str]| Existing::Pack {
        lock_text: lock_text.clone(),
        changed: changed.iter().map(|path| (*path).to_owned()).collect(),
        extra: extra.iter().map(|path| (*path).to_owned()).collect(),
    };
    assert_eq!(inspect(&dest).unwrap(), changes(&[], &[]));
    fs::write(dest.join("d0/e/f0"), "edited").unwrap();
    fs::remove_file(dest.join("d1/e/f1")).unwrap();
    symlink("f0", dest.join("d0/e/link")).unwrap();
    fs::write(dest.join("d2/note"), "mine").unwrap();
    let found = inspect(&dest).unwrap();
    assert_eq!(found, changes(&["d0/e/f0", "d1/e/f1"], &["d0/e/link", "d1/e/", "d2/note"]));
    assert!(!found.is_intact());
    fs::write(dest.join("SHA256SUMS"), "").unwrap();
    let Existing::Pack { changed, extra, .. } = inspect(&dest).unwrap() else { panic!("still a pack") };
    assert_eq!((changed.len(), extra.len()), (0, 8), "empty sums vouch for nothing");
    fs::write(dest.join("SHA256SUMS"), [0; 100]).unwrap();
    let Existing::Pack { changed, .. } = inspect(&dest).unwrap() else { panic!("still a pack") };
    assert_eq!(changed, ["SHA256SUMS"]);

    fs::remove_dir_all(&dest).unwrap();
    assert_eq!(inspect(&dest).unwrap(), Existing::Archive { lock_text: Some(lock_text) });
    fs::write(dir.path().join("p-1.0.0.tar.gz"), "no archive").unwrap();
    assert_eq!(inspect(&dest).unwrap(), Existing::Archive { lock_text: None });
}

#[test]
fn what_no_build_made_is_never_replaced() {
    let pack = Sample::new("x", 5, 50);
    type Make = fn(&Path);
    let make: [(&str, Make); 7] = [
        ("p-1.0.0", |path| fs::write(path, "file").unwrap()),
        ("p-1.0.0", |path| symlink("elsewhere", path).unwrap()),
        ("p-1.0.0", |path| symlink("nowhere", path).unwrap()),
        ("p-1.0.0.tar.gz", |path| fs::create_dir(path).unwrap()),
        ("p-1.0.0.tar.gz", |path| symlink("elsewhere", path).unwrap()),
        ("p-1.0.0.tar.gz.sha256", |path| fs::create_dir(path).unwrap()),
        ("p-1.0.0.tar.gz.sha256", |path| symlink("nowhere", path).unwrap()),
    ];
    for (name, make) in make {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("elsewhere")).unwrap();
        make(&dir.path().join(name));
        let before = snapshot(dir.path());
        let error = pack.place(dir.path()).unwrap_err();
        assert!(matches!(&error, PlaceError::Occupied { path, .. } if path.ends_with(name)), "{error}");
        assert!(!error.is_machine());
        assert_eq!(snapshot(dir.path()), before);
    }
}

#[test]
fn output_folders_that_cannot_be() {
    let pack = Sample::new("x", 5, 50);
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    fs::write(&file, "x").unwrap();
    for path in [file.clone(), file.join("below"), file.join("far/below"), "/dev/null".into()] {
        let error = pack.place(&path).unwrap_err();
        assert!(matches!(error, PlaceError::NotAFolder { .. }), "{error}");
        assert!(!error.is_machine());
        assert!(error.to_string().contains(path.to_str().unwrap()), "{error}");
    }
    let error = pack.place(Path::new("/proc/nowhere")).unwrap_err();
    assert!(matches!(error, PlaceError::Directory { .. }), "{error}");
    assert!(error.is_machine());
    symlink(dir.path(), dir.path().join("link")).unwrap();
    pack.place(&dir.path().join("link")).unwrap();
}

#[test]
fn names_that_lead_elsewhere_are_not_written() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out");
    let mut pack = Sample::new("x", 1, 1);
    for stem in ["../p", "a/b", "/p", "", ".", "..", ".packwright-staging"] {
        let error: Result<Placed, PlaceError> = place(&Built { stem, ..pack.built() }, &out, || (), |_| Ok(()));
        assert!(!error.unwrap_err().is_machine(), "{stem:?}");
    }
    pack.files.insert("a/../../../escaped".to_owned(), Vec::new());
    assert!(matches!(pack.place(&out), Err(PlaceError::Names { .. })));
    assert_eq!(snapshot(dir.path()), BTreeMap::new());
}

/// The archive is made while the folder is written; what it cannot hold leaves the old pack as it was.
#[test]
fn a_pack_that_no_archive_can_hold() {
    let dir = tempfile::tempdir().unwrap();
    let old = Sample::new("old", 10, 10);
    old.place(dir.path()).unwrap();
    let files = BTreeMap::from([("large".to_owned(), vec![0; archive::MAX_BYTES])]);
    let placed: Result<Placed, PlaceError> = place(&Built { stem: STEM, files: &files }, dir.path(), || (), |_| Ok(()));
    assert!(matches!(placed, Err(PlaceError::Archive { .. })), "{placed:?}");
    assert_placed(dir.path(), &old);
}

#[test]
fn builds_of_many_threads_and_processes_do_not_mix() {
    let (old, new) = (Sample::new("old", 20, 500), Sample::new("new", 25, 300));
    if let Some(dir) = place_dir() {
        for _ in 0..20 {
            old.place(&dir).unwrap();
            new.place(&dir).unwrap();
        }
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let test = "builds_of_many_threads_and_processes_do_not_mix";
    let children: Vec<_> = (0..3).map(|_| again(test, dir.path(), &[]).stdout(Stdio::null()).spawn().unwrap()).collect();
    let deciding = AtomicBool::new(false);
    let waited = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for pack in [&old, &new, &old, &new] {
            scope.spawn(|| {
                for _ in 0..20 {
                    let waiting = || {
                        waited.fetch_add(1, Ordering::Relaxed);
                    };
                    let placed: Result<Placed, PlaceError> = place(&pack.built(), dir.path(), waiting, |existing| {
                        assert!(!deciding.swap(true, Ordering::SeqCst), "two builds in one folder");
                        // Nothing can change while the caller decides.
                        assert!(existing.is_intact());
                        let seen = assert_whole(dir.path(), &[&old, &new]);
                        assert_eq!(seen.folder, seen.sidecar);
                        deciding.store(false, Ordering::SeqCst);
                        Ok(())
                    });
                    placed.unwrap();
                }
            });
        }
    });
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    assert!(waited.into_inner() > 0, "nobody ever waited");
    let seen = assert_whole(dir.path(), &[&old, &new]);
    assert_eq!(seen, Seen { folder: true, archive: true, sidecar: true, more: false });
}

/// Whoever waits for a folder that is then deleted must not build into the deleted one.
#[test]
fn the_folder_is_made_anew_while_waiting() {
    let base = tempfile::tempdir().unwrap();
    let out = base.path().join("dist");
    fs::create_dir(&out).unwrap();
    let pack = Sample::new("x", 5, 50);
    let held = fs::File::open(&out).unwrap();
    held.lock().unwrap();
    std::thread::scope(|scope| {
        let (tell, waiting) = std::sync::mpsc::channel();
        let build = scope.spawn({
            let (out, pack) = (&out, &pack);
            move || place::<PlaceError>(&pack.built(), out, || tell.send(()).unwrap(), |_| Ok(()))
        });
        waiting.recv().unwrap();
        fs::remove_dir(&out).unwrap();
        fs::create_dir(&out).unwrap();
        drop(held);
        build.join().unwrap().unwrap();
    });
    assert_placed(&out, &pack);
}

#[test]
fn killed_at_any_time_nothing_is_half_there() {
    let (old, new) = (Sample::new("old", 3, 300), Sample::new("new", 4, 200));
    if let Some(dir) = place_dir() {
        loop {
            old.place(&dir).unwrap();
            new.place(&dir).unwrap();
        }
    }
    let dir = tempfile::tempdir().unwrap();
    let mut seen = [0; 3];
    let mut random = std::process::id();
    for round in 0..120 {
        let mut child = again("killed_at_any_time_nothing_is_half_there", dir.path(), &[]);
        let mut child = child.stdout(Stdio::null()).spawn().unwrap();
        while round == 0 && !dir.path().join("p-1.0.0.tar.gz.sha256").exists() {
            std::thread::sleep(Duration::from_millis(1));
        }
        random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        std::thread::sleep(Duration::from_micros(3_000 + u64::from(random >> 8) % 20_000));
        child.kill().unwrap();
        child.wait().unwrap();
        let state = assert_whole(dir.path(), &[&old, &new]);
        assert!(state.folder && state.archive, "both are exchanged in one step: {state:?}");
        seen[0] += usize::from(state.more);
        seen[1] += usize::from(!state.sidecar);
        // Every other time the next child finds what is left, else this process does.
        if round % 2 == 0 {
            new.place(dir.path()).unwrap();
            assert_placed(dir.path(), &new);
        }
        seen[2] += 1;
    }
    println!("{} kills: {} left a staging folder, {} before the new sidecar", seen[2], seen[0], seen[1]);
    old.place(dir.path()).unwrap();
    assert_placed(dir.path(), &old);
}

/// With every number of free pages, from none to enough.
#[test]
fn a_full_disk_leaves_the_old_pack() {
    let (old, new) = (Sample::new("old", 12, 3000), Sample::new("new", 10, 9000));
    let Some(dir) = place_dir() else {
        return on_tmpfs("a_full_disk_leaves_the_old_pack", "size=1m");
    };
    let ballast = dir.join("ballast");
    let mut failures = 0;
    for old in [None, Some(&old)] {
        if let Some(old) = old {
            old.place(&dir).unwrap();
        }
        for free in 0.. {
            let mut size = 2 << 20;
            let full = fs::write(&ballast, vec![0; size]).unwrap_err();
            assert_eq!(full.kind(), ErrorKind::StorageFull);
            size = fs::metadata(&ballast).unwrap().len() as usize;
            fs::OpenOptions::new().write(true).open(&ballast).unwrap().set_len((size - free * 4096) as u64).unwrap();
            let before = snapshot(&dir);
            let result = new.place(&dir);
            let after = snapshot(&dir);
            fs::remove_file(&ballast).unwrap();
            match result {
                Ok(_) => break,
                Err(error) => {
                    let PlaceError::Write { path, cause } = &error else { panic!("{error}") };
                    assert_eq!(cause.kind(), ErrorKind::StorageFull);
                    assert!(error.is_machine() && error.to_string().contains(path.to_str().unwrap()));
                    assert!(after == before, "with {free} pages free");
                    failures += 1;
                }
            }
        }
        assert_placed(&dir, &new);
    }
    assert!(failures > 40, "only {failures} ways to run out of space");
}

#[test]
fn no_more_inodes_leaves_the_old_pack() {
    let (old, new) = (Sample::new("old", 12, 30), Sample::new("new", 10, 90));
    let Some(dir) = place_dir() else {
        return on_tmpfs("no_more_inodes_leaves_the_old_pack", "size=4m,nr_inodes=100");
    };
    old.place(&dir).unwrap();
    let fill = dir.join("fill");
    let mut failures = 0;
    for free in 0.. {
        fs::create_dir(&fill).unwrap();
        let count = (0..).take_while(|number| fs::write(fill.join(number.to_string()), "").is_ok()).count();
        for number in 0..free.min(count) {
            fs::remove_file(fill.join(number.to_string())).unwrap();
        }
        let before = snapshot(&dir);
        let result = new.place(&dir);
        let after = snapshot(&dir);
        fs::remove_dir_all(&fill).unwrap();
        if result.is_ok() {
            break;
        }
        assert!(matches!(result, Err(PlaceError::Write { .. })));
        assert!(after == before, "with {free} inodes free");
        failures += 1;
    }
    assert!(failures > 10);
    assert_placed(&dir, &new);
}

#[test]
fn a_read_only_disk_is_said() {
    let (old, new) = (Sample::new("old", 5, 50), Sample::new("new", 5, 50));
    let Some(dir) = place_dir() else {
        return on_tmpfs("a_read_only_disk_is_said", "size=1m");
    };
    old.place(&dir).unwrap();
    assert_success(&Command::new("mount").args(["-o", "remount,bind,ro"]).arg(&dir).output().unwrap());
    let error = new.place(&dir).unwrap_err();
    assert!(matches!(&error, PlaceError::Write { cause, .. } if cause.kind() == ErrorKind::ReadOnlyFilesystem));
    assert!(error.is_machine());
    assert!(error.to_string().contains(dir.to_str().unwrap()), "{error}");
    assert_placed(&dir, &old);
    let error = new.place(&dir.join("below")).unwrap_err();
    assert!(matches!(error, PlaceError::Directory { .. }) && error.is_machine(), "{error}");
}

#[test]
fn missing_permissions_are_said_and_protected_packs_are_safe() {
    let (old, new) = (Sample::new("old", 5, 50), Sample::new("new", 5, 50));
    let Some(dir) = place_dir() else {
        return without_privileges("missing_permissions_are_said_and_protected_packs_are_safe");
    };
    let chmod = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    old.place(&dir).unwrap();

    chmod(&dir, 0o555);
    let before = snapshot(&dir);
    let error = new.place(&dir).unwrap_err();
    assert!(matches!(&error, PlaceError::Write { cause, .. } if cause.kind() == ErrorKind::PermissionDenied), "{error}");
    assert!(error.is_machine());
    assert_eq!(snapshot(&dir), before);
    let error = new.place(&dir.join("below")).unwrap_err();
    assert!(matches!(error, PlaceError::Directory { .. }) && error.is_machine(), "{error}");
    chmod(&dir, 0o755);

    // A folder protected from writing cannot be renamed to another parent. The sidecar has been moved by then.
    chmod(&dir.join(STEM), 0o555);
    let before = snapshot(&dir);
    let error = new.place(&dir).unwrap_err();
    assert!(matches!(&error, PlaceError::Replace { cause, .. } if cause.kind() == ErrorKind::PermissionDenied), "{error}");
    assert_eq!(snapshot(&dir), before);
    chmod(&dir.join(STEM), 0o755);

    // Protected folders below it can, and are deleted all the same.
    chmod(&dir.join(STEM).join("d0/e"), 0o555);
    chmod(&dir.join(STEM).join("d1"), 0o000);
    let error = new.place(&dir).unwrap_err();
    assert!(matches!(error, PlaceError::Read { .. }), "nobody knows what is in there: {error}");
    chmod(&dir.join(STEM).join("d1"), 0o555);
    let placed = new.place(&dir).unwrap();
    assert_eq!(placed.leftover, None);
    assert_placed(&dir, &new);
}

/// A destination that cannot be moved: a mount.
#[test]
fn a_mount_is_not_replaced() {
    let pack = Sample::new("x", 5, 50);
    let Some(dir) = place_dir() else {
        return on_tmpfs("a_mount_is_not_replaced", "size=1m");
    };
    pack.place(&dir).unwrap();
    let dest = dir.join(STEM);
    assert_success(&Command::new("mount").arg("--bind").args([&dest, &dest]).output().unwrap());
    let before = snapshot(&dir);
    let error = pack.place(&dir).unwrap_err();
    assert!(error.to_string().contains("delete it first") && error.is_machine(), "{error}");
    assert_eq!(snapshot(&dir), before);
}

/// `cargo test --release --test place -- --ignored --nocapture`: what placing 30 files costs.
#[test]
#[ignore = "prints measurements"]
fn how_long_it_takes() {
    let dir = tempfile::tempdir().unwrap();
    let (old, new) = (Sample::new("old", 28, 3000), Sample::new("new", 28, 3000));
    let median = |mut times: Vec<Duration>| {
        times.sort();
        (times[0], times[times.len() / 2])
    };
    let time = |pack: &Sample, out: &Path| {
        let start = Instant::now();
        pack.place(out).unwrap();
        start.elapsed()
    };
    let fresh = (0..100).map(|round| time(&old, &dir.path().join(round.to_string())));
    let (best, usual) = median(fresh.collect());
    println!("placing {} files: best {best:?}, median {usual:?}", old.files.len());
    let again = (0..200).map(|round| time(if round % 2 == 0 { &old } else { &new }, dir.path()));
    let (best, usual) = median(again.collect());
    println!("replacing {} files: best {best:?}, median {usual:?}", old.files.len());
}
