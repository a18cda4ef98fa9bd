//! Что может случиться с базой данных RMM, её ключом и файлами рядом с ней.

use crate::domain::fault::store::{Damage, FileAct, StoreFault};

/// Предложение со строчной буквы и без точки.
pub(in crate::wording) fn store(fault: &StoreFault) -> String {
    use StoreFault as F;
    match fault {
        F::DiskFull { said } => format!(
            "в базу данных нельзя писать: диск заполнен или неисправен; ничего не изменено, и RMM продолжит сам, когда место \
             появится: {said}"
        ),
        F::Busy { said } => {
            format!("базой данных сейчас нельзя пользоваться; ничего не изменено, повторите: {said}")
        }
        F::Unconfirmed { said } => format!(
            "диск не подтвердил запись ({said}): сохранена ли она, неизвестно, поэтому RMM больше ничего не пишет. Проверьте диск \
             и запустите RMM снова"
        ),
        F::Stopping => "база данных закрыта, потому что RMM останавливается".to_owned(),
        F::Panicked { said } => format!("запрос не выполнен из-за сбоя внутри RMM и отменён: {said}"),
        F::Newer { found, supported } => format!(
            "схема базы данных — версии {found}, а этот RMM знает версии до {supported}: в неё писал более новый RMM. Запустите \
             снова ту версию или восстановите копию, сделанную до обновления"
        ),
        F::Divergent { said } => {
            format!("схема базы данных не такая, как у этого RMM, хотя номера версий совпадают: {said}")
        }
        F::NotMigrated { said } => {
            format!("базу данных не удалось привести к схеме этого RMM, она осталась как была: {said}")
        }
        F::FaultySqlite { version } => format!(
            "эта программа собрана с SQLite {version}, который в режиме WAL может повредить базу данных (так с 3.7.0 по 3.51.2); \
             соберите её с более новым"
        ),
        F::Damaged { damage } => {
            format!("база данных повреждена, или это не база данных RMM: {}", self::damage(damage))
        }
        F::NoKey { path } => format!(
            "нет ключа журнала аудита: файл {} отсутствует, а в базе данных есть события, подписанные им. Верните файл ключа из \
             резервной копии; новый RMM не создаёт, потому что историю тогда нельзя было бы проверить",
            path.display()
        ),
        F::BadKey { path } => format!(
            "файл ключа {} не годится: в нём должны быть 64 шестнадцатеричные цифры, а за ними по строке на каждый прежний ключ; \
             верните его из резервной копии",
            path.display()
        ),
        F::OtherKey { path } => format!(
            "ключ в {} не от этой базы данных: к нему не подходят ни последнее событие, ни печать журнала. Верните файл ключа, \
             который создан вместе с этой базой данных",
            path.display()
        ),
        F::InUse { path, process } => {
            let who = process.map_or_else(|| "другой процесс".to_owned(), |process| format!("процесс {process}"));
            format!(
                "этот каталог данных уже использует {who} (файл блокировки {}). Обратитесь к работающему RMM или сначала \
                 остановите его; если это не RMM, выберите другой data_dir",
                path.display()
            )
        }
        F::NameTaken { name } => format!("токен с именем {name:?} уже есть"),
        F::Exists { path } => format!("{} уже есть и не тронут", path.display()),
        F::HalfRestored { path, kept } => format!(
            "восстановление или импорт прервались: базы данных {path} нет, а прежняя — {kept}. Восстановите ещё раз или вернитесь к \
             прежней: mv {kept} {path} (и {kept}-wal в {path}-wal, если он есть)",
            path = path.display(),
            kept = kept.display()
        ),
        F::HalfImported { path } => format!(
            "импорт прервался, и не все его файлы на своих местах (об этом говорит {}): выполните `rmm import --force` ещё раз. Прежние \
             файлы сохранены как ….before-restore и ….before-import",
            path.display()
        ),
        F::File { act, path, said } => format!("не удалось {} {}: {said}", verb(*act), path.display()),
        F::NoRandom { said } => format!("у системы нет случайных чисел: {said}"),
        F::Refused { said } => format!("база данных не приняла запрос: {said}"),
    }
}

fn damage(damage: &Damage) -> String {
    match damage {
        Damage::Said(said) => said.clone(),
        Damage::OtherTables => "в ней есть таблицы, но ни одна не говорит, к какой схеме они относятся".to_owned(),
        Damage::Empty(path) => format!("файл {} пуст", path.display()),
        Damage::File { path, said } => format!("{}: {said}", path.display()),
        Damage::Export(said) => format!("выгрузка: {said}"),
        Damage::NoExport => "выгрузка: её сделал не RMM".to_owned(),
        Damage::ExportForm { version } => {
            format!("выгрузка: её сделал RMM {version} в виде, которого эта версия не знает")
        }
        Damage::ExportStranger { name } => format!("выгрузка: файл {name} в ней лишний"),
        Damage::ExportChanged { name } => format!("выгрузка: файл {name} не такой, каким был выгружен"),
        Damage::ExportLacks { name } => format!("выгрузка: нет файла {name}"),
    }
}

const fn verb(act: FileAct) -> &'static str {
    match act {
        FileAct::Copy => "скопировать",
        FileAct::Create => "создать",
        FileAct::CreateFolderIn => "создать папку в",
        FileAct::Find => "найти",
        FileAct::GiveAway => "сменить владельца файла",
        FileAct::Lock => "заблокировать",
        FileAct::Move => "переместить",
        FileAct::Open => "открыть",
        FileAct::Read => "прочитать",
        FileAct::Remove => "удалить",
        FileAct::Replace => "заменить",
        FileAct::Sync => "записать на диск",
        FileAct::Write => "записать",
    }
}
