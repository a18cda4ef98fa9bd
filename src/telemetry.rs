//! What RMM tells about itself: its log, the figures of `/metrics`, and the spans of traces.
//!
//! Every room may count and begin spans here, as this one uses none of them. Must not: decide anything, or keep what grows.

pub mod away;
pub mod errors;
mod export;
pub mod exposition;
pub mod hide;
mod lines;
mod logs;
pub mod metrics;
mod process;
mod settings;
pub mod traces;

pub use self::export::{END_TIMEOUT, Exports};
pub use self::logs::{init, init_traces};
pub use self::settings::{Sampling, Settings};
