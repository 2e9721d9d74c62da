//! Knowledge of Kubernetes itself: its versions, and the flags of its API server.

pub mod flags;
mod version;

pub use version::{Minor, NotAVersion, admits, admitted, select, select_known};
