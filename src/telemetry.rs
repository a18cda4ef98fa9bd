//! What RMM tells about itself: its log, and the figures of `/metrics`.
//!
//! Every room may count here, as this one uses none of them. Must not: decide anything, or keep what grows.

pub mod exposition;
mod logs;
pub mod metrics;
mod process;

pub use self::logs::init;
