//! Что можно сказать о хосте.

use super::super::reason::git_advice;
use super::super::{list, on, reason};
use crate::domain::finding::HostFact;
use crate::domain::finding::host::{AskedFrom, Place};
use crate::wording::free_space;

const OWN_FOLDER: &str = "; дайте компоненту отдельную папку (`directory`)";

/// Фраза со строчной буквы, без точки.
pub(in crate::wording) fn host_fact(fact: &HostFact) -> String {
    use HostFact as F;
    match fact {
        F::OwnMachine => "это машина, где работает сам RMM".into(),
        F::SshAnswers { address } => format!("по адресу {address} отвечает SSH-сервер"),
        F::ShowsNoKey { address, limit } => format!("{address} за {} с не показал ключа", limit.as_secs()),
        F::Through { host, user, address } => format!("через {host} (пользователь {user}, адрес {address})"),
        F::OfJumpHost { host, found } => format!("промежуточный хост {host}: {}", host_fact(found)),
        F::LeadsOn { host, address } => format!("{host} ({address}) принимает отсюда соединения"),
        F::LeadsOnNever { host, cause } => format!("до {host} RMM добирается через этот хост, но {}", reason(cause)),
        F::LeadsOnNotNow { host, cause } => format!("{host}: {}", reason(cause)),
        F::LoginOnly { user, address } => {
            format!("{address} пускает пользователя {user}; сервисов на этом хосте нет")
        }

        F::PinnedKey { key } => format!("{key}, как указано в rmm.toml"),
        F::TrustedKey { key } => format!("{key}, подтверждён"),
        F::OtherKey { trusted, offered } => {
            let trusted: Vec<_> = trusted.iter().map(ToString::to_string).collect();
            format!(
                "КЛЮЧ ХОСТА ИЗМЕНИЛСЯ: подтверждён {}, но такого ключа у хоста нет, и он показывает {offered}. Возможно, соединение \
                 перехвачено; прежде всего сравните ключ на самом хосте",
                trusted.join(" или ")
            )
        }
        F::NewKey { key, compare } => {
            format!("{key} ещё не подтверждён; сравните его на самом хосте: `{compare}`")
        }

        F::RunsAs { user } => format!("команды выполняются от имени {user}"),
        F::ShellFit => "есть sh и все программы, которые нужны скриптам RMM".into(),
        F::ShellLacks { programs } => format!("на хосте нет программ: {}", list(programs)),
        F::ShellBroke { status, said } => {
            format!("`sh` не выполнил скрипт RMM до конца (код {status}){}", behind(said.as_deref()))
        }
        F::ShellRefuses { status, said } => format!(
            "оболочка пользователя не выполнила скрипт RMM (код {status}); она должна выполнять команды, а nologin и false этого не \
             делают{}",
            behind(said.as_deref())
        ),
        F::AnswersLate { limit } => format!("хост не успел ответить на всё за {} с", limit.as_secs()),

        F::Installed { version } => version.clone(),
        F::GitMissing => "нет git, а RMM загружает сюда код".into(),
        F::RepositoryAnswers { url } => format!("git на хосте получает ответ от {url}"),
        F::RepositoryUntrusted { url, folder, user } => {
            format!("git на хосте не получает ответа от {url}: {folder} принадлежит не {user}, а другому пользователю")
        }
        F::RepositorySilent { url, said, advice } => {
            format!("git на хосте не получает ответа от {url}: {said}{}", advice.map(git_advice).unwrap_or_default())
        }
        F::OwnRepositoryAnswers { url, by_api: true } => format!("RMM получает ответ от {url} через API GitHub"),
        F::OwnRepositoryAnswers { url, by_api: false } => format!("git самого RMM получает ответ от {url}"),
        F::DockerAnswers { user, version } => format!("docker отвечает пользователю {user}: версия {version}"),
        F::DockerSilent { user, said } => format!("docker не отвечает пользователю {user}: {said}"),
        F::DockerMissing => "нет docker, а компоненты запускаются здесь через него".into(),
        F::ComposeMissing => "у docker нет плагина `compose`, а компоненты запускаются через него".into(),
        F::ComposeFails { said } => format!("`docker compose` не работает: {said}"),

        F::Free { free, total, paths } => {
            let [free, total] = [*free, *total].map(|bytes| free_space(bytes, ["МиБ", "ГиБ"]));
            format!("свободно {free} из {total}: {}", list(paths))
        }
        F::FreeUnknown { paths } => format!("`df` не говорит, сколько места свободно: {}", list(paths)),
        F::ClockAgrees => "идут вровень с часами RMM".into(),
        F::ClockOff { seconds: ahead @ 0.. } => format!("спешат на {ahead} с относительно часов RMM"),
        F::ClockOff { seconds: behind } => format!("отстают на {} с от часов RMM", behind.unsigned_abs()),
        F::ClockUnknown => "хост не сообщает время".into(),

        F::RunFilesFit { folder } => format!("{folder} подходит для файлов прогонов"),
        F::RunFilesUnfit { folder, said } => {
            format!("{folder} не подходит для файлов прогонов: нужны обычные файлы, жёсткие ссылки и FIFO; {said}")
        }
        F::FolderWritable { path } => format!("{path} доступна для записи"),
        F::FolderThere { path } => format!("{path} есть; код туда не загружается"),
        F::FolderAbsent { path, user } => format!(
            "пользователю {user} папка {path} недоступна или её нет, а RMM не загружает туда код: выполнять команды там нельзя"
        ),
        F::FolderToBeMade { path } => format!("{path} ещё нет; RMM может её создать"),
        F::FolderOfOther { path, user, own_folder, trust } => format!(
            "{path} принадлежит не {user}, а другому пользователю, и git отказывается там работать{}; или разрешите git пользователя \
             {user} работать там всё равно: `{trust}`",
            own(*own_folder)
        ),
        F::FolderReadOnly { path, user, own_folder } => {
            format!("пользователь {user} не может писать в {path}{}", own(*own_folder))
        }
        F::LinkToNowhere { path } => {
            format!(
                "{path} — символическая ссылка, которая не ведёт ни к какой папке; создайте папку, на которую она указывает"
            )
        }
        F::NoFolder { path } => format!("{path} — не папка"),
        F::FolderNotToBeMade { path, user, near, own_folder } => {
            format!("{path} нет, и пользователь {user} не может создать её в {near}{}", own(*own_folder))
        }
        F::LinkToSystem { path, real } => {
            format!("{path} ведёт здесь в {real}, куда код загружать нельзя{OWN_FOLDER}")
        }
        F::SameFolder { path, other, real } => format!(
            "{path} и {other} здесь одна и та же папка, {real}; дайте каждому компоненту отдельную папку или напишите обе одинаково \
             (`directory`)"
        ),

        F::PlaceFit { place } => format!("{}: больше никем не занято, места хватает", title(place)),
        F::PlaceSays { place, said } => format!("{}: {said}", title(place)),

        F::Askable { address, from } => format!("{address} доступен {}", way(*from)),
        F::AskableSilent { address, from } => {
            format!("{address} доступен {}; сейчас там никто не отвечает", way(*from))
        }
        F::AskedForbidden { address, from, cause, instead } => {
            let instead = if *instead {
                " (проверено вместо адреса, который станет известен с релизом)"
            } else {
                ""
            };
            format!("проверка здоровья обращается к {address} {}, но {}{instead}", way(*from), reason(cause))
        }
        F::AskedNowhere { address, from, cause } => format!(
            "проверка здоровья обращается к {address} {}, а такого имени там нет: {}",
            way(*from),
            reason(cause)
        ),
        F::Unwell { cause } => format!("с тем, что там сейчас работает, не всё в порядке: {}", reason(cause)),
    }
}

const fn own(own_folder: bool) -> &'static str {
    if own_folder { OWN_FOLDER } else { "" }
}

fn behind(said: Option<&str>) -> String {
    said.map(|said| format!(": {said}")).unwrap_or_default()
}

fn title(Place { surface, service, environment, folder }: &Place) -> String {
    format!("{surface} сервиса {service} {}, {}", on(*environment), folder.as_deref().unwrap_or("~"))
}

const fn way(from: AskedFrom) -> &'static str {
    match from {
        AskedFrom::Host => "через хост",
        AskedFrom::Rmm => "с машины RMM",
    }
}
