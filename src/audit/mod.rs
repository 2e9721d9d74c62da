//! Audit logging of kube-apiserver: its policy, its flags' meaning, and the
//! values of the pack that sets them.

pub mod cases;
pub mod coverage;
pub mod diff;
pub mod disk;
pub mod explain;
pub mod flags;
pub mod lint;
pub mod matcher;
pub mod policy;
pub mod question;
pub mod replay;
pub mod suggest;
pub mod types;
pub mod values;
