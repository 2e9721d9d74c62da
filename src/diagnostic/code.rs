//! The stable codes. A code never changes its meaning; new ones are added.

use super::Severity;
use super::suggest::nearest;

/// What a diagnostic of a code says about the run, and so the exit status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// Understood, and the verdict is negative: exit status 1.
    Verdict,
    /// Not understood (values, schema, template, syntax, arguments): exit status 2.
    Input,
    /// The machine failed (disk, permission): exit status 3.
    Machine,
}

macro_rules! codes {
    ($($(#[doc = $doc:literal])+ $variant:ident = $name:literal, $severity:ident, $class:ident;)+) => {
        /// A stable identifier of a kind of diagnostic.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code { $($(#[doc = $doc])+ $variant,)+ }

        impl Code {
            /// Every code, in the order of the table.
            pub const ALL: &'static [Code] = &[$(Code::$variant,)+];

            /// The name that people and machines see, such as `values-unknown-key`.
            pub fn name(self) -> &'static str {
                match self { $(Code::$variant => $name,)+ }
            }

            /// The severity unless `--allow` or `--deny` changes it.
            pub fn severity(self) -> Severity {
                match self { $(Code::$variant => Severity::$severity,)+ }
            }

            /// What an error of this code does to the exit status.
            pub fn class(self) -> Class {
                match self { $(Code::$variant => Class::$class,)+ }
            }

            /// One line: what is wrong when this code appears.
            pub fn reason(self) -> &'static str {
                match self { $(Code::$variant => concat!($($doc,)+).trim_ascii(),)+ }
            }
        }
    };
}

codes! {
    /// The command line itself cannot be used.
    Usage = "usage", Error, Input;
    /// A file or folder that was named does not exist or is of the wrong kind.
    InputMissing = "input-missing", Error, Input;
    /// Reading or writing failed: disk, permission.
    Io = "io", Error, Machine;
    /// The Kubernetes version is no version, or the pack does not support it.
    KubernetesVersion = "kubernetes-version", Error, Input;
    /// The place to write to holds something that must not be replaced.
    OutputRefused = "output-refused", Error, Input;
    /// A text cannot be read as one YAML document.
    YamlSyntax = "yaml-syntax", Error, Input;
    /// A mapping holds the same key twice.
    YamlDuplicateKey = "yaml-duplicate-key", Error, Input;
    /// A plain scalar means different things to YAML 1.1 and YAML 1.2 readers.
    YamlAmbiguousScalar = "yaml-ambiguous-scalar", Warning, Verdict;
    /// A value's key is not in the pack's schema.
    ValuesUnknownKey = "values-unknown-key", Error, Input;
    /// A value does not fit the pack's schema.
    ValuesInvalid = "values-invalid", Error, Input;
    /// A `--set` argument cannot be read or applied.
    ValuesSet = "values-set", Error, Input;
    /// pack.yaml, its schema or a target.yaml does not say what it must.
    PackInvalid = "pack-invalid", Error, Input;
    /// A template cannot be compiled, checked or rendered, or renders something unreadable.
    TemplateError = "template-error", Error, Input;
    /// A template writes a value without an output helper, so the value could break out of its place.
    TemplateBareValue = "template-bare-value", Error, Input;
    /// A file that was given to `lint` holds nothing that it knows.
    DocumentUnknown = "document-unknown", Error, Input;
    /// A comment that should allow a finding allows none.
    AllowComment = "allow-comment", Warning, Verdict;
    /// A document of a known kind has a part that who reads it would refuse.
    DocumentInvalid = "document-invalid", Error, Verdict;
    /// A part of a document of a known kind has no effect: who reads it passes over it.
    DocumentIgnored = "document-ignored", Warning, Verdict;
    /// A part of a document may set flags, volumes or files, and cannot be read: checks do not see it.
    DocumentUnread = "document-unread", Note, Verdict;
    /// A target renders a document of a kind that cannot be read back into types.
    TargetUnchecked = "target-unchecked", Warning, Verdict;
    /// The content is more than the target can carry.
    TargetLimit = "target-limit", Error, Verdict;
    /// A shipped file holds `{{ }}`, which who takes the target's documents would replace.
    FileBraces = "file-braces", Error, Verdict;
    /// A flag, a mount or a file's path or owner holds `{{ }}`, which who takes the target's documents may replace.
    ValueMacro = "value-macro", Warning, Verdict;
    /// A credential would be shipped inside the pack.
    SecretInPack = "secret-in-pack", Error, Verdict;
    /// An API server flag is given more than once.
    FlagDuplicate = "flag-duplicate", Error, Verdict;
    /// kube-apiserver of no Kubernetes version has this flag, so it does not start.
    FlagUnknown = "flag-unknown", Error, Verdict;
    /// kube-apiserver of this Kubernetes version does not have the flag, so it does not start.
    FlagUnavailable = "flag-unavailable", Error, Verdict;
    /// Upstream asks not to use the flag any more.
    FlagDeprecated = "flag-deprecated", Warning, Verdict;
    /// The flag's value cannot be read, so kube-apiserver does not start.
    FlagType = "flag-type", Error, Verdict;
    /// The flag's value can be read and is refused, so kube-apiserver does not start.
    FlagValue = "flag-value", Error, Verdict;
    /// The flag replaces what kubeadm itself sets.
    FlagManaged = "flag-managed", Warning, Verdict;
    /// An audit backend is on and there is no policy, so nothing is logged.
    AuditPathWithoutPolicy = "audit-path-without-policy", Error, Verdict;
    /// There is an audit policy and no backend is on, so nothing is logged.
    AuditPolicyWithoutBackend = "audit-policy-without-backend", Error, Verdict;
    /// Batches are throttled at a rate of 0, so kube-apiserver does not start.
    AuditThrottleWithoutRate = "audit-throttle-without-rate", Error, Verdict;
    /// Events are batched without a wait, which keeps one core of every API server busy.
    AuditBatchWithoutWait = "audit-batch-without-wait", Warning, Verdict;
    /// Flags of batches are set and events are not batched.
    AuditBatchIgnored = "audit-batch-ignored", Note, Verdict;
    /// A batch may be smaller than an event, so kube-apiserver does not start.
    AuditTruncateOrder = "audit-truncate-order", Error, Verdict;
    /// Mode blocking-strict does nothing, since the stage that it is about is omitted.
    AuditStrictWithoutRequestReceived = "audit-strict-without-request-received", Warning, Verdict;
    /// The audit log is never rotated, so one file grows for ever.
    AuditRotationOff = "audit-rotation-off", Warning, Verdict;
    /// How the audit log is rotated is left to defaults, which differ between Kubernetes versions.
    AuditRotationImplicit = "audit-rotation-implicit", Note, Verdict;
    /// The audit log may take very much disk, or any amount.
    AuditDiskBudget = "audit-disk-budget", Warning, Verdict;
    /// Two volumes have one name, so one of the mounts would be lost.
    VolumeNameDuplicate = "volume-name-duplicate", Error, Verdict;
    /// Two volumes mount the same host path.
    VolumePathDuplicate = "volume-path-duplicate", Warning, Verdict;
    /// A volume has the name of one of kubeadm's, and takes its place.
    VolumeNameReserved = "volume-name-reserved", Warning, Verdict;
    /// A flag names a path that no volume mounts into the container.
    MountMissing = "mount-missing", Warning, Verdict;
    /// The log file itself is mounted, so it cannot be rotated.
    MountSingleFile = "mount-single-file", Warning, Verdict;
    /// A mount is read-only where the API server writes, or writable where it reads.
    MountReadOnly = "mount-read-only", Warning, Verdict;
    /// A mount's pathType does not fit what the API server wants at that path.
    MountPathType = "mount-path-type", Warning, Verdict;
    /// Something lies in the kubelet's folder of static Pods that is no Pod.
    MountManifestsDir = "mount-manifests-dir", Error, Verdict;
    /// A mounted file is neither shipped nor said to be on the node.
    FileMissing = "file-missing", Warning, Verdict;
    /// The files are more than a cloud's user data may hold.
    FileTooLarge = "file-too-large", Note, Verdict;
    /// A file's mode lets others change it, or read credentials.
    FilePermissions = "file-permissions", Warning, Verdict;
    /// The minors that were asked for need different node configuration.
    PatchDiffers = "patch-differs", Error, Verdict;
    /// The audit policy is not readable as YAML.
    PolicySyntax = "policy-syntax", Error, Verdict;
    /// The audit policy has a field that the API server would drop, with everything in it.
    PolicyUnknownField = "policy-unknown-field", Error, Verdict;
    /// The API server refuses this audit policy.
    PolicyInvalid = "policy-invalid", Error, Verdict;
    /// The audit policy's apiVersion is not audit.k8s.io/v1.
    PolicyVersion = "policy-version", Error, Verdict;
    /// The audit policy has no rules, so the API server refuses it.
    PolicyEmpty = "policy-empty", Error, Verdict;
    /// A verb that no request has, so the rule never matches for it.
    PolicyUnknownVerb = "policy-unknown-verb", Warning, Verdict;
    /// A policy names an API group, resource or subresource that Kubernetes does not serve.
    PolicyUnknownResource = "policy-unknown-resource", Warning, Verdict;
    /// A rule, or an entry of one of its lists, that no request of any cluster matches.
    PolicyRuleDead = "policy-rule-dead", Warning, Verdict;
    /// A rule that never decides, since earlier rules match whatever it matches.
    PolicyRuleShadowed = "policy-rule-shadowed", Warning, Verdict;
    /// Requests that no rule matches are not logged.
    PolicyNoCatchAll = "policy-no-catch-all", Warning, Verdict;
    /// A policy logs bodies that hold credentials: Secrets, tokens, ConfigMaps.
    PolicySecretBodies = "policy-secret-bodies", Warning, Verdict;
    /// A policy does not log requests that fail authentication.
    PolicyLost401 = "policy-lost-401", Warning, Verdict;
    /// A rule for certain namespaces misses the lists that read all of them.
    PolicyClusterWideList = "policy-cluster-wide-list", Warning, Verdict;
    /// A rule for exec, attach or port-forward misses the clients that arrive with another verb.
    PolicyExecCreateOnly = "policy-exec-create-only", Warning, Verdict;
    /// A policy logs what a cluster repeats every few seconds.
    PolicyNoise = "policy-noise", Note, Verdict;
    /// A file of policy cases says something that is no case.
    PolicyCases = "policy-cases", Error, Input;
    /// A policy decides otherwise than one of its cases expects.
    PolicyCaseFailed = "policy-case-failed", Error, Verdict;
    /// A part of an audit log cannot be read; the rest is.
    LogUnreadable = "log-unreadable", Warning, Input;
    /// A policy is asked about a request that no API server would see as it is given.
    PolicyOddRequest = "policy-odd-request", Note, Verdict;
}

impl Code {
    /// The code of that name.
    ///
    /// # Errors
    /// The message to print, with the nearest code's name.
    pub fn parse(name: &str) -> Result<Self, String> {
        Self::ALL.iter().copied().find(|code| code.name() == name).ok_or_else(|| {
            let names = Self::ALL.iter().map(|code| code.name());
            match nearest(name, names) {
                Some(near) => format!("no check has the code `{name}`; the nearest is `{near}`"),
                None => format!("no check has the code `{name}`"),
            }
        })
    }

    /// Whether `--allow` may silence it: verdicts on meaning may be overruled
    /// by a person who knows better, but never what could not be understood,
    /// and never a credential.
    pub fn can_be_allowed(self) -> bool {
        self.class() == Class::Verdict
            && !matches!(
                self,
                Code::SecretInPack | Code::FlagDuplicate | Code::VolumeNameDuplicate | Code::PatchDiffers | Code::TargetLimit
            )
    }
}

impl std::fmt::Display for Code {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}
