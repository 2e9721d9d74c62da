//! The audit flags together: what the API server refuses when it starts, and
//! what it takes although it then logs nothing, too much, or at a high price.
//!
//! Sources: `kubernetes/apiserver pkg/server/options/audit.go` (`Validate`,
//! `ApplyTo`), `plugin/pkg/audit/{buffered,truncate}`.

use super::types;
use crate::audit::disk;
use crate::audit::flags::choices;
use crate::audit::lint::and;
use crate::audit::policy;
use crate::audit::types::{Level, Policy, Stage};
use crate::diagnostic::human::quote;
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Location, nearest};
use crate::kubernetes::{Minor, flags};
use crate::patch::{Arg, ControlPlanePatch, MACROS};
use crate::yaml::Node;

/// A log that may grow to more than this is said to, in MiB: it is more than
/// the whole disk of many control-plane nodes.
const MUCH_DISK: u64 = 50 * 1024;

/// Every objection to the audit flags of a patch on API servers of `minor`. A
/// policy that the patch does not ship may stand beside it.
pub fn check(patch: &ControlPlanePatch, minor: Minor, beside: Option<&Node>) -> Diagnostics {
    let mut check = Check { patch, minor, beside, found: Diagnostics::new() };
    check.policy_and_backends();
    for backend in [LOG, WEBHOOK] {
        if check.switch(backend).is_some() {
            check.backend(backend);
        } else {
            check.disabled(backend);
        }
    }
    if check.switch(LOG).is_some() {
        check.log();
    }
    check.found
}

/// A backend's name in flags, and the flag that turns it on.
#[derive(Clone, Copy)]
struct Backend {
    name: &'static str,
    switch: &'static str,
}

const LOG: Backend = Backend { name: "log", switch: "audit-log-path" };
const WEBHOOK: Backend = Backend { name: "webhook", switch: "audit-webhook-config-file" };
const POLICY: &str = "audit-policy-file";

impl Backend {
    fn flag(self, rest: &str) -> String {
        format!("audit-{}-{rest}", self.name)
    }
}

struct Check<'p> {
    patch: &'p ControlPlanePatch,
    minor: Minor,
    beside: Option<&'p Node>,
    found: Diagnostics,
}

impl<'p> Check<'p> {
    fn arg(&self, name: &str) -> Option<&'p Arg> {
        self.patch.arg(name)
    }

    /// Whether the value of a flag is not known before a macro in it is replaced.
    fn has_macro(&self, name: &str) -> bool {
        self.arg(name).is_some_and(Arg::has_macro)
    }

    /// The value of a flag, or its default.
    fn value(&self, name: &str) -> &'p str {
        let default = || flags::find(name).and_then(|flag| flag.near(self.minor)).map_or("", |state| state.default);
        self.arg(name).map_or_else(default, |arg| arg.value.as_str())
    }

    /// None also when the value is no number, which `flag-type` tells, or not known yet.
    fn integer(&self, name: &str) -> Option<i64> {
        types::integer(self.value(name))
    }

    fn boolean(&self, name: &str) -> bool {
        types::boolean(self.value(name)).unwrap_or_default()
    }

    /// The flag that turns a backend on, if it does.
    fn switch(&self, backend: Backend) -> Option<&'p Arg> {
        self.arg(backend.switch).filter(|arg| !arg.value.is_empty())
    }

    /// Blames the first of those flags that is set, else the backend's switch.
    fn place(&self, backend: Backend, names: &[&str]) -> Option<&'p Location> {
        let named = names.iter().find_map(|name| self.arg(name));
        named.or_else(|| self.arg(backend.switch)).map(|arg| &arg.location)
    }

    fn push(&mut self, code: Code, at: Option<&Location>, message: String, help: impl Into<String>) {
        let mut diagnostic = Diagnostic::new(code, message).help(help);
        diagnostic.location = at.cloned();
        self.found.push(diagnostic);
    }

    /// A policy without a backend, or a backend without a policy, logs nothing,
    /// and no message says so.
    fn policy_and_backends(&mut self) {
        let policy = self.arg(POLICY).filter(|arg| !arg.value.is_empty());
        let switches: Vec<&Arg> = [LOG, WEBHOOK].into_iter().filter_map(|backend| self.switch(backend)).collect();
        if policy.is_none() {
            for switch in &switches {
                let message = format!("--{} is set and --{POLICY} is not: the API server starts, and logs nothing", switch.name);
                self.push(Code::AuditPathWithoutPolicy, Some(&switch.location), message, format!("set --{POLICY}"));
            }
        }
        if let Some(policy) = policy
            && switches.is_empty()
        {
            let message = format!("--{POLICY} is set and no backend is: the API server reads the policy, and logs nothing");
            let help = format!("set --{}, or --{}", LOG.switch, WEBHOOK.switch);
            self.push(Code::AuditPolicyWithoutBackend, Some(&policy.location), message, help);
        }
    }

    /// What `Validate` asks of a backend that is on. The numbers of a batch are
    /// asked for in mode batch only, those of truncation always.
    fn backend(&mut self, backend: Backend) {
        let mode = self.value(&backend.flag("mode"));
        if !self.choice(&backend.flag("mode")) {
            // Of a mode that does not exist, or is not known, nothing else can be said.
        } else if mode == "batch" {
            self.positive(&backend.flag("batch-buffer-size"));
            self.positive(&backend.flag("batch-max-size"));
            self.throttle(backend);
            self.wait(backend);
        } else {
            self.ignored(backend, mode);
        }
        if mode == "blocking-strict" {
            self.strict(backend);
        }
        self.truncation(backend);
        self.choice(&backend.flag("version"));
    }

    /// The webhook's version is read also when the webhook is off.
    fn disabled(&mut self, backend: Backend) {
        let name = backend.flag("version");
        if backend.name == WEBHOOK.name && self.value(&name).matches('/').count() > 1 {
            self.choice(&name);
        }
    }

    /// Whether the value is one of those that the API server takes; objects if
    /// not, unless a macro is in it.
    fn choice(&mut self, name: &str) -> bool {
        if self.has_macro(name) {
            return false;
        }
        let (value, choices) = (self.value(name), choices(name));
        if choices.contains(&value) {
            return true;
        }
        let message = format!("--{name} is {}, not {}; the API server does not start", choices.join(" or "), quote(value));
        let help = match nearest(value, choices.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("write {}", choices.join(", ")),
        };
        self.push(Code::FlagValue, self.arg(name).map(|arg| &arg.location), message, help);
        false
    }

    fn positive(&mut self, name: &str) {
        if self.integer(name).is_some_and(|number| number <= 0) {
            let message = format!("--{name} must be above 0, and it is {}; the API server does not start", self.value(name));
            self.push(Code::FlagValue, self.arg(name).map(|arg| &arg.location), message, "write a number above 0, or leave the flag out");
        }
    }

    /// The log's rate and burst are 0 unless they are set, and 0 is refused.
    fn throttle(&mut self, backend: Backend) {
        let [enable, qps, burst] = ["enable", "qps", "burst"].map(|part| backend.flag(&format!("batch-throttle-{part}")));
        if self.has_macro(&enable) {
            return;
        }
        if !self.boolean(&enable) {
            if let Some(rate) = [&qps, &burst].iter().find_map(|name| self.arg(name)) {
                let message = format!("--{} does nothing: batches are not throttled", rate.name);
                let help = format!("leave it out, or set --{enable} to true");
                self.push(Code::AuditBatchIgnored, Some(&rate.location), message, help);
            }
            return;
        }
        let no_rate = types::float(self.value(&qps)).is_some_and(|rate| rate <= 0.0);
        let no_burst = self.integer(&burst).is_some_and(|number| number <= 0);
        let lacking: Vec<&str> =
            [(no_rate, &qps), (no_burst, &burst)].iter().filter(|(lacks, _)| *lacks).map(|(_, name)| name.as_str()).collect();
        if let Some(first) = lacking.first() {
            let values: Vec<String> = lacking.iter().map(|name| format!("--{name} is {}", self.value(name))).collect();
            let message =
                format!("--{enable} needs a rate and a burst above 0, and {}; the API server does not start", values.join(" and "));
            let at = self.place(backend, &[first, &enable]);
            let help = format!("set --{qps} and --{burst}, or --{enable} to false");
            self.push(Code::AuditThrottleWithoutRate, at, message, help);
        }
    }

    /// `plugin/pkg/audit/buffered`: a batch of more than one event waits for a
    /// timer of that length, and one of 0 fires again and again.
    fn wait(&mut self, backend: Backend) {
        let [size, wait] = ["batch-max-size", "batch-max-wait"].map(|part| backend.flag(part));
        let gathers = self.integer(&size).filter(|size| *size > 1);
        let waits = types::duration(self.value(&wait)).is_none_or(|wait| wait > 0);
        let Some(gathers) = gathers.filter(|_| !waits) else { return };
        let message = format!(
            "batches of up to {gathers} events without a wait (--{wait} is {}) keep one core of every API server busy, also when nothing is logged",
            self.value(&wait)
        );
        let at = self.place(backend, &[&wait, &size, &backend.flag("mode")]);
        let help = format!("set --{wait} to a duration such as 1s, or --{size} to 1");
        self.push(Code::AuditBatchWithoutWait, at, message, help);
    }

    fn ignored(&mut self, backend: Backend, mode: &str) {
        let prefix = backend.flag("batch-");
        // This one is an alias of a flag that counts in every mode.
        let counts = |arg: &&Arg| arg.name.starts_with(&prefix) && !arg.name.ends_with("initial-backoff");
        let given: Vec<&Arg> = self.patch.args.iter().filter(counts).collect();
        let Some(first) = given.first() else { return };
        let what =
            if given.len() > 1 { format!("--{} and {} more do", first.name, given.len() - 1) } else { format!("--{} does", first.name) };
        let message = format!("{what} nothing: events of the {} are batched in mode batch only, and its mode is {mode}", backend.name);
        let help = format!("leave it out, or set --{} to batch", backend.flag("mode"));
        self.push(Code::AuditBatchIgnored, Some(&first.location), message, help);
    }

    /// `ProcessEventStage`: only what cannot be logged at RequestReceived makes
    /// the API server refuse the request.
    fn strict(&mut self, backend: Backend) {
        let Some((policy, whole)) = self.policy() else { return };
        let logs = |policy: &Policy| policy.rules.iter().filter(|rule| rule.level > Level::None).count();
        let omitting =
            policy.rules.iter().filter(|rule| rule.level > Level::None && rule.omit_stages.contains(Stage::RequestReceived)).count();
        let everywhere = policy.omit_stages.contains(Stage::RequestReceived);
        if !everywhere && (omitting == 0 || omitting < logs(&policy)) {
            return;
        }
        let mode = backend.flag("mode");
        let message = format!(
            "--{mode} is blocking-strict and the policy omits the stage RequestReceived, so no request is ever refused for want of its event"
        );
        let at = self.place(backend, &[&mode]);
        let help = "log RequestReceived, or set the mode to blocking, which does the same";
        let mut diagnostic = Diagnostic::new(Code::AuditStrictWithoutRequestReceived, message).help(help);
        diagnostic.location = at.cloned();
        if let Some(stages) = whole.filter(|_| everywhere) {
            diagnostic = diagnostic.related(stages, "omitted here");
        }
        self.found.push(diagnostic);
    }

    /// The policy, if it is there and can be read, and where its `omitStages` is.
    fn policy(&self) -> Option<(Policy, Option<Location>)> {
        let shipped = self.patch.shipped().find(|(file, _)| super::is_policy(self.patch, file));
        let document = match (shipped, self.beside) {
            (Some((_, content)), _) => content.document.as_ref().ok()?,
            (None, beside) => beside?,
        };
        let policy = policy::decode(document, self.minor, &mut Diagnostics::new()).ok()?;
        Some((policy, document.get("omitStages").map(|stages| stages.location.clone())))
    }

    /// Asked also when truncation is off.
    fn truncation(&mut self, backend: Backend) {
        let [event, batch] = ["event", "batch"].map(|part| backend.flag(&format!("truncate-max-{part}-size")));
        self.positive(&event);
        let (Some(event_size), Some(batch_size)) = (self.integer(&event), self.integer(&batch)) else { return };
        if event_size > 0 && batch_size < event_size {
            let message = format!(
                "--{batch} is {batch_size}, below --{event}, which is {event_size}; the API server does not start, even with truncation off"
            );
            let at = self.place(backend, &[&batch, &event]);
            self.push(Code::AuditTruncateOrder, at, message, format!("set --{batch} to {event_size} or more"));
        }
    }

    /// What is asked of the log alone.
    fn log(&mut self) {
        self.choice("audit-log-format");
        const ROTATION: [&str; 3] = ["audit-log-maxage", "audit-log-maxbackup", "audit-log-maxsize"];
        let mut numbers = Vec::new();
        for name in ROTATION {
            let number = self.integer(name);
            if number.is_some_and(|number| number < 0) {
                let message = format!("--{name} must be 0 or more, and it is {}; the API server does not start", self.value(name));
                self.push(Code::FlagValue, self.arg(name).map(|arg| &arg.location), message, "write a number from 0 on");
            }
            numbers.extend(number.filter(|number| *number >= 0));
        }
        // A macro at its beginning may stand for `-`.
        let path = self.value(LOG.switch);
        let is_file = path != "-" && !MACROS.iter().any(|sign| path.starts_with(sign));
        if let ([_, backups, size], true) = (numbers.as_slice(), is_file) {
            self.rotation(ROTATION, *size);
            self.disk(*backups, *size);
        }
    }

    fn rotation(&mut self, names: [&str; 3], size: i64) {
        let size_flag = names[2];
        if size == 0 && self.minor >= disk::NEW_DEFAULTS_SINCE {
            let message = format!(
                "--{size_flag} is 0, which turns rotation off from Kubernetes {} on: one file grows for ever",
                disk::NEW_DEFAULTS_SINCE
            );
            let help = format!("set --{size_flag} to 100, unless something else rotates the file, by copying and truncating it");
            let at = self.place(LOG, &[size_flag]);
            self.push(Code::AuditRotationOff, at, message, help);
        } else if size == 0 && self.arg(size_flag).is_some() {
            let message = format!(
                "--{size_flag} is 0, which means 100 MiB until Kubernetes 1.{}, and turns rotation off from {} on",
                disk::NEW_DEFAULTS_SINCE.0 - 1,
                disk::NEW_DEFAULTS_SINCE
            );
            let at = self.place(LOG, &[size_flag]);
            self.push(Code::AuditRotationImplicit, at, message, format!("write --{size_flag}=100"));
        }
        let implicit: Vec<String> = names.iter().filter(|name| self.arg(name).is_none()).map(|name| format!("--{name}")).collect();
        if !implicit.is_empty() {
            let message = format!(
                "{} not set: the API server's defaults hold, which changed in Kubernetes {}, and which benchmarks do not count",
                if implicit.len() == 1 { format!("{} is", implicit[0]) } else { format!("{} are", and(&implicit)) },
                disk::NEW_DEFAULTS_SINCE
            );
            let at = self.place(LOG, &[]);
            self.push(Code::AuditRotationImplicit, at, message, "write out how long, how many and how large");
        }
    }

    fn disk(&mut self, backups: i64, size: i64) {
        if size == 0 && self.minor >= disk::NEW_DEFAULTS_SINCE {
            return; // told already
        }
        let at = self.place(LOG, &["audit-log-maxbackup", "audit-log-maxsize"]);
        match disk::budget(self.patch, self.minor).map(|disk| disk.mebibytes) {
            Some(None) if backups == 0 => {
                let age = self.value("audit-log-maxage");
                let until = if self.integer("audit-log-maxage") == Some(0) {
                    "for ever".to_owned()
                } else {
                    format!("for {age} days, however many they are")
                };
                let message =
                    format!("rotated files are kept {until} (--audit-log-maxbackup is 0), so nothing bounds the disk that the log takes");
                self.push(
                    Code::AuditDiskBudget,
                    at,
                    message,
                    "set --audit-log-maxbackup: (maxbackup + 1) x maxsize is what the log can take",
                );
            }
            Some(Some(mebibytes)) if mebibytes > MUCH_DISK => {
                let message = format!(
                    "the log may grow to {} GiB on each control-plane node, before compression: ({backups} + 1) x {} MiB",
                    mebibytes / 1024,
                    if size == 0 { 100 } else { size }
                );
                let help = "lower --audit-log-maxbackup or --audit-log-maxsize, unless the log has a disk of that size for itself";
                self.push(Code::AuditDiskBudget, at, message, help);
            }
            _ => {}
        }
    }
}
