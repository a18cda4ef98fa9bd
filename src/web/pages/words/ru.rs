//! Russian.

use super::Words;
use crate::domain::moves::Move;
use crate::domain::run::RunState;
use crate::domain::standing::Phase;
use crate::wording::{Language, russian_plural};

pub(super) const WORDS: Words = Words {
    language: Language::Ru,
    skip: "К содержанию",
    board: "Доска",
    account: "Учётная запись",
    main_parts: "Разделы",
    breadcrumb: "Путь",
    times_in: "Время:",
    live: "Обновляется",
    stale: "Нет связи: данные могли устареть",
    held: "Есть изменения: закройте открытое, чтобы увидеть их",
    sign_in: "Вход",
    sign_out: "Выйти",
    session_over: "Вы вышли из системы.",
    signed_out: "Вы вышли, ничего не сделано. Войдите и повторите",
    ask_bot: "Войти можно по ссылке, один раз, 10 минут: отправьте /login боту команды или попросите администратора RMM.",
    on_server: "На сервере такую же ссылку печатает:",
    link_or_code: "Ссылка или код",
    sign_in_with_it: "Войти",
    link_is_over: "Ссылка уже использована или её время вышло. Попросите новую.",
    offer: "По этой ссылке вы войдёте как",
    sign_in_as: "Войти как",
    foreign_form: "это пришло не со страницы этого RMM, или страница старше вашего входа: ничего не сделано. Откройте страницу заново и повторите",
    odd_address: "часть этого адреса не читается: вернитесь назад или начните с доски",
    not_here: "Такой страницы нет",
    not_allowed: "Нельзя",
    not_now: "Сейчас не получится",
    not_done: "Не сделано",
    go_back: "Назад",
    role: "Роль",
    language_label: "Язык",
    colours: "Цвета",
    of_system: "Как в системе",
    light: "Светлые",
    dark: "Тёмные",
    save: "Сохранить",
    sessions: "Где вы вошли",
    this_one: "этот браузер",
    since: "вход",
    seen: "последний раз",
    end_session: "Выйти там",
    end_other_sessions: "Выйти везде, кроме этого браузера",
    needs_you: "Ждёт вас",
    waits_for_your_approval: "ждёт вашего подтверждения",
    review: "Посмотреть и подтвердить",
    on_their_way: "В пути",
    nothing_now: "Пусто",
    what_runs_where: "Что где работает",
    service: "Сервис",
    stage: "Stage",
    production: "Продакшн",
    nothing_yet: "пока ничего",
    difference: "Разница",
    no_difference: "нет",
    last_ended: "Завершены последними",
    release: "Релиз",
    result: "Итог",
    ended: "Завершён",
    from_tag: "От тега",
    by: "Кто",
    first_release: "Релизов ещё нет. Первый создаёт:",
    unknown_state: "что здесь работает, неизвестно",
    needs_repair: "нужно починить",
    commit: "Коммит",
    started_by: "инициатор",
    owner: "ответственный",
    attempt: "попытка",
    gates: "Условия перед продакшном",
    met: "Выполнено",
    not_met: "Не выполнено",
    skipped: "Пропущено",
    approvals: "Подтверждения",
    you: "вы",
    approved: "Подтверждено",
    rejected: "Отклонено",
    waiting: "Ждём",
    runs: "Прогоны",
    step: "Шаг",
    took: "Длился",
    host: "Хост",
    commits_since: "Коммиты с",
    compare: "Сравнить",
    timeline: "История",
    surface: "Компонент",
    surfaces: "Компоненты",
    artifact: "Артефакт",
    preview: "Превью",
    notes: "Примечания",
    ci_run: "Запуск CI",
    output: "Вывод",
    first_failure: "К первой ошибке",
    raw: "Как есть",
    download: "Скачать",
    no_output: "Вывода нет.",
    earlier_lines: "Строки выше",
    later_lines: "Строки ниже",
    unlock: "Разблокировать продакшн",
    unlock_follows: "Релизы сервиса снова пойдут в продакшн.",
    lock: "Заблокировать продакшн…",
    lock_heading: "Заблокировать продакшн",
    lock_follows: "В продакшн ничего не пойдёт, пока администратор его не разблокирует. Что уже идёт, продолжится.",
    history: "История",
    approvers: "Кто подтверждает",
    in_line: "В очереди в продакшн",
    good_versions: "Версии для отката",
    reason: "Причина",
    reason_hint: "Увидит команда, сохранится в журнале аудита",
    which_gates: "Какие условия пропустить",
    force: "Выполнить, даже если прошлый прогон ещё идёт",
    version: "Версия, на которую откатить",
    progress: "Ход релиза",
};

pub(super) const fn phase(phase: Phase) -> &'static str {
    match phase {
        Phase::Stage => "Stage",
        Phase::Rehearsal => "Репетиция",
        Phase::People => "Перед продакшном",
        Phase::Production => "Деплой",
        Phase::Back => "Откат",
    }
}

pub(super) const fn button(wanted: Move) -> &'static str {
    match wanted {
        Move::Settle => "Указать, что работает…",
        Move::Resolve => "Указать исход…",
        Move::Approve => "Подтвердить…",
        Move::Reject => "Отклонить…",
        Move::Promote => "В продакшн…",
        Move::Bypass => "Пропустить условия…",
        Move::Unlock => "Разблокировать продакшн…",
        Move::Cancel => "Отменить…",
        Move::Abort => "Прервать и откатить…",
        Move::Rollback => "Откатить…",
        Move::Retry => "Повторить…",
    }
}

pub(super) fn act_on(wanted: Move, title: &str) -> String {
    match wanted {
        Move::Settle => "Указать, что там работает".to_owned(),
        Move::Resolve => "Указать исход".to_owned(),
        Move::Approve => format!("Подтвердить {title}"),
        Move::Reject => format!("Отклонить {title}"),
        Move::Promote => format!("Отправить {title} в продакшн"),
        Move::Bypass => format!("Пропустить условия для {title}"),
        Move::Unlock => "Разблокировать продакшн".to_owned(),
        Move::Cancel => format!("Отменить {title}"),
        Move::Abort => format!("Прервать деплой {title} и откатить"),
        Move::Rollback => format!("Откатить {title}"),
        Move::Retry => format!("Повторить {title}"),
    }
}

pub(super) const fn follows(wanted: Move) -> &'static str {
    match wanted {
        Move::Settle | Move::Resolve => "Сначала проверьте на хостах: RMM будет исходить из того, что вы укажете.",
        Move::Approve => {
            "Вы подтверждаете, что проверили релиз. Деплой в продакшн начнётся, когда выполнены все условия."
        }
        Move::Reject => "Один отказ завершает голосование. Релиз можно повторить.",
        Move::Promote => "Начнётся деплой в продакшн.",
        Move::Bypass => "Для аварий. Команда увидит, кто что пропустил и почему.",
        Move::Unlock => "Релизы сервиса снова пойдут в продакшн.",
        Move::Cancel => "Релиз на этом закончится. Продакшн не тронут.",
        Move::Abort => "Текущий шаг будет остановлен, и начнётся откат продакшна.",
        Move::Rollback => {
            "Продакшн откатится вместе с миграциями и будет заблокирован, пока администратор его не разблокирует."
        }
        Move::Retry => "Релиз начнётся сначала под тем же номером. Голосовать нужно заново.",
    }
}

pub(super) const fn run_state(state: &RunState) -> &'static str {
    match state {
        RunState::Queued => "В очереди",
        RunState::Running => "Идёт",
        RunState::Succeeded => "Успешно",
        RunState::Failed { .. } => "Не удался",
        RunState::Stopped { .. } => "Остановлен",
        RunState::Unknown { .. } => "Неизвестно",
    }
}

pub(super) fn board_summary(active: usize, mine: usize) -> String {
    let active = match active as u64 {
        0 => "В пути ничего нет".to_owned(),
        count => format!("{count} {} в пути", russian_plural(count, "релиз", "релиза", "релизов")),
    };
    match mine as u64 {
        0 => active,
        count => format!("{active} · {count} {} вас", russian_plural(count, "ждёт", "ждут", "ждут")),
    }
}
