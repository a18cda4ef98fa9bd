//! Why the model gives no guess.

use std::fmt;

use crate::domain::fault::model::ModelFault;

/// In English for errors of programs.
impl fmt::Display for ModelFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&model(self))
    }
}

/// A sentence about it that begins small and has no full stop.
pub(in crate::wording) fn model(fault: &ModelFault) -> String {
    match fault {
        ModelFault::BadAddress { said } => format!("its address cannot be read: {said}"),
        ModelFault::NotAsked { said } => said.clone(),
        ModelFault::Late => "it has not answered in time".to_owned(),
        ModelFault::Status { status } => format!("it answers {status}"),
        ModelFault::TooLong { most } => format!("its answer is longer than {most} KiB"),
        ModelFault::Foreign => "its answer is not one of such an endpoint".to_owned(),
        ModelFault::Empty => "its answer says nothing".to_owned(),
    }
}
