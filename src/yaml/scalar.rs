//! What a plain scalar means: the YAML 1.2 core schema, and where YAML 1.1
//! readers, among them those of Kubernetes, would read something else.

use serde_json::Number;

/// A resolved plain scalar.
#[derive(Debug, Clone, PartialEq)]
pub enum Scalar {
    /// `null`, `~` or nothing.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// An integer in the range of i64 or u64, or a finite float.
    Number(Number),
    /// Anything else.
    String,
    /// A number that JSON, and so Kubernetes, cannot carry.
    Unrepresentable,
}

/// Reads `text` as YAML 1.2 does. What is ambiguous stays a string.
pub fn resolve(text: &str) -> Scalar {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Scalar::Null,
        "true" | "True" | "TRUE" => return Scalar::Bool(true),
        "false" | "False" | "FALSE" => return Scalar::Bool(false),
        _ => {}
    }
    if let Some(hex) = text.strip_prefix("0x")
        && !hex.is_empty()
        && hex.bytes().all(|byte| byte.is_ascii_hexdigit())
    {
        return u64::from_str_radix(hex, 16).map_or(Scalar::Unrepresentable, |n| Scalar::Number(n.into()));
    }
    if !looks_like_a_decimal(text) {
        return Scalar::String;
    }
    let unsigned = text.trim_start_matches(['+', '-']);
    if unsigned.len() > 1 && unsigned.starts_with('0') && unsigned.as_bytes()[1].is_ascii_digit() {
        return Scalar::String; // 017 is 15 to YAML 1.1, 17 to YAML 1.2
    }
    if unsigned.bytes().all(|byte| byte.is_ascii_digit()) {
        let digits = text.trim_start_matches('+');
        return digits
            .parse::<i64>()
            .map(Number::from)
            .or_else(|_| digits.parse::<u64>().map(Number::from))
            .map_or(Scalar::Unrepresentable, Scalar::Number);
    }
    text.parse::<f64>().ok().and_then(Number::from_f64).map_or(Scalar::Unrepresentable, Scalar::Number)
}

/// `[-+]? ( [0-9]+ ( . [0-9]* )? | . [0-9]+ ) ( [eE] [-+]? [0-9]+ )?`
fn looks_like_a_decimal(text: &str) -> bool {
    let text = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (mantissa, exponent) = match text.find(['e', 'E']) {
        Some(at) => (&text[..at], Some(&text[at + 1..])),
        None => (text, None),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let exponent_ok = exponent.is_none_or(|exponent| {
        let exponent = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
        !exponent.is_empty() && digits(exponent)
    });
    digits(whole) && digits(fraction) && !(whole.is_empty() && fraction.is_empty()) && exponent_ok
}

/// Why a plain scalar is read differently by YAML 1.1 readers, if it is.
pub fn ambiguity(text: &str) -> Option<&'static str> {
    if word(text).is_some() {
        return Some("YAML 1.1 readers take it for a boolean, YAML 1.2 readers for text");
    }
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let bytes = unsigned.as_bytes();
    match bytes {
        b"=" => return Some("YAML 1.1 readers refuse it"),
        b".inf" | b".Inf" | b".INF" | b".nan" | b".NaN" | b".NAN" => {
            return Some("YAML readers take it for a number that JSON cannot carry");
        }
        [b'0', b'o' | b'b', rest @ ..] if !rest.is_empty() && rest.iter().all(u8::is_ascii_digit) => {
            return Some("YAML readers disagree on whether it is a number");
        }
        [b'0', b'0'..=b'9', rest @ ..] if rest.iter().all(|byte| byte.is_ascii_digit() || *byte == b'_') => {
            return Some("YAML 1.1 readers take it for an octal number, YAML 1.2 readers for a decimal one");
        }
        _ => {}
    }
    if !bytes.first().is_some_and(u8::is_ascii_digit) {
        return None;
    }
    if unsigned.contains('_') && unsigned.bytes().all(|byte| byte.is_ascii_hexdigit() || matches!(byte, b'_' | b'.' | b'x')) {
        return Some("YAML 1.1 readers drop the underscores and take it for a number");
    }
    if is_base_60(unsigned) {
        return Some("YAML 1.1 readers take it for a number in base 60");
    }
    let date = bytes.len() >= 8 && bytes.get(4) == Some(&b'-') && bytes[..4].iter().all(u8::is_ascii_digit) && bytes[5].is_ascii_digit();
    date.then_some("some YAML readers take it for a date")
}

/// `1:30`, `190:20:30.15`: digits, then up to 59 after each colon. An address with a port is none.
fn is_base_60(text: &str) -> bool {
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'_');
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let Some((first, rest)) = whole.split_once(':') else { return false };
    let sixtieths = |part: &str| matches!(part.as_bytes(), [b'0'..=b'9'] | [b'0'..=b'5', b'0'..=b'9']);
    !first.is_empty() && digits(first) && digits(fraction) && rest.split(':').all(sixtieths)
}

/// What YAML readers of Kubernetes (`sigs.k8s.io/yaml`) take an ambiguous scalar
/// for, if not for text: they know the words of YAML 1.1 and its numbers, but not
/// its base 60. A `?` is ambiguous between brackets alone, where they refuse it.
pub fn in_kubernetes(text: &str) -> Option<&'static str> {
    if word(text).is_some() {
        return Some("a boolean");
    }
    if text.contains('?') {
        return Some("no YAML");
    }
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let plain = unsigned.replace('_', "");
    let all = |digits: &str, radix| !digits.is_empty() && digits.chars().all(|c| c.is_digit(radix));
    let is_number = match plain.as_bytes() {
        // Of what begins so, `.inf` and `.nan` alone are ambiguous.
        [b'.', ..] => unsigned.starts_with('.'),
        [b'0', b'x', ..] => all(&plain[2..], 16),
        [b'0', b'o', ..] => all(&plain[2..], 8),
        [b'0', b'b', ..] => all(&plain[2..], 2),
        _ => plain.starts_with(|c: char| c.is_ascii_digit()) && looks_like_a_decimal(&plain),
    };
    is_number.then_some("a number")
}

/// The words that are booleans to YAML 1.1 and text to YAML 1.2.
pub fn word(text: &str) -> Option<bool> {
    match text {
        "y" | "Y" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" => Some(true),
        "n" | "N" | "no" | "No" | "NO" | "off" | "Off" | "OFF" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn core_schema() {
        for (text, value) in [
            ("30", Scalar::Number(30.into())),
            ("-0", Scalar::Number(0.into())),
            ("18446744073709551615", Scalar::Number(u64::MAX.into())),
            ("18446744073709551616", Scalar::Unrepresentable),
            ("1.5", Scalar::Number(Number::from_f64(1.5).unwrap())),
            ("1e3", Scalar::Number(Number::from_f64(1000.0).unwrap())),
            ("1e999", Scalar::Unrepresentable),
            ("0x1F", Scalar::Number(31.into())),
            ("017", Scalar::String),
            ("0", Scalar::Number(0.into())),
            ("0.5", Scalar::Number(Number::from_f64(0.5).unwrap())),
            ("1_000", Scalar::String),
            ("no", Scalar::String),
            (".", Scalar::String),
            ("-", Scalar::String),
            ("1e", Scalar::String),
            ("~", Scalar::Null),
        ] {
            assert_eq!(resolve(text), value, "{text}");
        }
    }

    #[test]
    fn a_number_to_kubernetes_is_one_to_its_reader() {
        for text in ["017", "08", "0o17", "0b11", "1_000", "0x_1", "-1_0", ".inf", "-.INF"] {
            assert_eq!(in_kubernetes(text), Some("a number"), "{text}");
        }
        for text in ["1_a", "1_b.c", "1.2.3_4", "0b2", "0o8", "1:30", "2001-12-14", "="] {
            assert_eq!(in_kubernetes(text), None, "{text}");
        }
    }

    #[test]
    fn says_what_other_readers_would_read() {
        for text in ["yes", "off", "017", "08", "1_000", "1:30", "190:20:30.15", "0o17", "=", "2001-12-14", ".inf", "0b1"] {
            assert!(ambiguity(text).is_some(), "{text}");
        }
        for text in
            ["30", "1.30", "Metadata", "root:root", "audit.k8s.io/v1", "/etc", "10s", "true", "", "v1", "10.0.0.1:6443", "8443:80", "1:75"]
        {
            assert!(ambiguity(text).is_none(), "{text}");
        }
    }
}
