//! The model that guesses at the cause of a failure: whether it answers.

use crate::clients::ai::Model;
use crate::config::Config;
use crate::doctor::Examined;
use crate::domain::finding::{About, Finding, ModelFact, Remedy, Topic};

/// A question that costs next to nothing to answer.
const TASK: &str = "Answer with the single word: well";
const DATA: &str = "Are you there?";

/// Asks the model something.
pub(super) async fn examine(config: &Config) -> Option<Examined> {
    let settings = config.ai.as_ref()?;
    let key = settings.key.as_ref().map(|reference| config.secrets.get(reference));
    let finding = if let Some(None) = key {
        Finding::warn(Topic::Model, ModelFact::NoKey).with(Remedy::RunAsRmm)
    } else {
        let ca = settings.ca.as_ref().and_then(|reference| config.authorities.get(reference));
        let model = Model::new(&settings.url, ca, &settings.model, key.flatten().cloned(), settings.timeout);
        let answered = match model {
            Ok(model) => model.ask(TASK, DATA).await,
            Err(fault) => Err(fault),
        };
        match answered {
            Ok(_) => Finding::ok(Topic::Model, ModelFact::ModelAnswers { model: settings.model.clone() }),
            Err(fault) => {
                let fact = ModelFact::ModelSilent { model: settings.model.clone(), fault };
                Finding::warn(Topic::Model, fact).with(Remedy::LookAtModel)
            }
        }
    };
    Some(Examined { part: "ai", about: About::Analysis(settings.base().to_string()), findings: vec![finding] })
}
