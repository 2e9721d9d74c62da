//! packwright, as a map of its modules.
#![forbid(unsafe_code)]
pub mod audit;
pub mod check;
pub mod cli;
pub mod diagnostic;
pub mod kubernetes;
pub mod pack;
pub mod patch;
pub mod target;
pub mod template;
pub mod values;
pub mod yaml;
