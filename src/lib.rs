//! RMM, the Release Management Machine.
//!
//! ```text
//!             ┌─────────┐   ┌─────────┐
//!  calls us → │  web    │   │  cli    │     translate: request → command, state → answer
//!             └────┬────┘   └────┬────┘
//!                  ▼             ▼
//!             ┌────────────────────────┐
//!             │  engine                │    one door: handle(actor, command); dispatcher, runner, timers
//!             └────┬──────────────┬────┘
//!                  ▼              ▼
//!             ┌─────────┐   ┌──────────┐
//!             │  store  │   │  clients │    SQLite; hosts, git, health addresses
//!             └────┬────┘   └────┬─────┘
//!                  ▼             ▼
//!             ┌────────────────────────┐
//!             │  domain                │    pure: no clock, no I/O
//!             └────────────────────────┘
//! ```
//!
//! Imports point downwards only; a test insists on it. `ARCHITECTURE.md` walks one command through the house.

pub mod app;
pub mod cli;
pub mod clients;
pub mod config;
pub mod demo;
pub mod domain;
pub mod engine;
pub mod store;
pub mod telemetry;
pub mod web;
