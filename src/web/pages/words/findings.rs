//! What a look at a host has found, in Russian. The findings themselves, which programs and the record have, too, are in English;
//! what is not known here stays as it is.

use super::Language;

/// What was looked at.
pub(in crate::web::pages) fn name(language: Language, name: &str) -> &str {
    if language == Language::En {
        return name;
    }
    match name {
        "reachable" => "доступность",
        "jump" => "путь",
        "leads to" => "ведёт к",
        "key" => "ключ",
        "login" => "вход",
        "shell" => "оболочка",
        "run files" => "файлы прогонов",
        "repository" => "репозиторий",
        "RMM's git" => "git самого RMM",
        "disk space" => "место на диске",
        "clock" => "часы",
        "directory" => "папка",
        "place" => "что уже есть",
        "holder" => "кто здесь работает",
        "health" | "health check" => "проверка здоровья",
        other => other,
    }
}

/// A sentence; none: it is known in English only.
pub(in crate::web::pages) fn sentence(language: Language, detail: &str) -> Option<String> {
    match language {
        Language::En => Some(detail.to_owned()),
        Language::Ru => SENTENCES.iter().find_map(|(known, russian)| {
            let said = held(known, detail)?;
            Some(said.iter().fold((*russian).to_owned(), |text, said| text.replacen("{}", said, 1)))
        }),
    }
}

/// What stands in the places of a sentence, if this is it.
fn held<'d>(known: &str, detail: &'d str) -> Option<Vec<&'d str>> {
    let mut parts = known.split("{}");
    let mut rest = detail.strip_prefix(parts.next()?)?;
    let mut found = Vec::new();
    let mut parts = parts.peekable();
    while let Some(part) = parts.next() {
        // The last one reaches to the end.
        let at = if parts.peek().is_some() { rest.find(part)? } else { rest.strip_suffix(part)?.len() };
        let (said, behind) = rest.split_at(at);
        found.push(said);
        rest = &behind[part.len()..];
    }
    rest.is_empty().then_some(found)
}

/// The sentences, those first that others begin with.
const SENTENCES: &[(&str, &str)] = &[
    ("it is RMM's own machine", "это машина самого RMM"),
    ("an SSH server answers at {}", "по адресу {} отвечает SSH-сервер"),
    ("{} showed no key within {} s", "{} не показал ключ за {} с"),
    ("through {} ({} at {})", "через {} ({} на {})"),
    ("{} is in at {}; no service runs here", "{} входит по адресу {}; сервисов здесь нет"),
    ("{}, as rmm.toml says", "{}, как указано в rmm.toml"),
    ("{}, trusted", "{}, доверенный"),
    (
        "THE HOST KEY HAS CHANGED: {} is trusted, but the host has no such key and shows {}. The connection may be \
         intercepted; compare on the host itself before anything else",
        "КЛЮЧ ХОСТА ИЗМЕНИЛСЯ: доверенный — {}, но такого ключа у хоста нет, он показывает {}. Соединение могут \
         перехватывать; прежде всего сравните на самом хосте",
    ),
    (
        "{} is not trusted yet; compare it with `{}` on the host",
        "{}: ещё не доверенный; сравните на хосте с тем, что выведет `{}`",
    ),
    ("{} at {} takes connections from here", "{} по адресу {} принимает соединения отсюда"),
    ("{} answers RMM, which asks GitHub's API", "{} отвечает RMM через API GitHub"),
    ("{} answers RMM's own git", "{} отвечает git самого RMM"),
    ("what runs there now is not well: {}", "то, что там работает, неисправно: {}"),
    ("the host did not answer everything within {} s", "хост не ответил на всё за {} с"),
    ("{} can be asked {}; nothing answers there now", "{} можно спросить ({}); сейчас там никто не отвечает"),
    ("{} can be asked from RMM's own machine", "{} можно спросить с машины RMM"),
    ("{} can be asked through the host", "{} можно спросить через хост"),
    ("commands run as {}", "команды выполняет {}"),
    ("sh is there, and every program that RMM's scripts call", "sh и все программы, нужные RMM, на месте"),
    ("missing on the host: {}", "на хосте не хватает: {}"),
    ("{} takes the files of steps", "{} годится для файлов шагов"),
    (
        "{} does not take the files of steps, which need plain files, hard links and FIFOs: {}",
        "{} не годится для файлов шагов: им нужны обычные файлы, жёсткие ссылки и FIFO: {}",
    ),
    ("git is missing, and surfaces are checked out here", "нет git, а сюда выкладывается код"),
    ("{} answers git on the host", "{} отвечает git на хосте"),
    (
        "{} does not answer git on the host: {} belongs to another user than {}",
        "{} не отвечает git на хосте: {} принадлежит другому пользователю, а не {}",
    ),
    ("{} does not answer git on the host: {}", "{} не отвечает git на хосте: {}"),
    ("the daemon answers {}: version {}", "демон отвечает пользователю {}: версия {}"),
    ("the daemon does not answer {}: {}", "демон не отвечает пользователю {}: {}"),
    ("docker is missing, and surfaces are deployed with it here", "нет docker, а деплой здесь идёт через него"),
    (
        "docker has no plugin `compose`, and surfaces are started with it",
        "у docker нет плагина `compose`, а запуск идёт через него",
    ),
    ("`docker compose` does not work: {}", "`docker compose` не работает: {}"),
    ("`df` does not say how much is free for {}", "`df` не говорит, сколько свободно: {}"),
    ("{} of {} free for {}", "свободно {} из {}: {}"),
    ("agrees with RMM's", "идут как у RMM"),
    ("is {} s ahead of RMM's", "спешат на {} с относительно RMM"),
    ("is {} s behind RMM's", "отстают на {} с от RMM"),
    ("the host does not tell the time", "хост не говорит, который час"),
    ("{} can be written", "{}: запись возможна"),
    ("{} is there; nothing is checked out in it", "{} на месте; код туда не выкладывается"),
    (
        "{} is not there for {}, and RMM checks nothing out in it: no command can run there",
        "{} нет для пользователя {}, и RMM туда ничего не выкладывает: команды там не запустить",
    ),
    ("{} is not there yet; it can be made", "{} ещё нет; создать можно"),
    ("{} is not there and {} cannot make it in {}", "{} нет, и {} не может создать это в {}"),
    (
        "{} is a symbolic link that leads to no folder; make the folder that it names",
        "{} — ссылка, которая никуда не ведёт; создайте папку, на которую она указывает",
    ),
    ("{} is no directory", "{} — не папка"),
    ("{}: nothing else uses it, and there is room", "{}: никто другой этим не пользуется, места хватает"),
];

#[cfg(test)]
mod tests {
    use super::*;

    /// Where findings get their sentences.
    const SOURCES: [&str; 3] = [
        include_str!("../../../clients/checkup.rs"),
        include_str!("../../../clients/checkup/findings.rs"),
        include_str!("../../../engine/hosts/look.rs"),
    ];

    #[test]
    fn what_is_translated_is_what_is_said() {
        let flat: Vec<String> = SOURCES
            .iter()
            .map(|text| text.replace("\\\n", "").split_whitespace().collect::<Vec<_>>().join(" "))
            .collect();
        for (known, russian) in SENTENCES {
            assert_eq!(known.matches("{}").count(), russian.matches("{}").count(), "{known}");
            let longest = known.split("{}").max_by_key(|part| part.len()).unwrap_or_default().trim();
            let is_way = longest.ends_with("from RMM's own machine") || longest.ends_with("through the host");
            let longest = if is_way { "can be asked" } else { longest };
            assert!(flat.iter().any(|text| text.contains(longest)), "nothing says {longest:?} any more");
        }
    }

    #[test]
    fn a_finding_is_told_in_the_readers_language() {
        let ru = |detail| sentence(Language::Ru, detail);
        assert_eq!(ru("it is RMM's own machine").as_deref(), Some("это машина самого RMM"));
        assert_eq!(
            ru("40 GiB of 80 GiB free for /srv, /tmp").as_deref(),
            Some("свободно 40 GiB из 80 GiB: /srv, /tmp")
        );
        assert_eq!(
            ru("shop on stage: nothing else uses it, and there is room").as_deref(),
            Some("shop on stage: никто другой этим не пользуется, места хватает")
        );
        assert_eq!(ru("/srv can be written").as_deref(), Some("/srv: запись возможна"));
        assert_eq!(ru("something of tomorrow"), None);
        assert_eq!(sentence(Language::En, "as it is").as_deref(), Some("as it is"));
        assert_eq!((name(Language::Ru, "clock"), name(Language::En, "clock")), ("часы", "clock"));
    }
}
