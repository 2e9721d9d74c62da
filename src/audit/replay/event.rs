//! One line of an audit log, as much of it as a policy asks about. Bodies are
//! passed over; only their length is kept.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::fast;
use crate::audit::types::{Level, Request, Stage, Target, User};
use crate::diagnostic::human::quote;

/// `audit.k8s.io/v1` Event (`kubernetes/apiserver pkg/apis/audit/v1/types.go`).
#[derive(Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", expecting = "an event")]
pub(super) struct Line<'a> {
    #[serde(borrow)]
    pub(super) kind: Text<'a>,
    #[serde(borrow)]
    pub(super) api_version: Text<'a>,
    #[serde(borrow)]
    pub(super) level: Text<'a>,
    #[serde(borrow)]
    pub(super) stage: Text<'a>,
    #[serde(borrow, rename = "requestURI", default)]
    pub(super) request_uri: Text<'a>,
    #[serde(borrow, default)]
    pub(super) verb: Text<'a>,
    #[serde(borrow, default)]
    pub(super) user: Who<'a>,
    #[serde(borrow)]
    pub(super) object_ref: Option<ObjectRef<'a>>,
    /// Bytes of the body, if there is one and it is not null.
    #[serde(default, deserialize_with = "length")]
    pub(super) request_object: Option<usize>,
    #[serde(default, deserialize_with = "length")]
    pub(super) response_object: Option<usize>,
    #[serde(borrow, default)]
    pub(super) stage_timestamp: Text<'a>,
}

#[derive(Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(expecting = "an object")]
pub(super) struct Who<'a> {
    #[serde(borrow, default)]
    pub(super) username: Text<'a>,
    #[serde(borrow, default, deserialize_with = "texts")]
    pub(super) groups: Vec<Cow<'a, str>>,
}

#[derive(Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", expecting = "an object")]
pub(super) struct ObjectRef<'a> {
    #[serde(borrow, default)]
    pub(super) resource: Text<'a>,
    #[serde(borrow, default)]
    pub(super) namespace: Text<'a>,
    #[serde(borrow, default)]
    pub(super) name: Text<'a>,
    #[serde(borrow, default)]
    pub(super) api_group: Text<'a>,
    #[serde(borrow, default)]
    pub(super) subresource: Text<'a>,
}

/// Text that is borrowed unless it holds an escape; in an `Option` or a list
/// serde would copy a bare `Cow`.
#[derive(Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub(super) struct Text<'a>(#[serde(borrow)] pub(super) Cow<'a, str>);

fn length<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<usize>, D::Error> {
    let body: Option<&RawValue> = Deserialize::deserialize(deserializer)?;
    Ok(body.map(|body| body.get().len()))
}

fn texts<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Cow<'de, str>>, D::Error> {
    struct Texts;
    impl<'de> Visitor<'de> for Texts {
        type Value = Vec<Cow<'de, str>>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a list of text")
        }

        fn visit_unit<E>(self) -> Result<Self::Value, E> {
            Ok(Vec::new())
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
            let mut texts = Vec::with_capacity(4);
            while let Some(Text(text)) = list.next_element()? {
                texts.push(text);
            }
            Ok(texts)
        }
    }
    deserializer.deserialize_any(Texts)
}

/// An event of a log.
#[derive(Debug)]
pub struct Event<'a> {
    line: Line<'a>,
    /// Of a request for no object: the path.
    path: Cow<'a, str>,
    /// The level at which it was recorded.
    pub level: Level,
    /// The stage that it tells of.
    pub stage: Stage,
}

impl<'a> Event<'a> {
    /// Reads one line. What is text already is read faster than bytes, of which
    /// every string must be checked.
    ///
    /// # Errors
    /// Why it is no event, in a few words.
    #[inline(always)]
    pub fn read(line: Result<&'a str, &'a [u8]>) -> Result<Self, String> {
        // Made first and filled where it stays: to move it takes longer than to read most of its fields.
        let mut event = Self { line: Line::default(), path: Cow::Borrowed(""), level: Level::None, stage: Stage::Panic };
        if line.ok().and_then(|text| fast::read(fearless_simd::Level::new(), text, &mut event.line)).is_none() {
            event.line = slow(line)?;
        }
        let line = &event.line;
        if line.kind.0 != "Event" || line.api_version.0 != "audit.k8s.io/v1" {
            return Err(format!("{} of {} is no audit.k8s.io/v1 Event", quote(&line.kind.0), quote(&line.api_version.0)));
        }
        event.level = Level::parse(&line.level.0).ok_or_else(|| format!("there is no level {}", quote(&line.level.0)))?;
        event.stage = Stage::parse(&line.stage.0).ok_or_else(|| format!("there is no stage {}", quote(&line.stage.0)))?;
        event.path = match (&line.object_ref, &line.request_uri.0) {
            (Some(_), _) => Cow::Borrowed(""),
            (None, Cow::Borrowed(uri)) => path(uri),
            (None, Cow::Owned(uri)) => Cow::Owned(path(uri).into_owned()),
        };
        Ok(event)
    }

    /// The request that the policy was consulted about. Only a failed
    /// authentication leaves an event without a user.
    pub fn request(&self) -> Request<'_> {
        let Who { username, groups } = &self.line.user;
        let user = (!username.0.is_empty() || !groups.is_empty()).then(|| User { name: Some(&username.0), groups });
        let target = match &self.line.object_ref {
            Some(object) => Target::Resource {
                group: &object.api_group.0,
                resource: &object.resource.0,
                subresource: &object.subresource.0,
                namespace: &object.namespace.0,
                name: &object.name.0,
            },
            None => Target::Url(&self.path),
        };
        Request { user, verb: &self.line.verb.0, target }
    }

    /// How many bytes of the line a lower level would leave out.
    pub fn bytes_above(&self, level: Level) -> u64 {
        let field = |name: &str, body: Option<usize>| body.map_or(0, |length| length + name.len() + r#","":"#.len());
        let request = if level < Level::Request { field("requestObject", self.line.request_object) } else { 0 };
        let response = if level < Level::RequestResponse { field("responseObject", self.line.response_object) } else { 0 };
        (request + response) as u64
    }

    /// When the stage was reached, RFC 3339 in UTC, so that texts compare as times do.
    pub fn time(&self) -> &str {
        &self.line.stage_timestamp.0
    }
}

/// Any JSON that is an event, and why other lines are not.
fn slow<'a>(line: Result<&'a str, &'a [u8]>) -> Result<Line<'a>, String> {
    let bytes = line.map_or_else(|bytes| bytes, str::as_bytes);
    // Of a list serde would take the items for the fields, one after the other.
    if bytes.trim_ascii_start().first() != Some(&b'{') {
        return Err("it is no JSON object".to_owned());
    }
    line.map_or_else(serde_json::from_slice, serde_json::from_str).map_err(|error| {
        if error.is_eof() {
            return "the line ends before the event does".to_owned();
        }
        // The line within what was read is always the first.
        let text = error.to_string();
        let why = text.rsplit_once(" at line ").map_or(text.as_str(), |(why, _)| why);
        format!("{why}, at byte {}", error.column())
    })
}

/// The path of a request URI, decoded as Go's `url.URL.Path` is.
fn path(uri: &str) -> Cow<'_, str> {
    let uri = uri.split_once('?').map_or(uri, |(path, _)| path);
    if !uri.contains('%') {
        return Cow::Borrowed(uri);
    }
    let raw = uri.as_bytes();
    let mut decoded = Vec::with_capacity(raw.len());
    let mut at = 0;
    while let Some(byte) = raw.get(at) {
        let hex = raw.get(at + 1..at + 3).and_then(|hex| std::str::from_utf8(hex).ok()).and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match hex.filter(|_| *byte == b'%') {
            Some(byte) => {
                decoded.push(byte);
                at += 3;
            }
            None => {
                decoded.push(*byte);
                at += 1;
            }
        }
    }
    Cow::Owned(String::from_utf8_lossy(&decoded).into_owned())
}
