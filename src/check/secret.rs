//! Credentials, wherever they hide: a pack is copied, pushed and read by many.

use memchr::memmem;

use crate::values::{Path, Step};

/// What kind of credential a text holds, if any. Looks for private keys (also
/// base64 of one), tokens and passwords of a kubeconfig, and JSON Web Tokens.
pub fn in_text(text: &str) -> Option<&'static str> {
    if text.contains("-----BEGIN ") && text.contains("PRIVATE KEY-----") {
        return Some("a private key");
    }
    if has_encoded_key(text) {
        return Some("a private key in base64");
    }
    if has_web_token(text) {
        return Some("a token");
    }
    if has_url_password(text) {
        return Some("a password in a URL");
    }
    // Few texts hold any of the names, and one search of the whole is cheaper than one of each line.
    let named: Vec<_> = NAMES.iter().filter(|(name, _)| memmem::find(text.as_bytes(), name.as_bytes()).is_some()).collect();
    if named.is_empty() {
        return None;
    }
    text.lines().filter(|line| !line.trim_start().starts_with('#')).find_map(|line| named_in_line(line, &named))
}

/// `token: value` anywhere in a line of YAML or JSON, also inside `{ }`.
fn named_in_line(line: &str, named: &[&(&str, &'static str)]) -> Option<&'static str> {
    named.iter().find_map(|(name, what)| {
        line.match_indices(name).find_map(|(at, _)| {
            let begins = !line[..at].ends_with(|c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | '/'));
            let rest = line[at + name.len()..].trim_start_matches(['"', '\'']).trim_start();
            let value = rest.strip_prefix(':').filter(|_| begins)?;
            let value = value.strip_prefix([' ', '\t', '"', '\''])?.trim_start().trim_matches(['"', '\'', '}', ']', ',', ' ']);
            let absent = value.is_empty() || value.starts_with(['#', '~']) || value.starts_with("null");
            (!absent).then_some(*what)
        })
    })
}

/// What kind of credential a value of the tree is: by its name or by its text.
pub fn in_value(path: &Path, text: &str) -> Option<&'static str> {
    let name = path.0.iter().rev().find_map(|step| match step {
        Step::Key(key) => Some(key.as_str()),
        Step::Index(_) => None,
    });
    let by_name = name.filter(|_| !text.is_empty()).and_then(by_name);
    by_name.or_else(|| in_text(text))
}

/// Fields of a kubeconfig's user, `k8s.io/client-go tools/clientcmd/api/v1`.
const NAMES: &[(&str, &str)] = &[
    ("token", "a token"),
    ("bearerToken", "a token"),
    ("id-token", "a token"),
    ("refresh-token", "a token"),
    ("access-token", "a token"),
    ("password", "a password"),
    ("client-key-data", "a client key"),
    ("clientKeyData", "a client key"),
    ("client-secret", "a client secret"),
];

fn by_name(name: &str) -> Option<&'static str> {
    NAMES.iter().find(|(known, _)| *known == name).map(|(_, what)| *what)
}

/// A PEM file in base64. PEM begins at the first byte, so only that alignment
/// is looked for.
fn has_encoded_key(text: &str) -> bool {
    const BEGIN: &str = "LS0tLS1CRUdJTi";
    text.match_indices(BEGIN).any(|(at, _)| {
        let encoded: Vec<u8> = text[at..]
            .bytes()
            .filter(|byte| !byte.is_ascii_whitespace())
            .take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/'))
            .take(64)
            .collect();
        let sextet = |byte: u8| match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            _ => 63,
        };
        let mut decoded = Vec::new();
        for chunk in encoded.chunks_exact(4) {
            let bits = chunk.iter().fold(0u32, |bits, byte| bits << 6 | u32::from(sextet(*byte)));
            decoded.extend_from_slice(&bits.to_be_bytes()[1..]);
        }
        String::from_utf8_lossy(&decoded).contains("PRIVATE KEY")
    })
}

/// `eyJ….eyJ….…`: header and payload of a JSON Web Token begin with `{"`.
fn has_web_token(text: &str) -> bool {
    let part = |text: &str| text.bytes().take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')).count();
    text.match_indices("eyJ").any(|(at, _)| {
        let header = part(&text[at..]);
        let rest = &text[at + header..];
        rest.strip_prefix('.').is_some_and(|payload| payload.starts_with("eyJ") && payload[part(payload)..].starts_with('.'))
    })
}

/// `scheme://user:password@host`.
fn has_url_password(text: &str) -> bool {
    text.match_indices("://").any(|(at, _)| {
        let authority: &str =
            text[at + 3..].split(|c: char| c == '/' || c.is_whitespace() || matches!(c, '"' | '\'')).next().unwrap_or_default();
        authority.split_once('@').is_some_and(|(user, _)| user.split_once(':').is_some_and(|(_, password)| !password.is_empty()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_credentials_and_nothing_else() {
        for text in [
            "-----BEGIN RSA PRIVATE KEY-----\nx",
            "users:\n- user:\n    token: abc\n",
            "    client-key-data: LS0t",
            "x: LS0tLS1CRUdJTiBSU0EgUFJJVkFURSBLRVktLS0tLQo=",
            "Bearer eyJhbGciOiJI.eyJzdWIiOiIx.c2ln",
            "https://user:pw@host/",
            r#"{"password": "x"}"#,
            r#"{"password":"x"}"#,
            "users: [{user: {token: s3cr3t}}]",
        ] {
            assert!(in_text(text).is_some(), "{text}");
        }
        for text in [
            "-----BEGIN CERTIFICATE-----\nx",
            "resources: [serviceaccounts/token, tokenreviews]",
            "# the token: none",
            "  # token: none",
            "{token: null, password: \"\"}",
            "token: null",
            "client-key: /etc/kubernetes/pki/audit.key",
            "https://audit.example.com:8443/events",
            "token-auth-file",
        ] {
            assert!(in_text(text).is_none(), "{text}");
        }
        assert!(in_value(&Path::root().key("user").key("token"), "x").is_some());
    }
}
