//! Stories of the life cycle, every command against every status, and random histories.

mod hosts;
mod matrix;
mod random;
mod sim;
mod stories;
mod stories_ci;
mod stories_runs;
