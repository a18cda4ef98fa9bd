//! What an upgrade says of itself while it is at work.

use std::path::Path;

use semver::Version;

use crate::wording::Language::{self, En, Ru};

pub(super) enum Told<'a> {
    /// A new binary that runs here.
    Found {
        version: &'a Version,
        own: &'a Version,
        sum: &'a str,
    },
    Stopping,
    Starting(&'a Version),
    /// It is done.
    Runs {
        version: &'a Version,
        old: &'a Path,
    },
    GoingBack {
        why: &'a str,
    },
    /// The new version has done something that the copy does not know.
    Restoring,
}

impl Told<'_> {
    pub(super) fn text(&self, language: Language) -> String {
        match (language, self) {
            (En, Self::Found { version, own, sum }) => format!("RMM {version} in the place of {own}; SHA-256 {sum}"),
            (Ru, Self::Found { version, own, sum }) => format!("RMM {version} вместо {own}; SHA-256 {sum}"),
            (En, Self::Stopping) => "Its configuration check passed. Stopping RMM; steps on hosts go on.".to_owned(),
            (Ru, Self::Stopping) => "Конфигурация ему подходит. Останавливаю RMM; шаги на хостах продолжаются.".to_owned(),
            (En, Self::Starting(version)) => format!("Binary and database are kept. Starting {version}."),
            (Ru, Self::Starting(version)) => format!("Программа и база сохранены. Запускаю {version}."),
            (En, Self::Runs { version, old }) => format!(
                "RMM {version} runs. The binary before it is {}; the database before it is rmm.db.before-upgrade.\n",
                old.display()
            ),
            (Ru, Self::Runs { version, old }) => format!(
                "RMM {version} работает. Прежняя программа: {}; прежняя база: rmm.db.before-upgrade.\n",
                old.display()
            ),
            (En, Self::GoingBack { why }) => format!("Not ready: {why}. Putting binary and database back."),
            (Ru, Self::GoingBack { why }) => format!("Не готов: {why}. Возвращаю программу и базу."),
            (En, Self::Restoring) => "The new version has recorded something already, so the database is restored as by `rmm restore`: what the \
                environments run is unknown until an admin records it (rmm service settle)."
                .to_owned(),
            (Ru, Self::Restoring) => "Новая версия уже что-то записала, поэтому база восстанавливается как командой `rmm restore`: что работает \
                в окружениях, неизвестно, пока администратор не укажет (rmm service settle)."
                .to_owned(),
        }
    }
}
