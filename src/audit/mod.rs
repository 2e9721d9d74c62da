//! Audit logging of kube-apiserver: its policy, its flags' meaning, and the
//! values of the pack that sets them.

pub mod disk;
pub mod policy;
pub mod values;
