//! Clients.
pub mod detached;
pub mod git;
pub mod health;
pub mod local;
pub mod transport;
