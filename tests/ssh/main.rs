//! RMM as it is shipped, deploying to hosts of its own over SSH, while the hosts and the way to them break.
//!
//! `tests/hosts/host` makes the hosts; that needs root. Without it the tests say so and are skipped, unless
//! `RMM_REQUIRE_HOSTS=1` insists. `RMM_FAULTS=all` tries every fault in the middle of every step.

#[cfg(test)]
mod clocks;
#[cfg(test)]
mod compose;
#[cfg(test)]
mod copies;
#[cfg(test)]
mod dead;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod git;
#[cfg(test)]
mod host;
#[cfg(test)]
mod keys;
#[cfg(test)]
mod login;
#[cfg(test)]
mod odd;
#[cfg(test)]
mod places;
#[cfg(test)]
mod selftest;
#[cfg(test)]
mod shop;
#[cfg(test)]
mod submodules;
#[cfg(test)]
mod way;
#[cfg(test)]
#[path = "../it/world/mod.rs"]
#[expect(dead_code, unused_imports, reason = "the world of the other stories; these need a part of it")]
mod world;
