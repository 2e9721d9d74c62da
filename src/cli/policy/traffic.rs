//! What `packwright policy diff --log` says of logs.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::logs::{events, share, size};
use crate::audit::diff::{Row, Verdict};
use crate::audit::replay::Count;
use crate::audit::types::Policy;
use crate::diagnostic::human::one_line;

/// Of every event, of those kept before and after, and of what changes.
pub fn object([all, before, after]: [Count; 3], rows: &[Row]) -> Value {
    let count = |count: Count| json!({"events": count.events, "bytes": count.bytes});
    let row = |row: &Row| {
        let counts = row.counts;
        let examples: Vec<Value> = row
            .examples
            .iter()
            .map(|example| json!({"user": example.user, "verb": example.verb, "resource": example.resource, "events": example.events}))
            .collect();
        json!({
            "from": row.from.level.name(),
            "to": row.to.level.name(),
            "omitted": {"from": row.from.is_omitted, "to": row.to.is_omitted},
            "rule": {"from": row.from.rule, "to": row.to.rule},
            "events": counts.recorded.events,
            "bytes": counts.recorded.bytes,
            "kept": {"from": counts.before, "to": counts.after},
            "unknown": counts.unknown,
            "examples": examples,
        })
    };
    json!({
        "events": all.events,
        "bytes": all.bytes,
        "kept": {"from": count(before), "to": count(after)},
        "changes": rows.iter().map(row).collect::<Vec<_>>(),
    })
}

pub fn words([all, before, after]: [Count; 3], rows: &[Row], [old, new]: [&Policy; 2]) -> String {
    let changed: u64 = rows.iter().map(|row| row.counts.recorded.events).sum();
    let mut text = format!(
        "in the log {changed} of {} events change ({:.1}%); kept are {} before and {} after\n",
        all.events,
        share(changed, all.events),
        size(before.bytes),
        size(after.bytes)
    );
    for row in rows {
        let counts = row.counts;
        let _ = writeln!(text, "\n{} -> {}", level(row.from), level(row.to));
        let _ = writeln!(
            text,
            "  {} ({:.1}%), {} as recorded, {} before and {} after{}",
            events(counts.recorded.events),
            share(counts.recorded.events, all.events),
            size(counts.recorded.bytes),
            size(counts.before),
            size(counts.after),
            if counts.unknown > 0 { ", without what the log does not have" } else { "" }
        );
        let _ = writeln!(text, "  {} -> {}", rule(row.from, old), rule(row.to, new));
        for example in &row.examples {
            let _ = writeln!(
                text,
                "  {:>10} by {}: {} {}",
                example.events,
                one_line(&example.user),
                one_line(&example.verb),
                one_line(&example.resource)
            );
        }
    }
    text
}

fn level(verdict: Verdict) -> String {
    format!("{}{}", verdict.level.name(), if verdict.is_omitted { ", but its stage omitted" } else { "" })
}

fn rule(verdict: Verdict, policy: &Policy) -> String {
    match verdict.rule.and_then(|index| Some((index, policy.rules.get(index)?))) {
        Some((index, rule)) => format!("rules[{index}] {}", rule.location),
        None => "no rule".to_owned(),
    }
}
