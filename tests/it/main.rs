//! RMM as it is shipped, as a process of its own, under faults and bad input.
//!
//! Each test has a data directory, an address and processes of its own, so all of them run at the same time.

#[cfg(test)]
mod backups;
#[cfg(test)]
mod checkout;
#[cfg(test)]
mod ci;
#[cfg(test)]
mod clocks;
#[cfg(test)]
mod commits;
#[cfg(test)]
mod connect;
#[cfg(test)]
mod contention;
#[cfg(test)]
mod contract;
#[cfg(test)]
mod crowds;
#[cfg(test)]
mod dashboard;
#[cfg(test)]
mod definitions;
#[cfg(test)]
mod github;
#[cfg(test)]
#[path = "../../src/clients/github/stand_in.rs"]
mod github_stand_in;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod id_tokens;
#[cfg(test)]
mod in_browser;
#[cfg(test)]
mod jobs;
#[cfg(test)]
mod kills;
#[cfg(test)]
mod local_user;
#[cfg(test)]
mod page_rights;
#[cfg(test)]
mod pages_find;
#[cfg(test)]
mod pages_insights;
#[cfg(test)]
mod pages_log;
#[cfg(test)]
mod pages_mini_app;
#[cfg(test)]
mod pages_release;
#[cfg(test)]
mod payloads;
#[cfg(test)]
mod power;
#[cfg(test)]
mod proxies;
#[cfg(test)]
mod records;
#[cfg(test)]
mod replicated;
#[cfg(test)]
mod restored;
#[cfg(test)]
mod retired;
#[cfg(test)]
mod rights;
#[cfg(test)]
mod runner;
#[cfg(test)]
mod secrets;
#[cfg(test)]
mod sources;
#[cfg(test)]
mod steps;
#[cfg(test)]
mod stopping;
#[cfg(test)]
mod storage;
#[cfg(test)]
mod stream;
#[cfg(test)]
mod tags;
#[cfg(test)]
mod tokens;
#[cfg(test)]
mod told;
#[cfg(test)]
mod watched;
#[cfg(test)]
mod workflows;
#[cfg(test)]
mod world;
