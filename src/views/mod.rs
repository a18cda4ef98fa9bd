//! What people see of a release and of a service: one value each, read as of one moment, of which the bot's screens, the
//! API's details and the pages are renderings. Which moves there are, and for whom, is derived here and nowhere else.

pub mod board;
pub mod durations;
pub mod forecast;
pub mod moves;
pub mod plan;
pub mod release;
pub mod service;
mod standing;

pub use board::Board;
pub use durations::{Usual, UsualRuns};
pub use forecast::Forecast;
pub use moves::Confirmation;
pub use plan::PlanOverview;
pub use release::ReleaseOverview;
pub use service::ServiceOverview;
pub use standing::to_clear;
