//! Почему команда не выполнена или RMM не запускается.

use super::machine::machine;
use super::part::part;
use super::record::record_flaw;
use super::store::store;
use crate::domain::fault::cli::{CliFault, CliHint, CliNote, Unreached};

/// Предложение со строчной буквы и без точки.
pub(in crate::wording) fn cli_fault(fault: &CliFault) -> String {
    use CliFault as F;
    match fault {
        F::NoAddress { url } => format!("{url:?} — не адрес вида https://rmm.example.com (RMM_URL)"),
        F::NoConfiguration { file } => format!(
            "файла {file} нет; его записывает `rmm init`, --config (или RMM_CONFIG) называет другой, а с RMM_URL и RMM_TOKEN можно \
             обратиться к RMM в другом месте"
        ),
        F::FileMissing => "не указан FILE".to_owned(),
        F::NotUtf8 { file } => format!("{file}: имя не в UTF-8"),
        F::NotThere { file } => format!("файла {file} нет"),
        F::NoFolder { folder } => format!("{folder} — не папка"),
        F::NotRead { file, said } => format!("{file} не прочитать: {said}"),
        F::NotWritten { file, said } => format!("{file} не записать: {said}"),
        F::ThereAlready { file } => format!("{file} уже есть; --force его заменит"),
        F::OthersThere { files } => format!(
            "ничего не записано: эти файлы уже есть, и в них другое:\n  {}\nПосмотрите, что в них; --force их заменит.",
            files.join("\n  ")
        ),
        F::NoGuess { option } => format!("имя угадать не удалось; укажите {option} NAME"),
        F::WhereIsCode { service } => format!(
            "rmm init: где код {service}? Укажите --repository URL или --no-service, чтобы подключить его в панели"
        ),
        F::BadInit { why } => format!("rmm init: {why}"),
        F::NoPage { wanted, list } => format!("страницы {wanted:?} нет; есть\n{list}"),
        F::TooFar => "--expires: это слишком далеко".to_owned(),
        F::WhoStarts => "неизвестно, кто начинает этот релиз; укажите --by WHO".to_owned(),
        F::ForNoTerminal => "выгрузка не для терминала: направьте её в файл или в команду".to_owned(),
        F::KeyOnlyHere => "--with-key работает только на самом сервере, без RMM_URL".to_owned(),
        F::NoSuchRun { release, run } => format!("у #{release} нет прогона {run}"),

        F::DatabaseThere { file } => format!("в {file} уже есть база данных"),
        F::InstallationThere { folder } => format!("в {folder} уже есть установка RMM"),
        F::KeyMissing { here, there } => format!("нет ключа журнала аудита: ни {here}, ни {there}"),
        F::OtherKey { copy, key, flaw } => {
            format!("журнал аудита в {copy} не подходит к ключу в {key}. {}", record_flaw(flaw))
        }
        F::ExportBroken { flaw } => {
            format!("журнал аудита в выгрузке не подходит к своему ключу. {}", record_flaw(flaw))
        }
        F::IsExport { file } => format!("{file} — целая установка, которую записал `rmm export`"),
        F::Encrypted { file, with } => format!("{file} — зашифрованный файл: {with}"),
        F::Compressed { file, with } => format!("{file} — сжатый файл: {with}"),
        F::Store { fault } => store(fault),

        F::NoKey { host, why } => format!("{host} не показывает ключа: {why}"),
        F::NoKeyToTrust { host } => format!("у {host} нет ключа, который нужно подтвердить"),

        F::WaitedFor { release, seconds } => format!("#{release}: за {seconds} с ожидаемое не наступило"),

        F::NoService { name, near: Some(near), .. } => format!("в rmm.toml нет сервиса {name:?}; может быть, {near}?"),
        F::NoService { name, near: None, known } => format!("в rmm.toml нет сервиса {name:?}; есть: {}", known.join(", ")),
        F::NoPublicUrl => "раннерам GitHub нужен доступ к RMM: задайте `public_url` в [server] в rmm.toml или укажите --url (если к RMM \
            обращаются только свои раннеры, годится и внутренний адрес)"
            .to_owned(),
        F::NoCheckout { folder } => format!("{folder} — не папка; --write ждёт папку с репозиторием"),

        F::Output { said } => format!("не удалось записать в стандартный вывод: {said}"),
        F::NoHttp { said } => format!("не удалось подготовить HTTP: {said}"),
        F::NoCall { url, said } => format!("обратиться к {url} нельзя: {said}"),
        F::AnswerUnread { said } => format!("ответ не прочитать: {said}"),
        F::NoProgram { said } => format!("не удалось узнать, где лежит сама эта программа: {said}"),
        F::NotInBinary { file } => format!("в этой сборке RMM нет файла {file}"),
        F::NotToml { said } => format!("действующая конфигурация — не TOML: {said}"),

        F::Machine { fault } => machine(fault),
        F::NoDataFolder { folder, said } => format!("не удалось создать каталог данных {folder}: {said}"),
        F::CannotListen { address, said } => format!(
            "не удалось занять адрес {address}: {said}. Нет ли там другой программы? Адрес задаёт `listen` в [server]"
        ),
        F::NoSocket { file, said } => format!("не удалось создать сокет {file}: {said}"),
        F::NoSignals { said } => format!("не удалось подписаться на сигналы: {said}"),
        F::NoRuntime { said } => format!("не удалось запустить рабочие потоки: {said}"),
        F::PartEnded { part, said } => format!("часть RMM завершилась из-за сбоя ({}): {said}", self::part(*part)),
    }
}

/// Предложение или два, с точкой.
pub(in crate::wording) fn cli_hint(hint: &CliHint) -> String {
    use CliHint as H;
    match hint {
        H::SetToken => "RMM_TOKEN не задан; токен создаёт администратор: `rmm token create`.".to_owned(),
        H::CheckToken => "Проверьте RMM_TOKEN.".to_owned(),
        H::StopFirst { then: None } => "Сначала остановите RMM (systemctl stop rmm).".to_owned(),
        H::StopFirst { then: Some(verb) } => format!("Сначала остановите RMM (systemctl stop rmm), затем `{verb}`."),
        H::ForceReplacesDatabase => "С `--force` она будет заменена и сохранена как rmm.db.before-restore.".to_owned(),
        H::ForceReplacesInstallation => {
            "С `--force` она будет заменена, а её база данных сохранена как rmm.db.before-restore.".to_owned()
        }
        H::BringKey => {
            "Сначала положите в каталог данных audit.key от этой копии; без него RMM не запустится.".to_owned()
        }
        H::ForceRestores => {
            "Этот ключ создан вместе с этой базой данных? С `--force` она будет восстановлена всё равно.".to_owned()
        }
        H::ForceTakesExport => "С `--force` она будет принята всё равно.".to_owned(),
        H::NewKeyMendsNothing => "Новый ключ этого не исправит; подробности: `rmm audit verify`.".to_owned(),
        H::ImportTakesIt => "Её принимает `rmm import`.".to_owned(),
        H::OpenFirst { command } => format!("Сначала откройте его: {command}"),
        H::Said { text } => text.clone(),
    }
}

/// Как у [`cli_fault`].
pub(in crate::wording) fn unreached(why: &Unreached) -> String {
    use Unreached as U;
    match why {
        U::SocketOfOther { socket } => format!(
            "сокет {socket} принадлежит другому пользователю: запустите rmm от имени пользователя, под которым работает RMM (sudo -u \
             USER rmm …), или задайте RMM_URL и RMM_TOKEN"
        ),
        U::Locked { fault, socket } => format!("{}; но на его сокете {socket} никто не отвечает", store(fault)),
        U::InUse { fault } => store(fault),
        U::NotThis { name, said } => format!("{name} отвечает, но это не этот RMM ({said})"),
        U::NotRmm { name } => format!("{name} отвечает, но это не RMM"),
        U::Late { name, seconds } => format!("{name}: нет ответа за {seconds} с"),
        U::CutOff { name, said } => format!("{name}: ответ оборвался: {said}"),
        U::Elsewhere { name, to } => format!("{name} перенаправляет на {to}; укажите в RMM_URL сам этот адрес"),
        U::Behind { name, status } => {
            format!("{name} отвечает {status}, и не так, как RMM: не остановлен ли RMM за прокси, верен ли RMM_URL?")
        }
        U::NotRunning { folder } => format!(
            "с данными в {folder} RMM не запущен, а до запуска ничего не изменится: запустите его командой `rmm serve` или задайте \
             RMM_URL и RMM_TOKEN, чтобы обратиться к RMM в другом месте"
        ),
        U::NeverRan { folder } => format!(
            "с данными в {folder} RMM не запущен и ещё не запускался: запустите его командой `rmm serve` или задайте RMM_URL и \
             RMM_TOKEN, чтобы обратиться к RMM в другом месте"
        ),
        U::NoRmm { folder } => format!("в {folder} нет RMM"),
        U::NeverWas { folder } => format!("в {folder} нет RMM: он не работает и никогда не работал"),
        U::NoAnswer { url, said } => {
            let why = said.as_deref().unwrap_or("ответа вовремя не было");
            format!("RMM по адресу {url} недоступен: {why}. Работает ли он там, верен ли RMM_URL?")
        }
        U::WentAway { socket, said } => {
            format!("связь с RMM на {socket} прервалась: {said}; не перезапускается ли он?")
        }
        U::Stopping => "RMM останавливается".to_owned(),
        U::NotReady { url, why } => format!("RMM по адресу {url} не готов: {why}"),
        U::Answered { url, said } => format!("{url} отвечает: {said}"),
    }
}

/// Строка сама по себе.
pub(in crate::wording) fn cli_note(note: &CliNote) -> String {
    use CliNote as N;
    match note {
        N::TokenUnused => "RMM_TOKEN без RMM_URL не используется; это делается от имени оператора".to_owned(),
        N::NotEncrypted => "RMM_URL — не https; токен идёт по сети незашифрованным".to_owned(),
        N::RecordedOnly { folder } => {
            format!("С данными в {folder} RMM не запущен; это записано, а работа начнётся с `rmm serve`")
        }
        N::PutAside { service } => {
            format!("сервис {service} из панели отключён, потому что его определение больше не годится")
        }
        N::DefinedTwice { service } => {
            format!("сервис {service} определён ещё и в панели; действует файл, а определение из панели отбрасывается")
        }
        N::ConfigErrors { errors, warnings } => format!("в конфигурации ошибок: {errors}, предупреждений: {warnings}"),
        N::NotForHere { file, errors, cannot_work } => {
            let what = if *cannot_work {
                "на этой машине это не будет работать"
            } else {
                "на этой машине это небезопасно"
            };
            let many = if *errors == 1 { String::new() } else { format!(", ошибок: {errors}") };
            format!("{file}: {what}{many}")
        }
        N::HiddenFromUnit { file, folder } => format!(
            "Юнит скрывает от RMM {folder}, а с ней и {file}: перенесите файл в /etc/rmm/rmm.toml, где его сможет прочитать \
             пользователь RMM, и вызовите `rmm --config /etc/rmm/rmm.toml init --systemd`."
        ),
        N::AnotherKey { before } => {
            format!("ВНИМАНИЕ: подтверждён другой ключ, {before}. Возможно, соединение кто-то перехватывает.")
        }
        N::RecordBroken { row, flaw } => {
            let flaw = flaw.as_deref().unwrap_or("RMM записал не это.");
            format!("ЖУРНАЛ АУДИТА НАРУШЕН, строка {row}: {flaw}")
        }
        N::FirstBadRow { row } => format!("rmm: журнал аудита изменён; первая неверная строка — {row}"),
        N::RecordAlarm { alarm, events } => {
            format!("ТРЕВОГА: {alarm}.\nОстальное в журнале аудита цело, событий: {events}.")
        }
        N::HostsNotReady { hosts } => format!("rmm: не готовы: {}", hosts.join(", ")),
        N::NotWell { what } => format!("rmm: не в порядке: {}", what.join(", ")),
    }
}
