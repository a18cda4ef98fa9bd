//! Как идёт обновление.

use super::super::Language::Ru;
use super::record::record_flaw;
use crate::domain::fault::upgrade::{UpgradeFault, UpgradeStep};

pub(in crate::wording) fn upgrade_step(step: &UpgradeStep) -> String {
    use UpgradeStep as S;
    match step {
        S::Found { version, own, sum } => format!("RMM {version} вместо {own}; SHA-256 {sum}"),
        S::GoesOn { old } => {
            format!("Прежнее обновление прервалось. При неудаче вернётся то, что оно сохранило: {old} и rmm.db.before-upgrade.")
        }
        S::StartingAgain { version, seconds, why } => {
            format!("{why}. Снова запускаю {version}; жду не дольше {seconds} с.")
        }
        S::Stopping => "Конфигурация ему подходит. Останавливаю RMM; шаги на хостах продолжаются.".to_owned(),
        S::Starting { version } => format!("Программа и база сохранены. Запускаю {version}."),
        S::Runs { version, old } => {
            format!("RMM {version} работает. Прежняя программа: {old}; прежняя база: rmm.db.before-upgrade.")
        }
        S::GoingBack { why } => format!("Не готов: {why}. Возвращаю программу и базу."),
        S::Restoring => "Новая версия уже что-то записала, поэтому база восстанавливается как командой `rmm restore`: что работает в \
            окружениях, неизвестно, пока администратор не укажет (rmm service settle)."
            .to_owned(),
    }
}

/// Предложение со строчной буквы и без точки.
pub(in crate::wording) fn upgrade_fault(fault: &UpgradeFault) -> String {
    use UpgradeFault as F;
    match fault {
        F::NoProgram { said } => format!("неизвестно, какая программа работает: {said}"),
        F::IsInstalled { file } => format!("{file} и есть установленная программа; укажите новую"),
        F::RunsNot { file, said } => format!("{file} не работает на этой машине: {said}"),
        F::NoRmm { file, said } => format!("{file} — не RMM, ответ: {said:?}"),
        F::Older { version, own } => format!(
            "{version} старее, чем {own}, а старый RMM не прочитает то, что перенёс более новый; --force попробует всё равно"
        ),
        F::Refuses { version, said } => format!("RMM {version} не принимает эту конфигурацию: {said}"),
        F::NotStopped { why } => format!("RMM не удалось остановить: {why}"),
        F::NothingReplaced { why } => format!("ничего не заменено: {why}"),
        F::Silent => "он не отвечает".to_owned(),
        F::OtherAnswers { running, version } => format!("отвечает версия {running}, а не {version}"),
        F::NotReady { seconds, last } => format!("за {seconds} с он не стал готов: {last}"),
        F::NotPutBack { file, said } => format!("{file} не удалось вернуть: {said}"),
        F::NotUp { why } => format!("с новой версией RMM не запустился ({why})"),
        F::NotBack { why, trouble, old } => format!(
            "с новой версией RMM не запустился ({why}), и вернуться не удалось: {trouble}. Прежняя программа — {old}, база данных до \
             обновления сохранена как rmm.db.before-upgrade"
        ),
        F::RunsAsBefore { why, version } => format!("{why}; {version} работает как прежде"),
        F::NoRoom { folder, needed, free } => format!(
            "для копии базы данных нет места: в {folder} свободно {}, а нужно {}. Ничего не остановлено и не заменено; освободите место и \
             повторите",
            Ru.size(*free),
            Ru.size(*needed)
        ),
        F::OldNotUp { why, trouble } => format!("{why}; прежняя версия тоже не запускается: {trouble}"),
        F::OtherKey { copy, flaw } => {
            format!("журнал аудита в {copy} не подходит к своему ключу. {}", record_flaw(flaw))
        }
    }
}
