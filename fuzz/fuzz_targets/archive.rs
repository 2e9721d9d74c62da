//! No bytes make the unpacker panic, and what unpacks is packed to the same
//! bytes again. The compressor's choices are not the fuzzer's to find, so the
//! second half takes the input as a tar archive and as files.
#![no_main]

use std::collections::BTreeMap;

use libfuzzer_sys::fuzz_target;
use packwright::pack::archive::{self, OwnedEntry};

fuzz_target!(|data: &[u8]| {
    if let Ok((root, files)) = archive::unpack(data) {
        assert_eq!(archive::pack(&root, &files).as_deref(), Ok(data), "unpacked, but packed otherwise");
    }
    if let Ok(bytes) = archive::gunzip(data, 1 << 20) {
        tar(&bytes);
    }

    tar(data);
    // A mutated checksum is refused at once: the same with the right one.
    let mut summed = data.to_vec();
    for block in summed.chunks_exact_mut(512) {
        if block[257..263] == *b"ustar\0" {
            block[148..156].fill(b' ');
            let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
            block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        }
    }
    tar(&summed);

    // NUL-separated: the folder, then paths and contents.
    let mut parts = data.split(|byte| *byte == 0).map(|part| String::from_utf8_lossy(part).into_owned());
    let root = parts.next().unwrap_or_default();
    let mut files = BTreeMap::new();
    while let Some(path) = parts.next() {
        files.insert(path, parts.next().unwrap_or_default().into_bytes());
    }
    if let Ok(packed) = archive::pack(&root, &files) {
        assert_eq!(archive::unpack(&packed), Ok((root, files)), "packed, but unpacked otherwise");
    }
});

fn tar(bytes: &[u8]) {
    let Ok(entries) = archive::read_tar(bytes) else { return };
    let borrowed: Vec<_> = entries.iter().map(OwnedEntry::as_entry).collect();
    assert_eq!(archive::ustar(&borrowed).as_deref(), Ok(bytes), "read, but written otherwise");
    // What reads as a pack's tar is one once compressed.
    let packed = archive::gzip(bytes);
    if let Ok((root, files)) = archive::unpack(&packed) {
        assert_eq!(archive::pack(&root, &files).as_deref(), Ok(&packed[..]), "unpacked, but packed otherwise");
    }
}
