//! The model that guesses at the cause of a failure: whether it answers.

use crate::clients::ai::Model;
use crate::config::Config;
use crate::contract::{Examined, Finding};

/// A question that costs next to nothing to answer.
const TASK: &str = "Answer with the single word: well";
const DATA: &str = "Are you there?";

/// Asks the model something.
pub(super) async fn examine(config: &Config) -> Option<Examined> {
    let settings = config.ai.as_ref()?;
    let key = settings.key.as_ref().map(|reference| config.secrets.get(reference));
    let finding = if let Some(None) = key {
        Finding::warn("model", "its key is not to be had here", "run the doctor as RMM runs, with its environment")
    } else {
        let model = Model::new(&settings.url, &settings.model, key.flatten().cloned(), settings.timeout);
        let answered = match model {
            Ok(model) => model.ask(TASK, DATA).await,
            Err(silent) => Err(silent),
        };
        match answered {
            Ok(_) => Finding::ok("model", format!("{} answers", settings.model)),
            Err(silent) => Finding::warn(
                "model",
                format!("{} gives no answer: {silent}; alerts come without a guess", settings.model),
                "`url`, `model`, `key` and `timeout` in [ai]; rmm docs watch",
            ),
        }
    };
    Some(Examined { part: "ai", about: format!("analysis ({})", settings.base()), findings: vec![finding] })
}
