//! Reads an event as an API server writes it, without looking into its bodies
//! more than JSON asks for.

use std::borrow::Cow;

use fearless_simd::Level;

use super::event::{Line, ObjectRef, Text, Who};
use super::outline::{Cursor, Mark, Word, outline, words};

/// Words of lines up to 8 kB, which need no memory of their own.
const FEW: usize = 128;

/// Reads the text into an empty line, if serde would read the same; nothing if it
/// would not, and also if it is written in a way that only serde knows: with white
/// space, a key twice or with escapes, null for text.
pub(super) fn read<'a>(level: Level, text: &'a str, line: &mut Line<'a>) -> Option<()> {
    let text = if text.as_bytes().last() == Some(&b'\n') { &text[..text.len() - 1] } else { text };
    let (mut few, mut many);
    let words = match words(text) {
        count @ ..=FEW => {
            few = [Word::default(); FEW];
            &mut few[..count]
        }
        count => {
            many = vec![Word::default(); count];
            &mut many[..]
        }
    };
    let plain = outline(level, text, words)?;
    let mut cursor = Cursor::new(text, words, plain);
    let mut seen = Seen(0);
    cursor.opening(0, b'{')?;
    let end = cursor.object(0, |cursor, key, from| {
        let (bit, place) = match key {
            "kind" => (0, &mut line.kind),
            "apiVersion" => (1, &mut line.api_version),
            "level" => (2, &mut line.level),
            "stage" => (3, &mut line.stage),
            "requestURI" => (4, &mut line.request_uri),
            "verb" => (5, &mut line.verb),
            "stageTimestamp" => (6, &mut line.stage_timestamp),
            "user" => {
                seen.first(7)?;
                return who(cursor, from, &mut line.user);
            }
            "objectRef" => {
                seen.first(8)?;
                return object_ref(cursor, from, line.object_ref.insert(ObjectRef::default()));
            }
            "requestObject" => {
                seen.first(9)?;
                return body(cursor, text, from, &mut line.request_object);
            }
            "responseObject" => {
                seen.first(10)?;
                return body(cursor, text, from, &mut line.response_object);
            }
            _ => return other(cursor, key, from),
        };
        seen.first(bit)?;
        put(cursor, from, place)
    })?;
    (end.at + 1 == text.len() && seen.0 & 0b1111 == 0b1111).then_some(())
}

/// Which keys have come.
struct Seen(u32);

impl Seen {
    fn first(&mut self, bit: u32) -> Option<()> {
        let is_first = self.0 & 1 << bit == 0;
        self.0 |= 1 << bit;
        is_first.then_some(())
    }
}

#[inline(always)]
fn who<'a>(cursor: &mut Cursor<'a, '_>, from: usize, who: &mut Who<'a>) -> Option<Mark> {
    let mut seen = Seen(0);
    cursor.opening(from, b'{')?;
    cursor.object(from, |cursor, key, from| match key {
        "username" => {
            seen.first(0)?;
            put(cursor, from, &mut who.username)
        }
        "groups" => {
            seen.first(1)?;
            groups(cursor, from, &mut who.groups)
        }
        _ => other(cursor, key, from),
    })?;
    cursor.next()
}

#[inline(always)]
fn groups<'a>(cursor: &mut Cursor<'a, '_>, from: usize, groups: &mut Vec<Cow<'a, str>>) -> Option<Mark> {
    cursor.opening(from, b'[')?;
    groups.reserve(4);
    let mut next = from + 1;
    loop {
        let (group, mark) = cursor.string(next)?;
        groups.push(group);
        match mark.byte {
            b',' => next = mark.at + 1,
            b']' => return cursor.next(),
            _ => return None,
        }
    }
}

#[inline(always)]
fn object_ref<'a>(cursor: &mut Cursor<'a, '_>, from: usize, object: &mut ObjectRef<'a>) -> Option<Mark> {
    let mut seen = Seen(0);
    cursor.opening(from, b'{')?;
    cursor.object(from, |cursor, key, from| {
        let (bit, place) = match key {
            "resource" => (0, &mut object.resource),
            "namespace" => (1, &mut object.namespace),
            "name" => (2, &mut object.name),
            "apiGroup" => (3, &mut object.api_group),
            "subresource" => (4, &mut object.subresource),
            _ => return other(cursor, key, from),
        };
        seen.first(bit)?;
        put(cursor, from, place)
    })?;
    cursor.next()
}

#[inline(always)]
fn body(cursor: &mut Cursor<'_, '_>, text: &str, from: usize, length: &mut Option<usize>) -> Option<Mark> {
    let mark = cursor.value(from)?;
    *length = (text.get(from..mark.at)? != "null").then_some(mark.at - from);
    Some(mark)
}

#[inline(always)]
fn other(cursor: &mut Cursor<'_, '_>, key: &str, from: usize) -> Option<Mark> {
    if key.contains('\\') { None } else { cursor.value(from) }
}

#[inline(always)]
fn put<'a>(cursor: &mut Cursor<'a, '_>, from: usize, place: &mut Text<'a>) -> Option<Mark> {
    let (text, mark) = cursor.string(from)?;
    place.0 = text;
    Some(mark)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::sample::{Index, select};

    use super::*;

    fn levels() -> [Level; 2] {
        [Level::new(), Level::baseline()]
    }

    fn taken(level: Level, text: &str) -> Option<Line<'_>> {
        let mut line = Line::default();
        read(level, text, &mut line).map(|()| line)
    }

    /// Whatever the fast reader takes, serde takes, as the same.
    fn agree(text: &str) -> Result<bool, TestCaseError> {
        let slow: Result<Line<'_>, _> = serde_json::from_str(text);
        let [fast, plain] = levels().map(|level| taken(level, text));
        prop_assert_eq!(&fast, &plain, "not by its processor, {}", text);
        if fast.is_some() {
            prop_assert_eq!(fast.as_ref(), slow.as_ref().ok(), "{} {:?}", text, slow);
        }
        Ok(fast.is_some())
    }

    fn string() -> impl Strategy<Value = String> {
        let part = select(
            &["a", "kind", "{", "}", "[", "]", ":", ",", "\\\"", "\\\\", "\\u0026", "\\n", "\\ud800", "é", "配", " ", "0", "null", ""][..],
        );
        proptest::collection::vec(part, 0..9).prop_map(|parts| format!("\"{}\"", parts.concat()))
    }

    fn scalar() -> impl Strategy<Value = String> {
        let literal = select(&["null", "true", "false", "0", "-0", "200", "-1.5", "0.25e-7", "1E+9", "10000000000000000000000"][..]);
        prop_oneof![1 => literal.prop_map(str::to_owned), 2 => string()]
    }

    fn json() -> impl Strategy<Value = String> {
        scalar().prop_recursive(5, 60, 5, |inner| {
            let list = proptest::collection::vec(inner.clone(), 0..5).prop_map(|items| format!("[{}]", items.join(",")));
            let member = (string(), inner).prop_map(|(key, value)| format!("{key}:{value}"));
            let object = proptest::collection::vec(member, 0..5).prop_map(|members| format!("{{{}}}", members.join(",")));
            prop_oneof![1 => list, 2 => object]
        })
    }

    const PLAIN: &[&str] = &[
        "Event",
        "get",
        "pods",
        "/api?a=b",
        "größe",
        "",
        "2026-11-26T10:00:00.1Z",
        "x{}[]:,x",
        "a name of more than sixty-four bytes, so that it begins in one block and ends in another",
    ];

    fn plain() -> impl Strategy<Value = String> {
        prop_oneof![4 => select(PLAIN).prop_map(|text| format!("\"{text}\"")), 1 => Just(r#""a\u0026b\"c""#.to_owned())]
    }

    fn object(members: Vec<BoxedStrategy<String>>) -> impl Strategy<Value = String> {
        members.prop_shuffle().prop_map(|members| {
            let there: Vec<_> = members.into_iter().filter(|member| !member.is_empty()).collect();
            format!("{{{}}}", there.join(","))
        })
    }

    fn member(name: &'static str, value: impl Strategy<Value = String> + 'static) -> BoxedStrategy<String> {
        value.prop_map(move |value| format!("\"{name}\":{value}")).boxed()
    }

    fn maybe(member: BoxedStrategy<String>) -> BoxedStrategy<String> {
        proptest::option::weighted(0.8, member).prop_map(Option::unwrap_or_default).boxed()
    }

    /// Events without white space, as an API server could write them.
    fn event() -> impl Strategy<Value = String> {
        let groups = proptest::collection::vec(plain(), 1..4).prop_map(|groups| format!("[{}]", groups.join(",")));
        let user = object(vec![maybe(member("username", plain())), maybe(member("groups", groups)), maybe(member("extra", json()))]);
        let names = ["resource", "namespace", "name", "apiGroup", "subresource", "uid"];
        let reference = object(names.map(|name| maybe(member(name, plain()))).to_vec());
        let always = ["kind", "apiVersion", "level", "stage"].map(|name| member(name, plain()));
        let sometimes = [
            member("requestURI", plain()),
            member("verb", plain()),
            member("stageTimestamp", plain()),
            member("user", user),
            member("objectRef", reference),
            member("requestObject", json()),
            member("responseObject", json()),
            member("annotations", json()),
            member("responseStatus", json()),
        ];
        object(always.into_iter().chain(sometimes.map(maybe)).collect())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]

        #[test]
        fn an_event_without_white_space_is_read_fast_and_as_serde_reads_it(line in event()) {
            prop_assert!(agree(&line)?, "not read fast: {}", line);
            let ended = line + "\n";
            prop_assert!(agree(&ended)?, "not read fast: {}", ended);
        }

        #[test]
        fn an_event_with_faults_is_read_as_serde_reads_it_or_not_at_all(
            line in event(),
            faults in proptest::collection::vec((any::<Index>(), 0_usize..3, select(&b"\"\\{}[]:,0-.eE+tn \t\x00a"[..])), 1..4),
        ) {
            let mut bytes = line.into_bytes();
            for (place, what, byte) in faults {
                let at = place.index(bytes.len().max(1));
                match what {
                    0 if at < bytes.len() => { bytes.remove(at); }
                    1 if at < bytes.len() => bytes[at] = byte,
                    _ => bytes.insert(at.min(bytes.len()), byte),
                }
            }
            agree(&String::from_utf8_lossy(&bytes))?;
        }

        #[test]
        fn half_an_event_is_none(line in event(), end in any::<Index>()) {
            let end = (0..=end.index(line.len())).rev().find(|end| line.is_char_boundary(*end)).unwrap_or(0);
            for level in levels() {
                prop_assert_eq!(taken(level, &line[..end]), None);
            }
        }

        #[test]
        fn the_same_events_twice_in_a_line_are_none(line in event(), cut in any::<Index>()) {
            let cut = (0..=cut.index(line.len())).rev().find(|cut| line.is_char_boundary(*cut)).unwrap_or(0);
            agree(&format!("{}{line}", &line[..cut]))?;
        }

        #[test]
        fn any_text_is_read_as_serde_reads_it_or_not_at_all(text in "[\\[\\]{}:,\"\\\\ a0-9eE.+tnrufl-]{0,200}", any in any::<String>()) {
            agree(&text)?;
            agree(&any)?;
        }
    }

    const BODIES: &[&str] = &[
        "{}",
        "[]",
        "[[],[]]",
        "[{},{}]",
        r#"{"a":{}}"#,
        r#"{"a":[],"b":""}"#,
        r#"{"":"","b":1}"#,
        "0",
        "-0",
        "200",
        "-1.5",
        "0.25e-7",
        "1E+9",
        "null",
        "[true,false,null]",
        r#""""#,
        r#""\\""#,
        r#""\\\"""#,
        r#""\\\\""#,
        r#""\"\\\/\b\f\n\r\t""#,
        r#""\u0aF9""#,
        r#""{[:,]}""#,
        r#""größe 配置""#,
    ];

    const FAULTY: &[&str] = &[
        "{:1}",
        r#"{"a":1]"#,
        r#"["a"}"#,
        r#"{"a":1,}"#,
        r#"{,"a":1}"#,
        "[1,]",
        "[,1]",
        "[,]",
        r#"{"a"}"#,
        r#"{"a",}"#,
        r#"{"a":}"#,
        r#"{"a"::1}"#,
        r#"{"a":1:2}"#,
        r#"{"a":"b":"c"}"#,
        r#"{"a","b":1}"#,
        r#"["a":1]"#,
        "{1:2}",
        "{1}",
        r#"{"a":1"b":2}"#,
        "{{}}",
        "{[]}",
        "{[]:1}",
        r#"{"a":[]:1}"#,
        "[[]",
        "[]]",
        r#"["a""b"]"#,
        r#"[1"a"]"#,
        r#"["a"1]"#,
        "[{}[]]",
        "[[]{}]",
        "[{}1]",
        "[1{}]",
        r#"["a"{}]"#,
        r#"[{}"a"]"#,
        "",
        "01",
        "1.",
        ".5",
        "-",
        "+1",
        "1e",
        "1e+",
        "-a",
        "tru",
        "truee",
        "nul",
        "nulll",
        "False",
        "1a",
        "1é",
        "é",
        r#""\x""#,
        r#""\u12""#,
        r#""\u12g4""#,
        r#""\""#,
        r#"""#,
        "\"\u{1}\"",
        "\"\t\"",
        r#"\"a""#,
        r#""a"\"#,
        "\0",
    ];

    /// The body in an event, moved so that each of its bytes begins a block once.
    fn moved(body: &str) -> impl Iterator<Item = String> {
        let event =
            move |by| format!(r#"{{"kind":"","apiVersion":"","level":"","stage":"{}","requestObject":{body},"verb":""}}"#, "x".repeat(by));
        (0..64).map(event)
    }

    #[test]
    fn a_body_is_taken_wherever_it_lies() {
        for event in BODIES.iter().flat_map(|body| moved(body)) {
            assert!(agree(&event).expect("serde agrees"), "{event}");
        }
    }

    #[test]
    fn what_is_no_json_is_not_taken_wherever_it_lies() {
        for event in FAULTY.iter().flat_map(|body| moved(body)) {
            assert!(serde_json::from_str::<Line<'_>>(&event).is_err(), "{event}");
            assert!(!agree(&event).expect("serde agrees"), "{event}");
        }
    }

    #[test]
    fn what_only_serde_knows_is_left_to_it() {
        let whole = r#"{"kind":"Event","apiVersion":"v1","level":"None","stage":"Panic"}"#;
        assert!(agree(whole).expect("serde agrees"));
        for (from, to) in [
            (r#":"Event""#, r#": "Event""#),
            (r#""stage""#, r#""st\u0061ge""#),
            (r#""Panic""#, r#""Panic","stage":"Panic""#),
            (r#""Panic""#, "null"),
            (r#""Panic"}"#, r#""Panic"} "#),
            (r#""Panic"}"#, r#""Panic"}}"#),
            (r#","stage":"Panic""#, ""),
            ("}", r#","user":null}"#),
            ("}", r#","user":["name"]}"#),
            ("}", r#","verb":"","verb":"get"}"#),
            ("}", r#","v\u0065rb":"get"}"#),
            ("}", r#","user":{"us\u0065rname":"a"}}"#),
            ("}", r#","objectRef":{"n\u0061me":"a"}}"#),
        ] {
            let other = whole.replace(from, to);
            assert_ne!(other, whole);
            assert!(!agree(&other).expect("serde agrees"), "{other}");
        }
    }

    #[test]
    fn a_body_may_be_deep_but_not_as_deep_as_can_be() {
        let event = |depth: usize| {
            let body = format!("{}{}", "[{\"a\":".repeat(depth / 2) + "1", "}]".repeat(depth / 2));
            format!(r#"{{"kind":"","apiVersion":"","level":"","stage":"","requestObject":{body}}}"#)
        };
        assert!(agree(&event(62)).expect("serde agrees"));
        assert!(!agree(&event(64)).expect("serde agrees"));
        assert!(!agree(&event(20_000)).expect("serde agrees"));
    }
}
