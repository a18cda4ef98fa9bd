//! What a model guesses about a failure: its words, labelled as what they are.

use super::frame::Looks;
use crate::store::alerts::Guess;

/// Of the name of a model, in characters.
const MODEL: usize = 60;

/// A guess as it is shown below the failure.
pub(super) struct GuessPart {
    /// Whose guess it is.
    pub by: String,
    pub said: String,
}

impl GuessPart {
    /// None where the model has said nothing.
    pub fn of(guess: &Guess, looks: &Looks) -> Option<Self> {
        let said = guess.said.as_ref().ok()?.clone();
        let model: String = guess.model.chars().take(MODEL).collect();
        Some(Self { by: looks.words().guess_by(&model), said })
    }
}
