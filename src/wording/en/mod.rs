//! English.

mod event;
mod fault;
mod gate;
mod github;
mod identity;
mod on_host;
mod protection;
mod reason;
mod refusal;
mod ssh;

pub(super) use event::event;
pub(super) use gate::{remedy, state};
pub(super) use identity::id_token;
pub(super) use protection::clearance;
pub(super) use reason::{git_advice, reason};
pub(super) use refusal::refusal;
pub(super) use ssh::private_key;

use std::fmt::Display;

use super::{behind, inside};

/// `ann, bob`.
fn list<T: Display>(items: &[T]) -> String {
    items.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
