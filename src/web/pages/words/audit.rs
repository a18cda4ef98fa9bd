//! Labels of the page about the record.

use super::Language;

/// Labels of the page about the record in one language.
#[derive(Debug)]
pub(in crate::web::pages) struct Audit {
    pub title: &'static str,
    pub lead: &'static str,
    pub find: &'static str,
    pub every_service: &'static str,
    pub by: &'static str,
    pub everyone: &'static str,
    pub kind: &'static str,
    pub every_kind: &'static str,
    pub since: &'static str,
    pub until: &'static str,
    pub text: &'static str,
    pub filter: &'static str,
    pub clear: &'static str,
    pub what: &'static str,
    pub when: &'static str,
    pub about: &'static str,
    pub export: &'static str,
    pub older: &'static str,
    pub newest: &'static str,
    pub nothing: &'static str,
    pub nothing_yet: &'static str,
    pub looked_back_to: &'static str,
    pub look_on: &'static str,
    pub chain: &'static str,
    pub intact_up_to: &'static str,
    pub unchecked: &'static str,
    pub checked: &'static str,
    pub check: &'static str,
    pub head: &'static str,
    pub alarm: &'static str,
    pub alarm_ends: &'static str,
    pub broken_at: &'static str,
    pub run: &'static str,
}

const EN: Audit = Audit {
    title: "Audit",
    lead: "Everything that was done, by whom and when. Nothing in it is ever changed.",
    find: "Find in the record",
    every_service: "All services",
    by: "By",
    everyone: "Everyone",
    kind: "What",
    every_kind: "Everything",
    since: "From",
    until: "Until",
    text: "Words shown or recorded",
    filter: "Filter",
    clear: "Show everything",
    what: "What happened",
    when: "When",
    about: "About",
    export: "All filtered events as",
    older: "Older",
    newest: "Newest",
    nothing: "There are no such events on the record.",
    nothing_yet: "Nothing found so far.",
    looked_back_to: "Looked back to",
    look_on: "Look further back",
    chain: "Chain of the record",
    intact_up_to: "Intact up to event",
    unchecked: "Not checked since RMM started",
    checked: "checked",
    check: "Check now",
    head: "Its seal, to keep elsewhere",
    alarm: "The record was changed behind RMM's back",
    alarm_ends: "Look first; an admin ends the alarm on the server:",
    broken_at: "The first flaw is at event",
    run: "run",
};

const RU: Audit = Audit {
    title: "Журнал аудита",
    lead: "Всё, что было сделано, кем и когда. События никогда не меняются.",
    find: "Поиск по журналу аудита",
    every_service: "Все сервисы",
    by: "Кто",
    everyone: "Все",
    kind: "Что",
    every_kind: "Все события",
    since: "С",
    until: "До",
    text: "Слова на странице или в записи",
    filter: "Показать",
    clear: "Сбросить фильтр",
    what: "Что произошло",
    when: "Когда",
    about: "О чём",
    export: "Всё найденное в формате",
    older: "Раньше",
    newest: "Самые новые",
    nothing: "Таких событий в журнале аудита нет.",
    nothing_yet: "Пока ничего не найдено.",
    looked_back_to: "Просмотрено до",
    look_on: "Искать дальше",
    chain: "Цепочка журнала аудита",
    intact_up_to: "Цела до события",
    unchecked: "После запуска RMM не проверялась",
    checked: "проверена",
    check: "Проверить сейчас",
    head: "Её подпись, чтобы записать в другом месте",
    alarm: "Журнал аудита изменён в обход RMM",
    alarm_ends: "Сначала разберитесь; тревогу снимает администратор на сервере:",
    broken_at: "Первое нарушение — в событии",
    run: "прогон",
};

/// The labels in a language.
pub(in crate::web::pages) const fn of(language: Language) -> &'static Audit {
    match language {
        Language::En => &EN,
        Language::Ru => &RU,
    }
}

/// Kinds of events: as the record has them, and as people call them, in English and Russian.
const KINDS: &[(&str, &str, &str)] = &[
    ("release_created", "Release created", "Релиз создан"),
    ("release_moved", "Status of a release", "Статус релиза"),
    ("initiator_proven", "Initiator named by GitHub", "Инициатор от GitHub"),
    ("release_retried", "Release tried again", "Релиз начат заново"),
    ("release_updated", "Artifacts reported", "Артефакты получены"),
    ("release_promoted", "Release promoted", "Релиз отправлен в продакшн"),
    ("commit_resolved", "Commit found", "Коммит определён"),
    ("commit_unresolved", "Commit not known", "Коммит неизвестен"),
    ("tag_moved", "Tag moved or gone", "Тег перенесён или удалён"),
    ("release_approved", "Approved", "Подтверждение"),
    ("release_rejected", "Rejected", "Отклонение"),
    ("gates_bypassed", "Gates skipped", "Условия пропущены"),
    ("nothing_to_rehearse", "Nothing to rehearse", "Репетировать нечего"),
    ("nothing_tells", "Surface without a health check", "Компонент без проверки"),
    ("rehearsal_stale", "Rehearsal out of date", "Репетиция устарела"),
    ("run_created", "Run planned", "Прогон запланирован"),
    ("run_started", "Run started", "Прогон начат"),
    ("run_waiting", "Run waits", "Прогон ждёт"),
    ("workflow_started", "Workflow started", "Workflow запущен"),
    ("run_stopping", "Run being stopped", "Прогон останавливается"),
    ("run_ended", "Run ended", "Прогон закончен"),
    ("run_resolved", "Run resolved", "Решение о прогоне"),
    ("step_started", "Step started", "Шаг начат"),
    ("step_ended", "Step ended", "Шаг закончен"),
    ("hand_work_found", "Manual changes found", "Найдены ручные изменения"),
    ("environment_changed", "Version in an environment", "Версия в окружении"),
    ("host_left_behind", "Host left behind", "Хост оставлен"),
    ("host_caught_up", "Host caught up", "Хост догнал остальные"),
    ("host_given_up", "Host given up", "Хост списан"),
    ("earlier_steps_ended", "Earlier steps ended", "Прежние шаги остановлены"),
    ("migration_found_done", "Migration found done", "Миграция уже выполнена"),
    ("environment_dirty", "Environment needs repair", "Окружение нужно починить"),
    ("environment_repaired", "Environment repaired", "Окружение починено"),
    ("environment_unknown", "Environment unknown", "Состояние окружения неизвестно"),
    ("environment_settled", "Environment settled", "Состояние окружения выяснено"),
    ("foreign_run_found", "Another copy of the database", "Другая копия базы данных"),
    ("service_renamed", "Service renamed", "Сервис переименован"),
    ("service_defined", "Service defined", "Сервис определён"),
    ("service_removed", "Service removed", "Сервис удалён"),
    ("service_moved_to_file", "Service moved to rmm.toml", "Сервис перенесён в rmm.toml"),
    ("database_restored", "Database restored", "База данных восстановлена"),
    ("record_alarm_raised", "Record changed", "Журнал изменён"),
    ("record_alarm_acknowledged", "Change of the record acknowledged", "Изменение журнала принято к сведению"),
    ("record_key_rotated", "Key of the record changed", "Ключ журнала сменён"),
    ("clock_jumped", "Clock changed", "Часы переведены"),
    ("production_locked", "Production locked", "Продакшн заблокирован"),
    ("production_unlocked", "Production unlocked", "Продакшн разблокирован"),
    ("report_refused", "Report refused", "Отчёт отклонён"),
    ("token_created", "Token made", "Токен создан"),
    ("token_adopted", "Token adopted", "Токен передан"),
    ("token_revoked", "Token revoked", "Токен отозван"),
    ("login_link_made", "Sign-in link made", "Ссылка для входа создана"),
    ("signed_in", "Signed in", "Вход в панель"),
    ("session_ended", "Session ended", "Сеанс закрыт"),
    ("host_key_seen", "Host key seen", "Ключ хоста замечен"),
    ("host_key_changed", "Host key changed", "Ключ хоста сменился"),
    ("host_key_restored", "Host key as before", "Ключ хоста прежний"),
    ("host_trusted", "Host trusted", "Ключ хоста подтверждён"),
    ("telegram_claimed", "Telegram account claimed", "Учётная запись Telegram заявлена"),
    ("telegram_confirmed", "Telegram account confirmed", "Учётная запись Telegram подтверждена"),
    ("telegram_refused", "Telegram account refused", "Учётная запись Telegram отклонена"),
    ("backup_made", "Backup made", "Резервная копия сделана"),
    ("alert_silenced", "Alert silenced", "Оповещение заглушено"),
];

/// What people call a kind of events; one of a newer RMM has its own name.
pub(in crate::web::pages) fn kind(language: Language, kind: &str) -> String {
    let known = KINDS.iter().find(|(known, ..)| *known == kind);
    match (known, language) {
        (Some((_, en, _)), Language::En) => (*en).to_owned(),
        (Some((.., ru)), Language::Ru) => (*ru).to_owned(),
        (None, _) => kind.replace('_', " "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_event_has_a_name_in_every_language() {
        let source = include_str!("../../../domain/event.rs");
        let (_, variants) = source.split_once("pub enum Event {\n").unwrap();
        let variants = variants.split_once("\n}").unwrap().0.lines().filter_map(|line| line.strip_prefix("    "));
        let name = |line: &str| line.chars().take_while(char::is_ascii_alphanumeric).collect::<String>();
        let names = variants.map(name).filter(|name| name.starts_with(|c: char| c.is_ascii_uppercase()));
        let known: Vec<_> = KINDS.iter().map(|(kind, ..)| kind.replace('_', "")).collect();
        let names: Vec<_> = names.map(|name| name.to_lowercase()).collect();
        assert_eq!(names, known, "in the same order");
        assert_eq!(kind(Language::Ru, "release_rejected"), "Отклонение");
        assert_eq!(kind(Language::En, "of_a_newer_rmm"), "of a newer rmm");
    }
}
