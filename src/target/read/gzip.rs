//! Gzip as anybody writes it (RFC 1952), where archives take only our own.

use miniz_oxide::inflate::decompress_to_vec_with_limit;

/// The bytes of the first member, at most `limit` of them.
///
/// # Errors
/// Why it is none.
pub fn gunzip(bytes: &[u8], limit: usize) -> Result<Vec<u8>, &'static str> {
    const CUT: &str = "it is cut short";
    let (header, mut rest) = bytes.split_first_chunk::<10>().ok_or(CUT)?;
    let [0x1f, 0x8b, 8, flags, ..] = *header else { return Err("it does not begin as gzip does") };
    let has = |bit: u8| flags & (1 << bit) != 0;
    if has(2) {
        let (length, after) = rest.split_first_chunk::<2>().ok_or(CUT)?;
        rest = after.get(usize::from(u16::from_le_bytes(*length))..).ok_or(CUT)?;
    }
    // A name, a comment.
    for bit in [3, 4] {
        if has(bit) {
            let end = rest.iter().position(|byte| *byte == 0).ok_or(CUT)?;
            rest = &rest[end + 1..];
        }
    }
    if has(1) {
        rest = rest.get(2..).ok_or(CUT)?;
    }
    let (deflated, [c0, c1, c2, c3, ..]) = rest.split_last_chunk::<8>().ok_or(CUT)?;
    let plain = decompress_to_vec_with_limit(deflated, limit).map_err(|_| "its compressed data is damaged or too large")?;
    if crc32fast::hash(&plain) == u32::from_le_bytes([*c0, *c1, *c2, *c3]) { Ok(plain) } else { Err("its checksum is wrong") }
}

#[cfg(test)]
mod tests {
    use super::gunzip;
    use crate::pack::archive::gzip;

    #[test]
    fn with_every_optional_part() {
        let plain = gzip(b"content\n");
        let mut named = plain[..10].to_vec();
        named[3] = 0b1_1110;
        named.extend_from_slice(b"\x03\0abcname\0comment\0\x12\x34");
        named.extend_from_slice(&plain[10..]);
        for bytes in [&plain, &named] {
            assert_eq!(gunzip(bytes, 8).unwrap(), b"content\n");
        }
        assert!(gunzip(&plain, 7).is_err());
        for end in 0..named.len() {
            assert!(gunzip(&named[..end], 100).is_err(), "{end}");
        }
        let mut damaged = plain;
        let checksum = damaged.len() - 8;
        damaged[checksum] ^= 1;
        assert_eq!(gunzip(&damaged, 8), Err("its checksum is wrong"));
    }
}
