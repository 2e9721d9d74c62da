//! Reads flag values as kube-apiserver does: Go's `strconv` and `time`, and the
//! values of `spf13/pflag` and `k8s.io/component-base cli/flag`.

use std::net::IpAddr;

use crate::kubernetes::flags::FlagType;

/// Whether a flag of that type takes the value. What is only found out later,
/// such as a file that is not there, is not asked.
pub fn fits(kind: FlagType, value: &str) -> bool {
    match kind {
        FlagType::Bool => boolean(value).is_some(),
        FlagType::Int(bits) => integer(value).is_some_and(|number| bits >= 64 || number >> (bits - 1) == 0 || number >> (bits - 1) == -1),
        FlagType::Uint(bits) => unsigned(value).is_some_and(|number| bits >= 64 || number >> bits == 0),
        FlagType::Level => value.bytes().all(|byte| byte.is_ascii_digit()) && value.parse::<i32>().is_ok(),
        FlagType::Float(bits) => float(value).is_some_and(|number| bits >= 64 || !number.is_finite() || (number as f32).is_finite()),
        FlagType::Duration => duration(value).is_some(),
        FlagType::Ip => value.is_empty() || value.trim().parse::<IpAddr>().is_ok(),
        FlagType::Cidrs => value.split(',').all(|network| {
            let Some((address, length)) = network.split_once('/') else { return false };
            let bits = address.parse::<IpAddr>().map(|address| if address.is_ipv4() { 32 } else { 128 });
            bits.is_ok_and(|bits| fits(FlagType::Level, length) && length.parse::<u32>().is_ok_and(|length| length <= bits))
        }),
        FlagType::List => list(value).is_some(),
        FlagType::Ints => value.split(',').all(|number| fits(FlagType::Int(32), number)),
        FlagType::Switches => pairs(value).all(|pair| pair.split_once('=').is_some_and(|(_, value)| boolean(value.trim()).is_some())),
        FlagType::Map => pairs(value).all(|pair| pair.contains('=')),
        FlagType::Pairs => match value.matches('=').count() {
            0 => false,
            1 => true,
            _ => list(value).is_some_and(|pairs| pairs.iter().all(|pair| pair.contains('='))),
        },
        FlagType::Entry => value.contains('='),
        FlagType::CertKeys => {
            let (pair, names) = value.split_once(':').map_or((value, None), |(pair, names)| (pair, Some(names)));
            pair.split(',').count() == 2 && names.is_none_or(|names| !names.trim().is_empty())
        }
        FlagType::PortRange => port_range(value),
        FlagType::Quantity => quantity(value),
        FlagType::Vmodule => pairs(value).all(|pair| {
            let mut parts = pair.split('=');
            let (pattern, level, rest) = (parts.next(), parts.next(), parts.next());
            pattern.is_some_and(|pattern| !pattern.is_empty()) && level.is_some_and(|level| fits(FlagType::Level, level)) && rest.is_none()
        }),
        FlagType::Version => value == "raw" || value.starts_with('v') || boolean(value).is_some(),
        FlagType::Text | FlagType::Array | FlagType::Settings | FlagType::Multimap => true,
    }
}

/// `strconv.ParseBool`.
pub fn boolean(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
        _ => None,
    }
}

/// `strconv.ParseInt` with base 0: 0x, 0o, 0b and a leading 0 count.
pub fn integer(text: &str) -> Option<i64> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let number = i128::from(unsigned(digits)?);
    i64::try_from(if text.starts_with('-') { -number } else { number }).ok()
}

/// `strconv.ParseUint` with base 0.
fn unsigned(text: &str) -> Option<u64> {
    let lower = text.to_ascii_lowercase();
    let (digits, radix, prefixed) = match lower.as_bytes() {
        [b'0', b'x', ..] => (&lower[2..], 16, true),
        [b'0', b'o', ..] => (&lower[2..], 8, true),
        [b'0', b'b', ..] => (&lower[2..], 2, true),
        [b'0', _, ..] => (&lower[1..], 8, true),
        _ => (lower.as_str(), 10, false),
    };
    let digits = without_underscores(digits, prefixed)?;
    if digits.starts_with(['+', '-']) { None } else { u64::from_str_radix(&digits, radix).ok() }
}

/// Go allows `_` between digits and after a base's prefix.
fn without_underscores(digits: &str, prefixed: bool) -> Option<String> {
    let misplaced = digits.ends_with('_') || digits.contains("__") || (digits.starts_with('_') && !prefixed);
    (!misplaced).then(|| digits.replace('_', ""))
}

/// `strconv.ParseFloat`, except for hexadecimal numbers, which nobody writes.
pub fn float(text: &str) -> Option<f64> {
    let digit = |at: usize| text.as_bytes().get(at).is_some_and(u8::is_ascii_digit);
    if text.match_indices('_').any(|(at, _)| at == 0 || !digit(at - 1) || !digit(at + 1)) {
        return None;
    }
    let number: f64 = text.replace('_', "").parse().ok()?;
    let infinite = text.trim_start_matches(['+', '-']).to_ascii_lowercase().starts_with("inf");
    (infinite || !number.is_infinite()).then_some(number)
}

/// `time.ParseDuration`, in nanoseconds.
pub fn duration(text: &str) -> Option<i64> {
    let mut rest = text.strip_prefix(['+', '-']).unwrap_or(text);
    if rest == "0" {
        return Some(0);
    }
    if rest.is_empty() {
        return None;
    }
    let mut nanoseconds: i128 = 0;
    while !rest.is_empty() {
        let (digits, after) = rest.split_at(rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len()));
        let (unit, after) = after.split_at(after.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(after.len()));
        let scale: i128 = match unit {
            "ns" => 1,
            "us" | "µs" | "μs" => 1_000,
            "ms" => 1_000_000,
            "s" => 1_000_000_000,
            "m" => 60_000_000_000,
            "h" => 3_600_000_000_000,
            _ => return None,
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        if whole.is_empty() && fraction.is_empty() || fraction.contains('.') {
            return None;
        }
        let whole = if whole.is_empty() { 0 } else { i128::from(whole.parse::<i64>().ok()?) };
        let fraction: f64 = format!("0.{fraction}0").parse().ok()?;
        nanoseconds += whole * scale + (fraction * scale as f64) as i128;
        rest = after;
    }
    i64::try_from(if text.starts_with('-') { -nanoseconds } else { nanoseconds }).ok()
}

/// The values of a list, one line of `encoding/csv`.
pub fn list(text: &str) -> Option<Vec<String>> {
    let mut values = Vec::new();
    let mut rest = text;
    while !text.is_empty() {
        let Some(quoted) = rest.strip_prefix('"') else {
            let (value, after) = rest.split_once(',').map_or((rest, None), |(value, after)| (value, Some(after)));
            if value.contains('"') {
                return None;
            }
            values.push(value.to_owned());
            match after {
                Some(after) => rest = after,
                None => break,
            }
            continue;
        };
        let mut value = String::new();
        let mut inside = quoted;
        rest = loop {
            let (before, after) = inside.split_once('"')?;
            value.push_str(before);
            match after.strip_prefix('"') {
                Some(after) => {
                    value.push('"');
                    inside = after;
                }
                None => break after,
            }
        };
        values.push(value);
        match rest.strip_prefix(',') {
            Some(after) => rest = after,
            None if rest.is_empty() => break,
            None => return None,
        }
    }
    Some(values)
}

/// The parts between commas that are not empty.
fn pairs(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').filter(|pair| !pair.is_empty())
}

/// `PortRange.Set`: one port, `first-last`, or `first+more`.
fn port_range(text: &str) -> bool {
    let text = text.trim();
    let number = |text: &str| if text.bytes().all(|byte| byte.is_ascii_digit()) { text.parse::<u32>().ok() } else { None };
    let range = match (text.split_once('-'), text.split_once('+')) {
        (None, None) => number(text).map(|port| (port, port)),
        (Some((first, last)), None) => number(first).zip(number(last)),
        (None, Some((first, more))) => number(first).zip(number(more)).and_then(|(first, more)| Some((first, first.checked_add(more)?))),
        (Some(_), Some(_)) => None,
    };
    text.is_empty() || range.is_some_and(|(first, last)| first <= last && last <= 65535)
}

/// `resource.ParseQuantity`: a decimal number and a suffix.
fn quantity(text: &str) -> bool {
    let text = text.strip_prefix(['+', '-']).unwrap_or(text);
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, suffix) = text.split_at(end);
    let is_number = number.bytes().any(|byte| byte.is_ascii_digit()) && number.matches('.').count() <= 1;
    let exponent = || suffix.strip_prefix(['e', 'E']).is_some_and(|power| integer(power).is_some());
    const SUFFIXES: &[&str] = &["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei", "n", "u", "m", "k", "M", "G", "T", "P", "E"];
    is_number && (SUFFIXES.contains(&suffix) || exponent())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_as_go_reads_them() {
        let taken: &[(FlagType, &[&str])] = &[
            (FlagType::Bool, &["true", "T", "1", "False", "0"]),
            (FlagType::Int(64), &["0", "-1", "+5", "0x10", "010", "1_000", "0_7", "9223372036854775807", "-9223372036854775808"]),
            (FlagType::Int(32), &["2147483647", "-2147483648"]),
            (FlagType::Uint(16), &["0", "65535", "0xffff"]),
            (FlagType::Level, &["0", "2147483647", "010"]),
            (FlagType::Float(32), &["0", ".5", "1e3", "-1.5", "inf", "NaN", "+Inf", "1.", "1_0.5"]),
            (FlagType::Duration, &["0", "1s", "1h30m", "1.5s", ".5s", "1.s", "-1s", "100ms", "1µs", "+0", "2562047h47m16.854775807s"]),
            (FlagType::Ip, &["", "10.0.0.1", " ::1 "]),
            (FlagType::Cidrs, &["10.0.0.0/8", "10.0.0.0/8,::/0"]),
            (FlagType::List, &["", "a,b", "\"a,b\",c", "\"a\"\"b\"", ",", "a, b"]),
            (FlagType::Ints, &["1", "1,0x1d,-3"]),
            (FlagType::Switches, &["", "A=true,B=0", "A=true,"]),
            (FlagType::Map, &["", "a=b,c=d", "a="]),
            (FlagType::Pairs, &["a=b", "a=b,c", "a=b,c=d", "a=b,\"c=d,e\""]),
            (FlagType::Entry, &["a=b,c"]),
            (FlagType::CertKeys, &["a.crt,a.key", "a.crt,a.key:x,y"]),
            (FlagType::PortRange, &["", "80", "30000-32767", "30000+100", "80-80"]),
            (FlagType::Quantity, &["0", "512Ki", "1.5M", "1e3", "-1"]),
            (FlagType::Vmodule, &["", "a=1,b*=2", "a=1,"]),
            (FlagType::Version, &["true", "raw", "v1.2.3"]),
        ];
        for (kind, values) in taken {
            for value in *values {
                assert!(fits(*kind, value), "{kind:?} takes {value:?}");
            }
        }
        let refused: &[(FlagType, &[&str])] = &[
            (FlagType::Bool, &["", "yes", "on", "tRUE", "true "]),
            (FlagType::Int(64), &["", "1.5", "ten", "1 ", "08", "0x", "_1", "1_", "1__0", "9223372036854775808", "--1", "+-1"]),
            (FlagType::Int(32), &["2147483648", "-2147483649"]),
            (FlagType::Uint(16), &["-1", "+1", "65536"]),
            (FlagType::Level, &["", "0x1", "-1", "2147483648"]),
            (FlagType::Float(32), &["", "x", "1e39", "1e400", ".", "1_", "1__0"]),
            (FlagType::Duration, &["", "1", "1d", "s", "1s5", "-", "1..5s", ".s", "1 s", "2562047h47m17s", "9999999h"]),
            (FlagType::Ip, &["host", "10.0.0", "10.0.0.01", "fe80::1%eth0"]),
            (FlagType::Cidrs, &["", "10.0.0.0", "10.0.0.0/33", "10.0.0.0/8,", "x/8", "::/129"]),
            (FlagType::List, &["\"a", "a\"b", "\"a\"b"]),
            (FlagType::Ints, &["", "1,", "a", "1, 2"]),
            (FlagType::Switches, &["A", "A=yes", "A=true B=true"]),
            (FlagType::Map, &["a", "a=b,c"]),
            (FlagType::Pairs, &["", "a", "a=b,c,d=e", "a=\"b,c=d"]),
            (FlagType::Entry, &["", "a"]),
            (FlagType::CertKeys, &["", "a.crt", "a,b,c", "a,b:"]),
            (FlagType::PortRange, &["x", "10-5", "70000", "1-2-3", "-1"]),
            (FlagType::Quantity, &["", "Ki", "1Kib", "1.2.3", "."]),
            (FlagType::Vmodule, &["a", "a=", "=1", "a=-1", "a=1=2"]),
            (FlagType::Version, &["yes", "1.2"]),
        ];
        for (kind, values) in refused {
            for value in *values {
                assert!(!fits(*kind, value), "{kind:?} refuses {value:?}");
            }
        }
        assert_eq!(duration("-1m30.5s"), Some(-90_500_000_000));
        assert_eq!((integer("010"), integer("-0x10"), integer("1_0")), (Some(8), Some(-16), Some(10)));
        assert_eq!(list("\"a,b\",c"), Some(vec!["a,b".to_owned(), "c".to_owned()]));
    }
}
