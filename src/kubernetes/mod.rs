//! Knowledge of Kubernetes itself: its versions.

mod version;

pub use version::{Minor, NotAVersion, admits, admitted, select, select_known};
