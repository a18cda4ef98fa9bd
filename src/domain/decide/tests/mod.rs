//! Stories of the life cycle, every command against every status, and random histories.

#![expect(clippy::wildcard_enum_match_arm, reason = "a test looks at the cases it is about")]

mod hosts;
mod matrix;
mod random;
mod sim;
mod stories;
mod stories_ci;
mod stories_commits;
mod stories_content;
mod stories_dead_hosts;
mod stories_environments;
mod stories_hosts;
mod stories_initiator;
mod stories_judged;
mod stories_reruns;
mod stories_rollbacks;
mod stories_runs;
mod stories_unknown;
mod stories_votes;
mod stories_workflows;
