//! packwright turns templates and layered values into configuration of
//! kube-apiserver, checked, packed and ready to be applied while a cluster is
//! created.
//!
//! The way through: [`values`] (what a person wants, each leaf with its place)
//! are rendered by a pack's templates ([`template`]) into a control-plane
//! [`patch`]; a [`target`] renders documents from the patch; a [`pack`] is both
//! with everything that went in. [`check`] and [`audit`] say what is wrong with
//! a patch, [`lint`] with anybody's documents, [`diagnostic`] how that is told, [`kubernetes`] is what is known of
//! versions, [`yaml`] the one place where YAML libraries meet, and [`cli`] the
//! command line, on which nothing here depends.
#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    warn(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::todo,
        clippy::dbg_macro,
        clippy::print_stdout,
        clippy::print_stderr
    )
)]

pub mod audit;
pub mod check;
pub mod cli;
pub mod diagnostic;
pub mod kubernetes;
pub mod lint;
pub mod pack;
pub mod patch;
pub mod target;
pub mod template;
pub mod values;
pub mod yaml;
