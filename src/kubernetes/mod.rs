//! Knowledge of Kubernetes itself: its versions, and what it serves.

pub mod resources;
mod version;

pub use version::{Minor, NotAVersion, admits, admitted, select, select_known};
