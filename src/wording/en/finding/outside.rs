//! What there is to say of RMM as it runs, and of its own address, Telegram and the model.

use super::super::{answer, backup_alarm, backup_fault};
use crate::domain::finding::{AddressFact, ModelFact, RunningFact, TelegramFact};
use crate::wording::Language::En;

/// A sentence about RMM's own address.
pub(in crate::wording) fn address_fact(fact: &AddressFact) -> String {
    use AddressFact as F;
    match fact {
        F::NoPublicUrl { webhooks } => {
            let then =
                if *webhooks { ", and yet webhooks are set up" } else { "; it asks GitHub and Telegram by itself" };
            format!("rmm.toml has no `public_url`, so RMM need not be reachable from outside{then}")
        }
        F::LeadsHere => "RMM answers there".into(),
        F::CertificateHolds => "it holds for two weeks and longer".into(),
        F::CertificateEnds => "it ends within two weeks".into(),
        F::CertificateWrong { host, fault } => format!("{host} {}", answer(fault)),
        F::CertificateSays { said } => said.clone(),
        F::NoAnswer { host, seconds } => format!("{host} does not answer within {seconds} s"),
    }
}

/// A sentence about the bot.
pub(in crate::wording) fn telegram_fact(fact: &TelegramFact) -> String {
    use TelegramFact as F;
    match fact {
        F::NoToken => "the token is not to be had here".into(),
        F::UnknownToken => "Telegram does not know this token".into(),
        F::Bot { username } => format!("it is @{username}"),
        F::TelegramPause { seconds } => format!("Telegram asks for a pause of {seconds} s"),
        F::TelegramSilent { said } => format!("Telegram does not answer: {said}"),
        F::TelegramRefuses { said } => format!("Telegram refuses: {said}"),
        F::TokenUsedElsewhere { said } => format!("another program uses this bot's token: {said}"),
        F::TelegramSays { said } => said.clone(),
        F::HookFails { said } => format!("Telegram cannot deliver them: {said}"),
        F::UpdatesCome { url, waiting } => format!("they come to {url}; {waiting} wait"),
        F::HookElsewhere => "the webhook leads elsewhere, or nowhere yet".into(),
        F::UpdatesAsked => "RMM asks for them".into(),
        F::HookTakes { url } => format!("a webhook takes them: {url}"),
        F::NoChat => "no chat of the team is named".into(),
    }
}

/// A sentence about the model.
pub(in crate::wording) fn model_fact(fact: &ModelFact) -> String {
    use ModelFact as F;
    match fact {
        F::NoKey => "its key is not to be had here".into(),
        F::ModelAnswers { model } => format!("{model} answers"),
        F::ModelSilent { model, fault } => {
            format!("{model} gives no answer: {}; alerts come without a guess", En.model(fault))
        }
    }
}

/// A sentence about the RMM that runs.
pub(in crate::wording) fn running_fact(fact: &RunningFact) -> String {
    use RunningFact as F;
    match fact {
        F::Ready => "it answers, and its database can be written".into(),
        F::RunningSays { said } => said.clone(),
        F::NotRunning => "no RMM runs".into(),
        F::Version { version } => version.clone(),
        F::OtherVersion { runs, own } => format!("{runs} runs, and this binary is {own}"),
        F::RecordChanged => "the record was changed behind RMM's back".into(),
        F::ChatRefuses => "a chat refuses the bot's messages".into(),
        F::BackupAlarm { alarm } => backup_alarm(alarm),
        F::NoSchedule => "RMM makes none by itself".into(),
        F::NewestBackup { file, bytes } => format!("the newest is {file} ({})", En.size(*bytes)),
        F::NoBackup => "none has been made yet".into(),
        F::Restored { file } => format!("{file} was restored on trial"),
        F::NotSound { file, fault } => format!("{file}: {}", backup_fault(fault)),
        F::NotSoundSays { file, said } => format!("{file}: {said}"),
        F::NeverRestored => "no backup has been restored on trial yet".into(),
        F::HostNeverChecked => "it has not been checked yet".into(),
    }
}
