#![expect(clippy::print_stderr, reason = "tests say what they skip")]

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use proptest::prelude::*;
use sha2::{Digest, Sha256};

use super::*;

fn files(list: &[(&str, &[u8])]) -> BTreeMap<String, Vec<u8>> {
    list.iter().map(|(path, content)| ((*path).to_owned(), content.to_vec())).collect()
}

fn sample() -> BTreeMap<String, Vec<u8>> {
    let long = format!("{}/{}", "d".repeat(140), "f".repeat(100));
    files(&[
        ("pack.lock.yaml", b"format: 1\n"),
        ("a/b.yaml", &[b'x'; 512]),
        ("a-b", b""),
        ("a/\u{e9}\u{4e2d}.txt", &[0, 1, 2, 255]),
        ("files/etc/kubernetes/audit-policy.yaml", &[b'y'; 5000]),
        (&long, b"long\n"),
    ])
}

fn entry<'a>(path: &'a str, content: &'a [u8]) -> Entry<'a> {
    pack_entry(path, content)
}

/// A tar of one entry whose header the test spoils, with the checksum put right again.
fn spoilt(path: &str, content: &[u8], spoil: impl Fn(&mut tar::UstarHeader)) -> Vec<u8> {
    let mut bytes = ustar(&[entry("placeholder", content)]).unwrap();
    let mut block = tar::Header::new_ustar();
    block.as_mut_bytes().copy_from_slice(&bytes[..BLOCK]);
    let ustar = block.as_ustar_mut().unwrap();
    ustar.name = [0; 100];
    put(&mut ustar.name, path);
    spoil(ustar);
    ustar.cksum = *b"        ";
    let sum: u32 = block.as_bytes().iter().map(|byte| u32::from(*byte)).sum();
    put(&mut block.as_old_mut().cksum, &format!("{sum:06o}\0 "));
    bytes[..BLOCK].copy_from_slice(block.as_bytes());
    bytes
}

fn hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Runs a system program if it is there; `None`, said loudly, if not.
fn system(program: &str, args: &[&str], dir: &Path, stdin: &[u8]) -> Option<Vec<u8>> {
    let mut command = Command::new(program);
    command.args(args).current_dir(dir).env("LC_ALL", "C");
    let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let Ok(mut child) = child else {
        eprintln!("SKIPPED: no {program} here");
        return None;
    };
    child.stdin.take().unwrap().write_all(stdin).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{program} {args:?}: {}", output.status);
    Some(output.stdout)
}

#[test]
fn round_trip() {
    let archive = pack("p-1.0.0", &sample()).unwrap();
    assert_eq!(unpack(&archive).unwrap(), ("p-1.0.0".to_owned(), sample()));
}

/// These bytes are what format 1 promises. If this fails, the change makes every pack another pack.
#[test]
fn bytes_are_frozen() {
    let tar = tar("p-1.0.0", &sample()).unwrap();
    assert_eq!(hex(&tar), "ff7f807ae88aa37b91714f99af27c84d9426f8438e2f36124a7ba7ccc0494547");
    assert_eq!(hex(&gzip(&tar)), "14e391fde7e103076e2581256329fa41cb3cf27d6247ef3236b77516bd7c9895");
}

#[test]
fn tar_is_sorted_by_full_path_and_ends_with_two_blocks() {
    let bytes = tar("p-1", &sample()).unwrap();
    let paths: Vec<String> = read_tar(&bytes).unwrap().into_iter().map(|entry| entry.path).collect();
    // '-' sorts before '/': "a-b" comes before "a/b.yaml".
    assert_eq!(paths[0], "p-1/a-b");
    assert_eq!(paths[1], "p-1/a/b.yaml");
    assert!(bytes.ends_with(&[0; 2 * BLOCK]));
    let contents: usize = sample().values().map(|content| BLOCK + content.len().next_multiple_of(BLOCK)).sum();
    assert_eq!(bytes.len(), contents + 2 * BLOCK);
}

#[test]
fn order_of_entries_does_not_matter() {
    let (a, b) = (entry("a", b"1"), entry("b", b"2"));
    assert_eq!(ustar(&[a, b]), ustar(&[b, a]));
    assert_eq!(ustar(&[]).unwrap(), [0; 2 * BLOCK]);
    assert_eq!(read_tar(&[0; 2 * BLOCK]).unwrap(), []);
}

#[test]
fn node_files_keep_owner_and_mode() {
    let node = Entry { mode: 0o600, uid: 65534, gid: 7, uname: "nobody", gname: "g", ..entry("etc/a", b"x") };
    let read = read_tar(&ustar(&[node]).unwrap()).unwrap();
    assert_eq!(read[0].as_entry(), node);
}

#[test]
fn gnu_tar_makes_the_same_bytes_and_gzip_reads_them() {
    let dir = tempfile::tempdir().unwrap();
    let sample = sample();
    let mut list = String::new();
    for (path, content) in &sample {
        let path = dir.path().join("p-1").join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }
    for path in sample.keys() {
        list += &format!("p-1/{path}\n");
    }
    let ours = tar("p-1", &sample).unwrap();
    let args = "--create --format=ustar --blocking-factor=1 --mtime=@0 --owner=0 --group=0 --numeric-owner --mode=0644 \
        --no-recursion --verbatim-files-from --files-from=-";
    let args: Vec<&str> = args.split_whitespace().collect();
    let is_gnu = system("tar", &["--version"], dir.path(), b"").is_some_and(|out| out.starts_with(b"tar (GNU"));
    if is_gnu {
        let theirs = system("tar", &args, dir.path(), list.as_bytes()).unwrap();
        assert!(ours == theirs, "GNU tar writes other bytes");
        let out = dir.path().join("out");
        std::fs::create_dir(&out).unwrap();
        system("tar", &["-xpf", "-"], &out, &ours).unwrap();
        for (path, content) in &sample {
            assert_eq!(&std::fs::read(out.join("p-1").join(path)).unwrap(), content);
        }
    } else {
        eprintln!("SKIPPED: no GNU tar here");
    }
    if let Some(theirs) = system("gzip", &["-dc"], dir.path(), &gzip(&ours)) {
        assert!(ours == theirs);
    }
    if let Some(theirs) = system("gzip", &["-nc"], dir.path(), &ours) {
        assert!(matches!(gunzip(&theirs, MAX_BYTES), Err(ArchiveError::Gzip { .. })), "another program's gzip");
    }
}

#[test]
fn names_that_are_refused_in_both_directions() {
    for path in ["", "/etc/passwd", "../x", "a/../b", "./a", "a/.", "a//b", "a/", "a\\b", "a\nb", "a\u{7f}"] {
        let error = ustar(&[entry(path, b"x")]).unwrap_err();
        assert!(matches!(error, ArchiveError::Path { .. }), "{path:?}: {error}");
        assert!(read_tar(&spoilt(path, b"x", |_| ())).is_err(), "{path:?}");
    }
    assert!(tar("a/b", &sample()).is_err());
    assert!(tar("..", &sample()).is_err());
    assert_eq!(tar("p", &BTreeMap::new()), Err(ArchiveError::Empty));
}

#[test]
fn names_that_meet_are_refused_in_both_directions() {
    let pairs = [("a", "A"), ("x/a", "X/b"), ("x/\u{e9}", "x/\u{c9}"), ("s", "\u{17f}"), ("a", "a/b"), ("B/c", "b")];
    for (a, b) in pairs.into_iter().flat_map(|(a, b)| [(a, b), (b, a)]) {
        let error = ustar(&[entry(a, b"1"), entry(b, b"2")]).unwrap_err();
        assert!(matches!(error, ArchiveError::Collision { .. }), "{a} {b}: {error}");
    }
    assert_eq!(ustar(&[entry("a", b""), entry("a", b"")]), Err(ArchiveError::Duplicate { path: "a".to_owned() }));

    let one = |path| ustar(&[entry(path, b"1")]).unwrap()[..2 * BLOCK].to_vec();
    let end = vec![0; 2 * BLOCK];
    assert!(matches!(read_tar(&[one("a"), one("a"), end.clone()].concat()), Err(ArchiveError::Duplicate { .. })));
    assert!(matches!(read_tar(&[one("A"), one("a"), end.clone()].concat()), Err(ArchiveError::Collision { .. })));
    assert!(matches!(read_tar(&[one("a"), one("a/b"), end.clone()].concat()), Err(ArchiveError::Collision { .. })));
    assert!(matches!(read_tar(&[one("b"), one("a"), end].concat()), Err(ArchiveError::Tar { .. })), "not sorted");
}

#[test]
fn long_paths_split_or_are_named() {
    for (prefix, name) in [(0, 100), (155, 100), (1, 100), (154, 1)] {
        let path = if prefix == 0 { "n".repeat(name) } else { format!("{}/{}", "p".repeat(prefix), "n".repeat(name)) };
        let bytes = ustar(&[entry(&path, b"x")]).unwrap();
        assert_eq!(read_tar(&bytes).unwrap()[0].path, path);
    }
    for (prefix, name) in [(1, 101), (156, 10), (0, 101), (155, 101)] {
        let path = if prefix == 0 { "n".repeat(name) } else { format!("{}/{}", "p".repeat(prefix), "n".repeat(name)) };
        let error = ustar(&[entry(&path, b"x")]).unwrap_err();
        assert!(error.to_string().contains(&path), "{error}");
    }
}

#[test]
fn metadata_that_does_not_fit_is_refused() {
    let long = "u".repeat(32);
    for bad in [
        Entry { mode: 0o10000, ..entry("a", b"") },
        Entry { uid: 1 << 21, ..entry("a", b"") },
        Entry { gid: u64::MAX, ..entry("a", b"") },
        Entry { uname: &long, ..entry("a", b"") },
        Entry { gname: "a\0b", ..entry("a", b"") },
    ] {
        assert!(matches!(ustar(&[bad]), Err(ArchiveError::Field { .. })), "{bad:?}");
    }
    assert!(ustar(&[Entry { mode: 0o7777, uid: (1 << 21) - 1, ..entry("a", b"") }]).is_ok());
}

#[test]
fn everything_but_plain_files_is_refused() {
    for kind in [b'1', b'2', b'3', b'4', b'5', b'6', b'7', b'x', b'g', b'L', b'K', b'S', 0] {
        let bytes = spoilt("a", b"", |ustar| {
            ustar.typeflag = [kind];
            put(&mut ustar.linkname, "/etc/passwd");
        });
        assert!(matches!(read_tar(&bytes), Err(ArchiveError::NotAFile { .. })), "{}", kind as char);
    }
}

#[test]
fn headers_with_anything_more_are_refused() {
    let spoils: [fn(&mut tar::UstarHeader); 8] = [
        |ustar| ustar.pad[3] = 1,
        |ustar| ustar.name[50] = b'x',
        |ustar| ustar.linkname[0] = b'x',
        |ustar| ustar.mtime[10] = b'1',
        |ustar| ustar.version = *b" \0",
        |ustar| put(&mut ustar.mode, "644 "),
        |ustar| ustar.uid = [0x80, 0, 0, 0, 0, 0, 0, 1],
        |ustar| ustar.size = [0xff; 12],
    ];
    assert!(read_tar(&spoilt("a", b"x", |_| ())).is_ok());
    for (number, spoil) in spoils.iter().enumerate() {
        assert!(read_tar(&spoilt("a", b"x", spoil)).is_err(), "spoil {number}");
    }
}

/// No byte of a tar may be changed without notice, be it in a header, padding or the end; and of an archive none that
/// changes what is read.
#[test]
fn every_flipped_byte_and_every_cut_is_noticed() {
    let good = ustar(&[entry("a", b"x"), entry("b", b"yy")]).unwrap();
    let read = read_tar(&good).unwrap();
    for at in 0..good.len() {
        let mut bad = good.clone();
        bad[at] ^= 1;
        assert_ne!(read_tar(&bad).as_ref(), Ok(&read), "byte {at}");
        assert!(read_tar(&good[..at]).is_err(), "cut at {at}");
    }
    assert!(read_tar(&[good.as_slice(), &[0; BLOCK]].concat()).is_err(), "padded to a record");

    let zipped = gzip(&good);
    for at in 0..zipped.len() {
        let mut bad = zipped.clone();
        bad[at] ^= 1;
        // In a run of zeros two distances copy the same: that is another archive, which its digest tells, of equal files.
        assert!(gunzip(&bad, MAX_BYTES).map_or(true, |bytes| bytes == good), "byte {at}");
        assert!(gunzip(&zipped[..at], MAX_BYTES).is_err(), "cut at {at}");
    }
}

#[test]
fn gzip_takes_nothing_after_and_no_bombs() {
    let zipped = gzip(b"text");
    assert_eq!(gunzip(&zipped, 4).unwrap(), b"text");
    assert_eq!(gunzip(&zipped, 3), Err(ArchiveError::TooLarge { limit: 3 }));
    assert_eq!(gunzip(&gzip(b""), 0).unwrap(), b"");
    for more in [&b"\0"[..], b"garbage!", &zipped] {
        assert!(gunzip(&[&zipped, more].concat(), 100).is_err());
    }
    // Garbage between the data and a trailer that is right.
    let (data, trailer) = zipped.split_at(zipped.len() - 8);
    assert!(gunzip(&[data, b"xx", trailer].concat(), 100).is_err());

    // A bomb that states its size, and one that lies about it.
    let mut bomb = gzip(&vec![0; RATIO_FREE_BYTES + BLOCK]);
    assert!(matches!(unpack(&bomb), Err(ArchiveError::TooLarge { .. })), "beyond the ratio");
    let size = bomb.len() - 4;
    bomb[size..].copy_from_slice(&100u32.to_le_bytes());
    assert!(matches!(unpack(&bomb), Err(ArchiveError::Gzip { .. })));
    // And so nothing of the kind is built.
    let zeros = files(&[("zeros", &vec![0; RATIO_FREE_BYTES])]);
    assert!(matches!(pack("p-1", &zeros), Err(ArchiveError::TooLarge { .. })));
    let huge = vec![0; MAX_BYTES];
    assert_eq!(ustar(&[entry("huge", &huge)]), Err(ArchiveError::TooLarge { limit: MAX_BYTES }));
}

#[test]
fn too_many_files_are_refused() {
    let paths: Vec<String> = (0..=MAX_ENTRIES).map(|number| format!("f{number:05}")).collect();
    let entries: Vec<Entry<'_>> = paths.iter().map(|path| entry(path, b"")).collect();
    let most = ustar(&entries[..MAX_ENTRIES]).unwrap();
    assert_eq!(read_tar(&most).unwrap().len(), MAX_ENTRIES);
    assert_eq!(ustar(&entries), Err(ArchiveError::TooMany { limit: MAX_ENTRIES }));
    let one = &ustar(&entries[MAX_ENTRIES..]).unwrap()[..];
    let more = [&most[..most.len() - 2 * BLOCK], one].concat();
    assert_eq!(read_tar(&more), Err(ArchiveError::TooMany { limit: MAX_ENTRIES }));
}

#[test]
fn a_pack_has_one_folder_and_plain_metadata() {
    let gz = |entries: &[Entry<'_>]| gzip(&ustar(entries).unwrap());
    assert_eq!(unpack(&gz(&[])), Err(ArchiveError::Empty));
    assert!(matches!(unpack(&gz(&[entry("a", b"")])), Err(ArchiveError::Root { .. })));
    assert!(matches!(unpack(&gz(&[entry("a/b", b""), entry("c/d", b"")])), Err(ArchiveError::Root { .. })));
    assert!(matches!(unpack(&gz(&[entry("a/b", b""), entry("ab", b"")])), Err(ArchiveError::Root { .. })));
    for odd in
        [Entry { mode: 0o755, ..entry("p/a", b"") }, Entry { uid: 1, ..entry("p/a", b"") }, Entry { gname: "root", ..entry("p/a", b"") }]
    {
        assert_eq!(unpack(&gz(&[odd])), Err(ArchiveError::NotCanonical));
    }
}

proptest! {
    #[test]
    fn any_files_survive(files in prop::collection::btree_map(
        "[a-zé._ -]{1,12}(/[a-z0-9]{1,40}){0,3}", prop::collection::vec(any::<u8>(), 0..1500), 1..12,
    )) {
        match pack("p-1.0.0", &files) {
            Ok(archive) => prop_assert_eq!(unpack(&archive).unwrap(), ("p-1.0.0".to_owned(), files)),
            Err(ArchiveError::Path { .. } | ArchiveError::Collision { .. } | ArchiveError::TooLong { .. }) => {}
            Err(error) => prop_assert!(false, "{}", error),
        }
    }

    #[test]
    fn no_bytes_make_the_readers_panic(bytes in prop::collection::vec(any::<u8>(), 0..2000)) {
        let _ = read_tar(&bytes);
        let _ = gunzip(&bytes, 10_000);
        let _ = unpack(&[&GZIP_HEADER[..], &bytes].concat());
    }
}
