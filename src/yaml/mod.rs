//! YAML in and out: the one place where YAML libraries meet.
//!
//! In: `granit-parser`'s events become [`Node`]s with a place for every key
//! and value. Out: our own [`emit`]ter, since what every library writes is
//! misread by some YAML 1.1 reader that Kubernetes tools use.

mod embedded;
pub mod emit;
mod fields;
mod node;
mod read;
pub mod scalar;

pub use embedded::place as embedded_place;
pub use fields::{Fields, scalar_text};
pub use node::{Data, Entry, Node};
pub use read::{MAX_BYTES, MAX_DEPTH, decode, normalise, read, read_all};
