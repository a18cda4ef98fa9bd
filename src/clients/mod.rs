//! What RMM calls: hosts, git, GitHub, health addresses, Telegram, models. Each translates between the world outside and plain values, and
//! knows nothing of releases.
pub mod ai;
pub mod checkup;
pub mod detached;
pub mod dial;
pub mod endpoint;
pub mod filter;
pub mod git;
pub mod github;
mod group;
pub mod health;
pub mod issuer;
pub mod jose;
pub mod local;
pub mod overheard;
pub mod ssh;
pub mod telegram;
pub mod tls;
pub mod tools;
pub mod transport;
