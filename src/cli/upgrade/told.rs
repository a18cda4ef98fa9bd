//! What an upgrade says of itself while it is at work.

use std::fmt::Display;
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
    /// An upgrade was killed, and this one goes on with what that one has kept.
    GoesOn {
        old: &'a Path,
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
    /// The old version is started and waited for.
    StartingAgain {
        version: &'a str,
        seconds: u64,
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
            (En, Self::GoesOn { old }) => format!(
                "An upgrade was killed before its end was known. What it has kept is what is gone back to: {} and rmm.db.before-upgrade.",
                old.display()
            ),
            (Ru, Self::GoesOn { old }) => format!(
                "Прежнее обновление прервалось. При неудаче вернётся то, что оно сохранило: {} и rmm.db.before-upgrade.",
                old.display()
            ),
            (En, Self::StartingAgain { version, seconds, why }) => {
                format!("{why}. Starting {version} again; it has {seconds} s.")
            }
            (Ru, Self::StartingAgain { version, seconds, why }) => {
                format!("{why}. Снова запускаю {version}; жду не дольше {seconds} с.")
            }
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

/// Why an upgrade does not go on, or how it ended.
pub(super) enum Trouble<'a> {
    /// The system does not say where this program is.
    NoProgram(&'a dyn Display),
    /// The file is the binary that is installed.
    IsInstalled(&'a Path),
    /// The file is no program of this machine.
    RunsNot(&'a Path, &'a str),
    /// It is another program.
    NoRmm(&'a Path, &'a str),
    Older {
        version: &'a Version,
        own: &'a Version,
    },
    /// It refuses the configuration.
    Refuses(&'a Version, &'a str),
    /// RMM does not end.
    NotStopped(&'a str),
    NothingReplaced(&'a str),
    Silent,
    OtherAnswers {
        running: &'a str,
        version: &'a str,
    },
    NotReady {
        seconds: u64,
        last: &'a str,
    },
    NotPutBack(&'a Path, &'a dyn Display),
    NotUp(&'a str),
    NotBack {
        why: &'a str,
        trouble: &'a str,
        old: &'a Path,
    },
    RunsAsBefore {
        why: &'a str,
        version: &'a str,
    },
    /// The copy of the database does not fit on its disk; sizes are bytes.
    NoRoom {
        folder: &'a Path,
        needed: u64,
        free: u64,
    },
    OldNotUp {
        why: &'a str,
        trouble: &'a str,
    },
    /// The record of the copy is not that of its key.
    OtherKey(&'a Path, &'a str),
}

impl Trouble<'_> {
    pub(super) fn text(&self, language: Language) -> String {
        match language {
            En => self.in_english(),
            Ru => self.in_russian(),
        }
    }

    fn in_english(&self) -> String {
        match self {
            Self::NoProgram(error) => format!("the binary that runs is not known: {error}"),
            Self::IsInstalled(file) => {
                format!("{} is the binary that is installed; name the new one", file.display())
            }
            Self::RunsNot(file, why) => format!("{} does not run on this machine: {why}", file.display()),
            Self::NoRmm(file, said) => format!("{} is no RMM: it says {said:?}", file.display()),
            Self::Older { version, own } => format!(
                "{version} is older than {own}, and an older RMM cannot read what a newer one has migrated; --force tries it all the same"
            ),
            Self::Refuses(version, why) => format!("RMM {version} does not take this configuration: {why}"),
            Self::NotStopped(why) => format!("RMM could not be stopped: {why}"),
            Self::NothingReplaced(why) => format!("nothing was replaced: {why}"),
            Self::Silent => "it does not answer".to_owned(),
            Self::OtherAnswers { running, version } => format!("version {running} answers, not {version}"),
            Self::NotReady { seconds, last } => format!("after {seconds} s it was not ready: {last}"),
            Self::NotPutBack(file, error) => format!("{} could not be put back: {error}", file.display()),
            Self::NotUp(why) => format!("RMM did not come up with the new version ({why})"),
            Self::NotBack { why, trouble, old } => format!(
                "RMM did not come up with the new version ({why}), and going back did not work: {trouble}. The old binary is {}, the \
                 database before the upgrade is kept as rmm.db.before-upgrade",
                old.display()
            ),
            Self::RunsAsBefore { why, version } => format!("{why}; {version} runs as before"),
            Self::NoRoom { folder, needed, free } => format!(
                "the copy of the database has no room: {} has {} free, and it takes {}. Nothing was stopped or replaced; make room there \
                 and try again",
                folder.display(),
                En.size(*free),
                En.size(*needed)
            ),
            Self::OldNotUp { why, trouble } => format!("{why}; and the old version does not come up: {trouble}"),
            Self::OtherKey(copy, flaw) => format!("the record in {} does not fit its key. {flaw}", copy.display()),
        }
    }

    fn in_russian(&self) -> String {
        match self {
            Self::NoProgram(error) => format!("неизвестно, какая программа работает: {error}"),
            Self::IsInstalled(file) => format!("{} и есть установленная программа; укажите новую", file.display()),
            Self::RunsNot(file, why) => format!("{} не работает на этой машине: {why}", file.display()),
            Self::NoRmm(file, said) => format!("{} — не RMM, ответ: {said:?}", file.display()),
            Self::Older { version, own } => format!(
                "{version} старее, чем {own}, а старый RMM не прочитает то, что перенёс более новый; --force попробует всё равно"
            ),
            Self::Refuses(version, why) => format!("RMM {version} не принимает эту конфигурацию: {why}"),
            Self::NotStopped(why) => format!("RMM не удалось остановить: {why}"),
            Self::NothingReplaced(why) => format!("ничего не заменено: {why}"),
            Self::Silent => "он не отвечает".to_owned(),
            Self::OtherAnswers { running, version } => format!("отвечает версия {running}, а не {version}"),
            Self::NotReady { seconds, last } => format!("за {seconds} с он не стал готов: {last}"),
            Self::NotPutBack(file, error) => format!("{} не удалось вернуть: {error}", file.display()),
            Self::NotUp(why) => format!("с новой версией RMM не запустился ({why})"),
            Self::NotBack { why, trouble, old } => format!(
                "с новой версией RMM не запустился ({why}), и вернуться не удалось: {trouble}. Прежняя программа — {}, база данных до \
                 обновления сохранена как rmm.db.before-upgrade",
                old.display()
            ),
            Self::RunsAsBefore { why, version } => format!("{why}; {version} работает как прежде"),
            Self::NoRoom { folder, needed, free } => format!(
                "для копии базы данных нет места: в {} свободно {}, а нужно {}. Ничего не остановлено и не заменено; освободите место и \
                 повторите",
                folder.display(),
                Ru.size(*free),
                Ru.size(*needed)
            ),
            Self::OldNotUp { why, trouble } => format!("{why}; прежняя версия тоже не запускается: {trouble}"),
            Self::OtherKey(copy, flaw) => {
                format!("журнал аудита в {} не подходит к своему ключу. {flaw}", copy.display())
            }
        }
    }
}
