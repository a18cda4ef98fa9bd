//! RMM's Telegram bot as it is shipped, in a Telegram of the test's own.
//!
//! `telegram` is that Telegram, strict about the Bot API; `selftest` proves it with the real client library; `story`
//! puts RMM and people into it.

#[cfg(test)]
mod alerts;
#[cfg(test)]
mod canaries;
#[cfg(test)]
mod collector;
#[cfg(test)]
mod demo;
#[cfg(test)]
mod exact;
#[cfg(test)]
mod host;
#[cfg(test)]
mod people;
#[cfg(test)]
mod polite;
#[cfg(test)]
mod refusing;
#[cfg(test)]
mod screens;
#[cfg(test)]
mod selftest;
#[cfg(test)]
mod story;
#[cfg(test)]
mod team;
#[cfg(test)]
mod telegram;
#[cfg(test)]
mod then;
#[cfg(test)]
mod traced;
#[cfg(test)]
mod way;
#[cfg(test)]
#[path = "../it/world/mod.rs"]
#[expect(dead_code, unused_imports, reason = "the world of the other stories; these need a part of it")]
mod world;
