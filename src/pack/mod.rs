pub mod archive;
pub mod place;
