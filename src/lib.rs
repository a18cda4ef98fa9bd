//! RMM, the Release Management Machine.
//!
//! ```text
//!             ┌───────┐ ┌───────┐ ┌───────┐
//!  calls us → │  web  │ │  bot  │ │  cli  │     translate: request or tap → command, state → answer or screen
//!             └───┬───┘ └───┬───┘ └───┬───┘
//!                 ▼         ▼         ▼
//!             ┌────────────────────────┐
//!             │  engine                │    one door: handle(actor, command); dispatcher, runner, timers
//!             └────┬──────────────┬────┘
//!                  ▼              ▼
//!             ┌─────────┐   ┌──────────┐
//!             │  store  │   │  clients │    SQLite; hosts, git, health addresses, Telegram
//!             └────┬────┘   └────┬─────┘
//!                  ▼             ▼
//!             ┌────────────────────────┐
//!             │  wording, contract     │    facts → words; the types of the API
//!             │  domain                │    pure: no clock, no I/O
//!             └────────────────────────┘
//! ```
//!
//! Imports point downwards only; a test insists on it. `ARCHITECTURE.md` walks a tap through the house.

pub mod api_client;
pub mod app;
pub mod assets;
pub mod bot;
pub mod cli;
pub mod clients;
pub mod config;
pub mod contract;
pub mod demo;
pub mod doctor;
pub mod domain;
pub mod engine;
#[cfg(debug_assertions)]
pub mod gallery;
pub mod store;
pub mod telemetry;
pub mod terminal;
pub mod views;
pub mod web;
pub mod wording;
