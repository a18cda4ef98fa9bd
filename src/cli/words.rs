//! The command line's own short words in the languages of RMM. Commands, names of the API and `--help` are no words.
//!
//! A language is a value of [`Words`], so that the compiler finds a word that a language lacks.

use std::fmt::Display;

use crate::contract::{self, GateView, ReleaseView, SkippedView, Word};
use crate::domain::env::Env;
use crate::domain::gate::Remedy;
use crate::domain::host::KeyState;
use crate::domain::reason::Reason;
use crate::domain::status::Status;
use crate::terminal::{Ui, clean};
use crate::wording::Language::{self, En, Ru};
use crate::wording::{english, english_gate, english_remedy};

macro_rules! words {
    ($($name:ident = $en:literal, $ru:literal;)*) => {
        /// Words that stand by themselves.
        pub(in crate::cli) struct Words { $(pub $name: &'static str,)* }

        const ENGLISH: Words = Words { $($name: $en,)* };
        const RUSSIAN: Words = Words { $($name: $ru,)* };
    };
}

words! {
    // Headings of tables.
    release_column = "RELEASE", "РЕЛИЗ";
    service_column = "SERVICE", "СЕРВИС";
    version_column = "VERSION", "ВЕРСИЯ";
    status_column = "STATUS", "СТАТУС";
    since_column = "SINCE", "СТАТУС С";
    by_column = "BY", "ИНИЦИАТОР";
    run_column = "RUN", "ПРОГОН";
    what_column = "WHAT", "ЧТО";
    state_column = "STATE", "СОСТОЯНИЕ";
    steps_column = "STEPS", "ШАГИ";
    started_column = "STARTED", "НАЧАТ";
    took_column = "TOOK", "ДЛИЛСЯ";
    production_column = "PRODUCTION", "ПРОДАКШН";
    stage_column = "STAGE", "STAGE";
    approvers_column = "APPROVERS", "КТО ПОДТВЕРЖДАЕТ";
    deployed_column = "DEPLOYED", "ЗАДЕПЛОЕН";
    person_column = "PERSON", "ЧЕЛОВЕК";
    role_column = "ROLE", "РОЛЬ";
    approves_column = "APPROVES", "ПОДТВЕРЖДАЕТ";
    host_column = "HOST", "ХОСТ";
    address_column = "ADDRESS", "АДРЕС";
    user_column = "USER", "ПОЛЬЗОВАТЕЛЬ";
    key_column = "KEY", "КЛЮЧ";
    fingerprint_column = "FINGERPRINT", "ОТПЕЧАТОК";
    services_column = "SERVICES", "СЕРВИСЫ";
    token_column = "TOKEN", "ТОКЕН";
    scope_column = "FOR", "ДЛЯ";
    valid_column = "VALID", "ДЕЙСТВУЕТ";
    last_used_column = "LAST USED", "ИСПОЛЬЗОВАН";
    made_by_column = "MADE BY", "КЕМ СОЗДАН";

    // Behind the sentence that says where a release stands after a decision.
    is_being_cancelled =
        " It is being cancelled: what is under way for it, here or at GitHub, ends first; `rmm release show` tells.",
        " Отмена идёт: сначала закончится то, что уже запущено для него здесь или на GitHub; видно в `rmm release show`.";

    // Labels of cards, at most ten characters.
    commit = "Commit", "Коммит";
    started_by = "Started by", "Инициатор";
    elapsed = "Elapsed", "Прошло";
    ci_run = "CI run", "Запуск CI";
    surface = "Surface", "Компонент";
    surfaces = "Surfaces", "Компоненты";
    notes = "Notes", "Примечания";
    state = "State", "Состояние";
    repository = "Repository", "Адрес git";
    approvers = "Approvers", "Голосуют";
    stage = "Stage", "Stage";
    production = "Production", "Продакшн";
    locked = "Locked", "Блокировка";
    left = "Left", "Без хоста";
    unknown = "Unknown", "Неизвестно";
    repair = "Repair", "Починить";
    copy = "Copy", "Копия";
    running = "Running", "Прогон";
    awaited = "Awaited", "Прогон";
    on_stage = "On stage", "На stage";
    waits = "Waits", "В очереди";

    // Headings of parts of a card.
    approvals = "Approvals", "Подтверждения";
    before_production = "Before production", "Мешает продакшну";
    commits_since = "Commits since", "Коммиты с";
    pull_requests = "Pull requests", "Пул-реквесты";
    runs = "Runs", "Прогоны";
    what_you_can_do = "What you can do", "Что можно сделать";
    good_versions = "Good versions", "Версии для отката";

    // What stands in tables and cards.
    by_ci = "by CI", "в CI";
    waits_for_ci = "waits for CI", "ждёт CI";
    stopping = "stopping", "останавливается";
    state_unknown = "unknown", "неизвестно";
    needs_repair = "needs repair", "нужно починить";
    is_locked = "locked", "заблокирован";
    is_retired = "retired", "выведен";
    retired = "retired: not in the configuration any more; what is under way ends, and nothing new begins",
        "выведен: его больше нет в конфигурации; начатое закончится, новое не начнётся";
    is_put_aside = "disabled", "отключён";
    put_aside = "disabled: its definition in the dashboard is no longer valid (`rmm service definition` says why); what is \
                 under way ends, and nothing new begins",
        "отключён: его определение в панели больше не годится (почему, скажет `rmm service definition`); начатое \
         закончится, новое не начнётся";
    no_approvals = "none required", "подтверждения не нужны";
    key_changed = "CHANGED", "ДРУГОЙ";
    no = "no: ", "нет: ";
    is_no_admin = " is no admin", " — не администратор";
    is_not_configured = " is not in rmm.toml", " — нет в rmm.toml";
    revoked = "revoked", "отозван";
    expires = "expires", "истекает";
    never = "never", "никогда";
    expired = "expired", "истёк";
    until_revoked = "until revoked", "до отзыва";
    every_service = "every service", "все сервисы";
    its_maker = "its maker", "его создатель";
    its_person = "its person", "его владелец";
    no_releases = "There are no releases yet; `rmm release create` makes one.",
        "Релизов ещё нет; создать: `rmm release create`.";
    no_such_releases = "There are no such releases.", "Таких релизов нет.";
    no_runs = "It has no runs yet.\n", "Прогонов ещё нет.\n";
    waiting_to_be_confirmed = "Waiting to be confirmed", "Ждут подтверждения";
    no_people = "The configuration has no people; add them under [[people]].",
        "В конфигурации нет людей; добавьте их в [[people]].";
    gates_are_past = "Gates are checked before production; this release has passed them or has ended.\n",
        "Условия проверяются перед продакшном; этот релиз их прошёл или уже завершён.\n";
    nothing = "nothing", "ничего";
    compare_it = "Compare it on the host itself:", "Сравните его с ключом на самом хосте:";
    is_it_the_same = "Is it the same?", "Совпадает?";
    no_terminal = "there is no terminal to compare the key on; nothing was trusted", "сравнить ключ некому; он не подтверждён";
    nothing_trusted = "nothing was trusted", "ключ не подтверждён";
    once_compared = "Once it is compared:", "Когда сравните:";
    later = "Later:", "Позже:";
    no_tokens = "There are no valid tokens; `rmm token create` makes one.",
        "Действующих токенов нет; создать: `rmm token create`.";
    reloaded = "The new configuration is active; `listen` and `data_dir` of [server], its `language`, `time_zone` and `public_url` for the bot, [local], [telegram] and [telemetry] take effect at \
          the next start.\n",
        "Новая конфигурация действует; `listen` и `data_dir` из [server], `language`, `time_zone` и `public_url` оттуда для бота, [local], [telegram] и [telemetry] вступят в силу при \
          следующем запуске.\n";
    error = "error", "ошибка";
    warning = "warning", "предупреждение";
    record_changed = "ALARM: the record was changed behind RMM's back; `rmm audit verify` says how.",
        "ТРЕВОГА: журнал аудита изменён в обход RMM; подробности: `rmm audit verify`.";
    token_refused =
        "Telegram refuses the bot's token: the bot is silent, and what it has to say is kept, until `token` of [telegram] is \
         replaced and RMM is started again. `rmm doctor` says more.",
        "Telegram не принимает токен бота: бот молчит, а сообщения копятся, пока в [telegram] не заменят `token` и RMM не запустят \
         заново. Подробнее: `rmm doctor`.";
    chat_takes_nothing =
        "A chat of the team, or a person in private, refuses the bot's messages. RMM's log and the admins' private chats say \
         which one and why.",
        "Один из чатов команды или кто-то в личке не принимает сообщений бота. Кто и почему — в логе RMM и в личных чатах \
         администраторов.";
    do_not_start_here_again = "Once it runs elsewhere, do not start it here again: hosts would see two of it.",
        "Когда он заработает на новом месте, здесь его больше не запускайте: хосты увидят двоих.";
    secrets_are_apart = "Secrets that rmm.toml refers to (`env:`, `file:`) did not come with it; `rmm check` names those that are missing.",
        "Секреты, на которые ссылается rmm.toml (`env:`, `file:`), не переносятся; чего не хватает, скажет `rmm check`.";
    backups_need_a_look = "The backups that RMM makes by itself need attention; `rmm backup status` says why.",
        "Резервные копии, которые делает RMM, требуют внимания; причина: `rmm backup status`.";
    no_backups_scheduled = "RMM makes no backups by itself; [backup] in rmm.toml tells it to.",
        "RMM сам резервных копий не делает; их включает раздел [backup] в rmm.toml.";
    backup_period = "Period", "Период";
    backup_folder = "folder", "папка";
    backups_kept = "kept", "хранится";
    no_backup_yet = "There is none yet.", "Копий ещё нет.";
    newest_backup = "Newest", "Последняя";
    not_sent_on = ", not handed on yet", ", ещё не отправлена";
    restore_test = "Restored on trial", "Пробное восстановление";
    before_pipe = " (before `pipe`)", " (до `pipe`)";
    is_sound = "sound", "копия исправна";
    alarm = "ALARM:", "ТРЕВОГА:";
    alarm_is_over = "The alarm is over; the record says why.", "Тревога снята; причина записана в журнале аудита.";
    how_an_alarm_ends = "rmm: the record was changed; `rmm audit acknowledge --reason …` ends the alarm once you have looked",
        "rmm: журнал аудита изменён; когда разберётесь, снимите тревогу: `rmm audit acknowledge --reason …`";
    end_of_record = "Its end, to keep elsewhere:", "Конец журнала аудита, запишите его в другом месте:";
    key_is_apart = "audit.key is not part of it; keep that elsewhere, a restore needs it (--help says more).",
        "audit.key в копию не входит; храните его отдельно, без него её не восстановить (подробнее: --help).";
    ci_does_the_work = "A CI system does the work here and reports; RMM runs no steps of its own.",
        "Здесь всё делает CI и присылает отчёты; своих шагов RMM не выполняет.";
    nothing_to_deploy = "That is this release: there is nothing to deploy.", "Это и есть этот релиз: деплой не нужен.";
    nothing_to_do = "nothing to do", "делать нечего";
    at_the_same_time = "at the same time", "одновременно";
    rmms_own = "RMM's own", "RMM сам";
    look_at_the_place = "check the folder", "проверка папки";
    remove_old_images = "remove old images", "удаление старых образов";
    exit = "exit", "код";
    url_is_not_used = "note: RMM_URL is not used: restore works on the data directory of the configuration",
        "RMM_URL не используется: restore работает с каталогом данных из конфигурации";
    not_looked_up = "it could not be looked up here, so what needs it was not checked; RMM does not start without it",
        "здесь взять это не удалось, поэтому то, чему оно нужно, не проверено; без этого RMM не запустится";
    record_does_not_fit = "the record in it does not fit the key", "журнал аудита в копии не подходит к ключу";
    some_are_left_out = " (some numbers are skipped, since it is unknown which were used)",
        " (неизвестно, какие ещё были выданы, поэтому часть пропущена)";
    what_is_lost = "What is lost", "Потеряно";
    unknown_from_now_on = "What the environments run is unknown from now on, and nothing is deployed, until you have checked and recorded it: \
            rmm service settle NAME --environment E --release N (or --nothing, or --recorded).",
        "Что работает в окружениях, теперь неизвестно, и деплоев не будет, пока вы не проверите и не укажете это: \
            rmm service settle NAME --environment E --release N (или --nothing, или --recorded).";
    tokens_valid_again = "These tokens were revoked after the backup was made and are valid again:",
        "Эти токены отозваны после создания копии и теперь снова действуют:";
    tokens_perhaps_valid_again =
        "These tokens are valid again, even if they were revoked after the backup was made, which cannot be known:",
        "Эти токены действуют снова, даже если их отозвали после создания копии (узнать это уже нельзя):";
    take_tokens_back =
        "Once RMM runs, revoke those that must not be valid: rmm token revoke NAME (rmm token list shows all).",
        "Когда RMM запустится, отзовите лишние: rmm token revoke NAME (все показывает rmm token list).";
    run = "run", "прогон";
    step = "step", "шаг";
    try_number = "try", "попытка";
    no_output = "No step has printed anything yet.", "Шаги ещё ничего не вывели.";
    connection_ended = "note: the connection ended; trying again …", "Соединение прервалось; пробуем ещё раз …";
    vote_is_a_persons = "A vote is a person's: set RMM_URL, and RMM_TOKEN to a token of that person\n  \
            (rmm token create NAME --role member --person PERSON).",
        "Голосует человек: задайте RMM_URL, а в RMM_TOKEN — токен этого человека\n  \
            (rmm token create NAME --role member --person PERSON).";
    no_answer = "note: RMM does not answer; trying again …", "RMM не отвечает; пробуем ещё раз …";
    nothing_blocks = "Nothing stands in the way of production.", "Продакшну ничего не мешает.";
}

/// The words of a language.
pub(in crate::cli) const fn words(language: Language) -> &'static Words {
    match language {
        En => &ENGLISH,
        Ru => &RUSSIAN,
    }
}

/// Who began a release.
pub(in crate::cli) fn initiator(release: &ReleaseView) -> String {
    crate::wording::initiator(release.initiator.as_deref(), &release.initiated_by)
}

/// Why, from the facts, with times by the reader's clock; as the server says it where they are missing, and in English where it says
/// more than they do.
pub(in crate::cli) fn reason(ui: &Ui, sentence: &str, facts: Option<&Reason>) -> String {
    let facts = facts.filter(|facts| ui.language != En || english(facts) == sentence);
    clean(&facts.map_or_else(|| sentence.to_owned(), |facts| ui.language.reason(facts)))
}

/// How a gate stands. Who skips it is told by the server alone.
pub(in crate::cli) fn gate(ui: &Ui, gate: &GateView) -> String {
    let facts = gate.because.as_ref().filter(|facts| english_gate(facts) == gate.sentence);
    let sentence = facts.map_or_else(|| gate.sentence.clone(), |facts| ui.language.gate_state(facts));
    let name = gate.name.known().map_or_else(|| gate.name.to_string(), |name| ui.language.gate_name(name).to_owned());
    format!("{name}: {}", clean(&sentence))
}

/// A gate that was skipped, by whom and why.
pub(in crate::cli) fn skipped(language: Language, skip: &SkippedView) -> String {
    let SkippedView { gate, by, reason } = skip;
    let words = match language {
        En => format!("{gate}: skipped by {by}: {reason}"),
        Ru => format!("{gate}: пропущено ({by}): {reason}"),
    };
    clean(&words)
}

/// Who clears a gate, and how.
pub(in crate::cli) fn remedy(ui: &Ui, gate: &GateView) -> Option<String> {
    let says_all = |facts: &&Remedy| ui.language != En || Some(english_remedy(facts)) == gate.how;
    let facts = gate.remedy.as_ref().filter(says_all).map(|facts| ui.language.remedy(facts));
    facts.or_else(|| gate.how.clone()).map(|how| clean(&how))
}

/// Where a release stands.
pub(in crate::cli) fn status(language: Language, status: &Word<Status>) -> String {
    status.known().map_or_else(|| status.to_string(), |known| language.status(known).to_owned())
}

/// What a run does, where.
pub(in crate::cli) fn run(ui: &Ui, run: &contract::RunView) -> String {
    ui.language.run(&run.environment.to_string(), &run.kind.to_string())
}

/// What people call an environment, at the beginning of a sentence.
pub(in crate::cli) fn environment(language: Language, environment: &Word<Env>) -> String {
    match environment.known() {
        Some(Env::Stage) => words(language).stage.to_owned(),
        Some(Env::Production) => words(language).production.to_owned(),
        Some(Env::Preview(_)) | None => environment.to_string(),
    }
}

/// How a run stands.
pub(in crate::cli) fn run_state(ui: &Ui, run: &contract::RunView) -> String {
    match run {
        run if run.stopping => words(ui.language).stopping.to_owned(),
        run if run.waits_for_ci => words(ui.language).waits_for_ci.to_owned(),
        run => state(ui, &run.state),
    }
}

/// How a run or a step stands.
pub(in crate::cli) fn state(ui: &Ui, state: &str) -> String {
    if ui.language == En {
        return state.to_owned();
    }
    match state {
        "queued" => "в очереди",
        "pending" => "впереди",
        "running" => "идёт",
        "succeeded" => "успешно",
        "failed" => "не удался",
        "stopped" => "остановлен",
        "unknown" => "исход неизвестен",
        "skipped" => "пропущен",
        other => other,
    }
    .to_owned()
}

/// What is known of the key of a host.
pub(in crate::cli) fn key(ui: &Ui, host: &contract::HostView) -> String {
    let english = || host.key.to_string().replace('_', " ");
    if ui.language == En {
        return english();
    }
    match host.key.known() {
        Some(KeyState::Trusted) => "подтверждён".to_owned(),
        Some(KeyState::Pinned) => "задан в rmm.toml".to_owned(),
        Some(KeyState::Unknown) => "не подтверждён".to_owned(),
        Some(KeyState::Changed) => "другой".to_owned(),
        Some(KeyState::NeverSeen) => "ещё не показан".to_owned(),
        Some(KeyState::NotNeeded) => "-".to_owned(),
        None => english(),
    }
}

/// How many of how many.
pub(in crate::cli) fn of(ui: &Ui, some: impl Display, all: impl Display) -> String {
    match ui.language {
        En => format!("{some} of {all}"),
        Ru => format!("{some} из {all}"),
    }
}

/// What production runs, and on which hosts, where some were left behind: a sentence that begins small.
pub(in crate::cli) fn stragglers(language: Language, left: &contract::StragglersView) -> String {
    match (&left.because, language) {
        (None, _) => clean(&left.sentence),
        (Some(facts), Language::En) => format!("production runs {}", language.stragglers(facts)),
        (Some(facts), Language::Ru) => format!("в продакшне {}", language.stragglers(facts)),
    }
}
