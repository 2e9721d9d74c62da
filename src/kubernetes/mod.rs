//! Knowledge of Kubernetes itself: its versions, the flags of its API server, and what that serves.

pub mod flags;
pub mod names;
pub mod resources;
mod version;

pub use version::{Minor, NotAVersion, admits, admitted, select, select_known};
