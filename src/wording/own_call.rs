//! What RMM's own functions do on hosts, in words; the functions are those of `clients/tools`.

use super::Language;

impl Language {
    /// What a call of RMM's own functions does on a host, if a line of a step has one: what stands behind “RMM …”.
    #[must_use]
    pub fn own_call(self, line: &str) -> Option<String> {
        let pick = |en: &str, ru: &str| if self == Self::En { en.to_owned() } else { ru.to_owned() };
        if line.contains("$(rmm_remove_orphans)") {
            return Some(pick(
                "removes the containers that only the newer version has, if all of them are this surface's",
                "убирает контейнеры, которые есть только в новой версии, если все они этого компонента",
            ));
        }
        let words = shlex::split(line).unwrap_or_default();
        let word = |at: usize| words.get(at).map(String::as_str).unwrap_or_default();
        let call = words.first().filter(|call| call.starts_with("rmm_"))?;
        Some(match call.as_str() {
            "rmm_room" => pick(
                &format!("stops if there is too little room for {}", word(2)),
                &format!("останавливает шаг, если для {} мало места", word(2)),
            ),
            "rmm_compose_place" => pick(
                &format!("stops if the compose project {} belongs to another folder", word(2)),
                &format!("останавливает шаг, если проект compose {} чужой", word(2)),
            ),
            "rmm_compose_ask" if word(2) == "name" => pick(
                "stops if the project that the files name belongs to another folder",
                "останавливает шаг, если проект, который называют файлы, чужой",
            ),
            "rmm_compose_ask" => pick(
                "stops if a container that the files name belongs to another folder",
                "останавливает шаг, если контейнер, который называют файлы, чужой",
            ),
            "rmm_fetch" => {
                pick("fetches the commit and changes nothing else", "загружает коммит и больше ничего не меняет")
            }
            "rmm_verify_tag" => pick(
                "stops if the tag points at another commit by now",
                "останавливает шаг, если тег уже на другом коммите",
            ),
            "rmm_checkout" => {
                pick("makes the folder hold the commit, and compares it", "приводит каталог к коммиту и сверяет его")
            }
            "rmm_tell_image_room" => {
                pick("says whether docker's disk is nearly full", "сообщает, не заканчивается ли место на диске docker")
            }
            "rmm_compose_before" => pick(
                "notes which containers there are, for the rollback",
                "запоминает для отката, какие контейнеры есть",
            ),
            "rmm_compose_retire" => pick(
                "removes containers of services that this version does not start",
                "удаляет контейнеры сервисов, которые эта версия не запускает",
            ),
            "rmm_compose_back" => pick(
                "removes containers that only the newer version has",
                "удаляет контейнеры, которые есть только в новой версии",
            ),
            "rmm_compose_keep" if word(1) == "1" => {
                pick("removes its images of all versions but the last", "удаляет образы всех версий, кроме последней")
            }
            "rmm_compose_keep" => pick(
                &format!("removes its images of all versions but the last {}", word(1)),
                &format!("удаляет образы всех версий, оставляя последние: {}", word(1)),
            ),
            "rmm_compose_well" => pick(
                "waits until the containers run, are healthy and stay so",
                "ждёт, пока контейнеры не станут здоровыми и не останутся такими",
            ),
            "rmm_containers_place" => pick(
                "stops if a container of such a name belongs to another service or environment",
                "останавливает шаг, если контейнер с таким именем принадлежит другому сервису или окружению",
            ),
            _ => pick("calls a function of its own", "вызывает собственную функцию"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_call_of_rmms_own_is_told_in_every_language() {
        let calls = [
            "rmm_room auto /srv/app docker",
            "rmm_compose_place /srv/app shop",
            "rmm_compose_ask /srv/app name",
            "rmm_compose_ask /srv/app container",
            "rmm_fetch /srv/app",
            "rmm_verify_tag /srv/app",
            "rmm_checkout /srv/app",
            "rmm_tell_image_room docker",
            "rmm_compose_before",
            "rmm_compose_retire",
            "rmm_compose_back",
            "rmm_compose_keep 1 abc",
            "rmm_compose_keep 2 abc",
            "rmm_compose_well",
            "rmm_containers_place shop stage shop-db",
            "rmm_new",
            "docker compose up -d $(rmm_remove_orphans)",
        ];
        let told = |call: &str, language: Language| language.own_call(call).unwrap_or_default();
        let text =
            calls.map(|call| format!("{call}\n  {}\n  {}\n", told(call, Language::En), told(call, Language::Ru)));
        let text = text.concat();
        insta::assert_snapshot!(text);
    }
}
