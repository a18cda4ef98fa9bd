//! Что можно сказать о работающем RMM, о его адресе, о Telegram и о модели.

use super::super::{answer, backup_alarm, backup_fault};
use crate::domain::finding::{AddressFact, ModelFact, RunningFact, TelegramFact};
use crate::wording::Language::Ru;

/// Об адресе самого RMM: фраза со строчной буквы, без точки.
pub(in crate::wording) fn address_fact(fact: &AddressFact) -> String {
    use AddressFact as F;
    match fact {
        F::NoPublicUrl { webhooks } => {
            let then = if *webhooks {
                ", но webhook настроены"
            } else {
                "; он сам спрашивает GitHub и Telegram"
            };
            format!("в rmm.toml нет `public_url`, поэтому RMM не обязан быть доступен снаружи{then}")
        }
        F::LeadsHere => "там отвечает RMM".into(),
        F::CertificateHolds => "действует ещё хотя бы две недели".into(),
        F::CertificateEnds => "истекает раньше чем через две недели".into(),
        F::CertificateWrong { host, fault } => format!("{host} {}", answer(fault)),
        F::CertificateSays { said } => said.clone(),
        F::NoAnswer { host, seconds } => format!("{host} не ответил за {seconds} с"),
    }
}

/// О боте: фраза со строчной буквы, без точки.
pub(in crate::wording) fn telegram_fact(fact: &TelegramFact) -> String {
    use TelegramFact as F;
    match fact {
        F::NoToken => "токен здесь недоступен".into(),
        F::UnknownToken => "Telegram не знает этого токена".into(),
        F::Bot { username } => format!("это @{username}"),
        F::TelegramPause { seconds } => format!("Telegram просит подождать {seconds} с"),
        F::TelegramSilent { said } => format!("Telegram не отвечает: {said}"),
        F::TelegramRefuses { said } => format!("Telegram отказывает: {said}"),
        F::TokenUsedElsewhere { said } => format!("токеном этого бота пользуется другая программа: {said}"),
        F::TelegramSays { said } => said.clone(),
        F::HookFails { said } => format!("Telegram не может их доставить: {said}"),
        F::UpdatesCome { url, waiting } => format!("приходят на {url}; ждут: {waiting}"),
        F::HookElsewhere => "webhook ведёт в другое место или ещё никуда".into(),
        F::UpdatesAsked => "RMM сам их запрашивает".into(),
        F::HookTakes { url } => format!("их забирает webhook: {url}"),
        F::NoChat => "не указан ни один чат команды".into(),
    }
}

/// О модели: фраза со строчной буквы, без точки.
pub(in crate::wording) fn model_fact(fact: &ModelFact) -> String {
    use ModelFact as F;
    match fact {
        F::NoKey => "её ключ здесь недоступен".into(),
        F::ModelAnswers { model } => format!("{model} отвечает"),
        F::ModelSilent { model, fault } => {
            format!("{model} не отвечает: {}; предупреждения приходят без догадки о причине", Ru.model(fault))
        }
    }
}

/// О работающем RMM: фраза со строчной буквы, без точки.
pub(in crate::wording) fn running_fact(fact: &RunningFact) -> String {
    use RunningFact as F;
    match fact {
        F::Ready => "отвечает, запись в базу данных возможна".into(),
        F::RunningSays { said } => said.clone(),
        F::NotRunning => "RMM не запущен".into(),
        F::Version { version } => version.clone(),
        F::OtherVersion { runs, own } => format!("работает {runs}, а эта программа — {own}"),
        F::RecordChanged => "журнал аудита изменён в обход RMM".into(),
        F::ChatRefuses => "один из чатов не принимает сообщения бота".into(),
        F::BackupAlarm { alarm } => backup_alarm(alarm),
        F::NoSchedule => "сам RMM резервных копий не делает".into(),
        F::NewestBackup { file, bytes } => format!("последняя — {file} ({})", Ru.size(*bytes)),
        F::NoBackup => "пока не сделано ни одной".into(),
        F::Restored { file } => format!("{file}: пробное восстановление удалось"),
        F::NotSound { file, fault } => format!("{file}: {}", backup_fault(fault)),
        F::NotSoundSays { file, said } => format!("{file}: {said}"),
        F::NeverRestored => "пробного восстановления ещё не было".into(),
        F::HostNeverChecked => "хост ещё не проверяли".into(),
    }
}
