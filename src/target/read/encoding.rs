//! How documents write a file's content that would not pass as it is.

use data_encoding::BASE64;

use super::gzip::gunzip;
use crate::yaml::MAX_BYTES;

/// The content that a node writes: of none, `base64` or `gzip+base64`.
///
/// # Errors
/// Why it is none.
pub fn decoded(content: &str, encoding: &str) -> Result<String, String> {
    let binary = |text: &str| {
        // base64's line breaks mean nothing.
        let text: String = text.split_ascii_whitespace().collect();
        BASE64.decode(text.as_bytes()).map_err(|error| format!("is no base64: {error}"))
    };
    let bytes = match encoding {
        "" => return Ok(content.to_owned()),
        "base64" => binary(content)?,
        "gzip+base64" => gunzip(&binary(content)?, MAX_BYTES).map_err(|error| format!("is no gzip: {error}"))?,
        other => return Err(format!("has the encoding `{other}`; expected base64 or gzip+base64")),
    };
    String::from_utf8(bytes).map_err(|_| "is no text".to_owned())
}
