//! Labels of the pages of a release, in both languages.

use crate::domain::command::Resolution;
use crate::wording::Language;

/// The labels in one language.
#[derive(Debug)]
pub(in crate::web::pages) struct ReleaseWords {
    language: Language,
    pub you_wrote: &'static str,
    pub look_again: &'static str,
    pub vote_begins: &'static str,
    pub health: &'static str,
    pub well: &'static str,
    pub ill: &'static str,
    pub being_asked: &'static str,
    pub exit: &'static str,
    pub usual: &'static str,
    pub plan: &'static str,
    pub see_plan: &'static str,
    pub failed_output: &'static str,
    pub older_commits: &'static str,
    pub deploy_steps: &'static str,
    pub nothing_to_do: &'static str,
    pub runs_there: &'static str,
    pub ci_does_it: &'static str,
    pub no_plan: &'static str,
    pub older_events: &'static str,
    pub trace: &'static str,
    pub newest_events: &'static str,
    pub older_runs: &'static str,
    pub newest_runs: &'static str,
    pub found_there: &'static str,
    pub runs_release: &'static str,
    pub runs_nothing: &'static str,
    pub runs_recorded: &'static str,
    pub how_known: &'static str,
    pub how_it_ended: &'static str,
    pub with: &'static str,
    pub compare_with: &'static str,
    pub nothing_to_compare: &'static str,
    pub inside: &'static str,
    pub differs: &'static str,
    pub same: &'static str,
    pub steps_run: &'static str,
    pub definition: &'static str,
    pub definition_same: &'static str,
    pub definition_unknown: &'static str,
    pub steps_same: &'static str,
    pub steps_unknown: &'static str,
    pub commits_unknown: &'static str,
    pub no_commits: &'static str,
    pub people: &'static str,
    pub whole: &'static str,
    pub phase: &'static str,
    pub how_long: &'static str,
    pub steps_hint: &'static str,
    pub taken_back: &'static str,
}

pub(super) const EN: ReleaseWords = ReleaseWords {
    language: Language::En,
    you_wrote: "What you wrote",
    look_again: "The page shows how things stand now; look at it, and send it again if it still holds.",
    vote_begins: "The vote begins after the rehearsal.",
    health: "Health",
    well: "well",
    ill: "not well",
    being_asked: "is being asked",
    exit: "Exit",
    usual: "Usually",
    plan: "Plan",
    see_plan: "See the plan",
    failed_output: "Output of what failed",
    older_commits: "Older commits, not listed here",
    deploy_steps: "To deploy it",
    nothing_to_do: "There is nothing to do.",
    runs_there: "Runs there now",
    ci_does_it: "CI does the work here.",
    no_plan: "There is no plan",
    older_events: "Older events",
    trace: "trace",
    newest_events: "Newest events",
    older_runs: "Older runs",
    newest_runs: "Newest runs",
    found_there: "What you found there",
    runs_release: "It runs this release",
    runs_nothing: "It runs nothing, or nothing that RMM knows of",
    runs_recorded: "It runs what RMM has on record",
    how_known: "How you know",
    how_it_ended: "How it ended",
    with: "With",
    compare_with: "Compare with another release",
    inside: "How RMM does it",
    nothing_to_compare: "The service has no other release.",
    differs: "differs",
    same: "the same",
    steps_run: "What was run",
    definition: "How the service was defined",
    definition_same: "In the same way for both.",
    definition_unknown: "The definition for one of them was not recorded.",
    steps_same: "Both were brought to production by the same steps.",
    steps_unknown: "RMM has not deployed both of them successfully to the same environment, so their steps cannot be compared.",
    commits_unknown: "The commits between them are not known: the repository does not answer.",
    no_commits: "There are no commits between them.",
    people: "People and gates",
    whole: "From its creation to its end",
    phase: "Phase",
    how_long: "How long it took",
    steps_hint: "Commands as they were run. Commits, tags and numbers of the releases themselves are left out.",
    taken_back: "rolled back",
};

pub(super) const RU: ReleaseWords = ReleaseWords {
    language: Language::Ru,
    you_wrote: "Вы написали",
    look_again: "Страница показывает, как обстоят дела сейчас; посмотрите и отправьте ещё раз, если всё верно.",
    vote_begins: "Голосование начнётся после репетиции.",
    health: "Здоровье",
    well: "исправен",
    ill: "неисправен",
    being_asked: "проверяется",
    exit: "Код",
    usual: "Обычно",
    plan: "План",
    see_plan: "Посмотреть план",
    failed_output: "Вывод неудачного шага",
    older_commits: "Более ранние коммиты, здесь не показаны",
    deploy_steps: "Деплой",
    nothing_to_do: "Делать нечего.",
    runs_there: "Сейчас там работает",
    ci_does_it: "Работу здесь выполняет CI.",
    no_plan: "Плана нет",
    older_events: "События раньше",
    trace: "трассировка",
    newest_events: "Последние события",
    older_runs: "Более ранние прогоны",
    newest_runs: "Последние прогоны",
    found_there: "Что вы там увидели",
    runs_release: "Работает этот релиз",
    runs_nothing: "Не работает ничего, или ничего известного RMM",
    runs_recorded: "Работает то, что записано в RMM",
    how_known: "Откуда вы знаете",
    how_it_ended: "Исход",
    with: "С чем",
    compare_with: "Сравнить с другим релизом",
    inside: "Как RMM это делает",
    nothing_to_compare: "У сервиса нет других релизов.",
    differs: "отличается",
    same: "то же",
    steps_run: "Что выполнялось",
    definition: "Как был определён сервис",
    definition_same: "Для обоих одинаково.",
    definition_unknown: "Определение для одного из них не сохранилось.",
    steps_same: "Оба релиза пришли в продакшн одними и теми же шагами.",
    steps_unknown: "Нет окружения, куда RMM успешно задеплоил бы оба релиза: сравнить шаги нельзя.",
    commits_unknown: "Коммиты между ними неизвестны: репозиторий не отвечает.",
    no_commits: "Коммитов между ними нет.",
    people: "Люди и условия",
    whole: "От создания до конца",
    phase: "Этап",
    how_long: "Сколько длилось",
    steps_hint: "Команды, как они выполнялись, без коммитов, тегов и номеров самих релизов.",
    taken_back: "откачен",
};

/// The labels of a language.
pub(in crate::web::pages) const fn of(language: Language) -> &'static ReleaseWords {
    match language {
        Language::En => &EN,
        Language::Ru => &RU,
    }
}

impl ReleaseWords {
    /// How long something usually takes, behind how long it took.
    pub fn usually(&self, time: &str) -> String {
        match self.language {
            Language::En => format!("usually {time}"),
            Language::Ru => format!("обычно {time}"),
        }
    }

    /// What an environment runs in place of the release.
    pub fn runs_now(&self, version: &str) -> String {
        match self.language {
            Language::En => format!("{version} runs there now"),
            Language::Ru => format!("сейчас там {version}"),
        }
    }

    /// What an admin can say of a run whose end is not known, or which left its environment in need of repair.
    pub const fn verdict(&self, verdict: Resolution, is_unknown: bool) -> &'static str {
        match (self.language, verdict, is_unknown) {
            (Language::En, Resolution::Succeeded, true) => "It succeeded",
            (Language::En, Resolution::Succeeded, false) => "It is repaired: it runs what the run should have brought",
            (Language::En, Resolution::Failed, _) => "It failed",
            (Language::En, Resolution::Again, _) => "Run it again",
            (Language::Ru, Resolution::Succeeded, true) => "Закончился успешно",
            (Language::Ru, Resolution::Succeeded, false) => "Починено: работает то, что должен был дать прогон",
            (Language::Ru, Resolution::Failed, _) => "Не удался",
            (Language::Ru, Resolution::Again, _) => "Выполнить ещё раз",
        }
    }

    /// The heading of the form about a run.
    pub fn resolve(&self, run: &str) -> String {
        match self.language {
            Language::En => format!("Record how the {run} ended"),
            Language::Ru => format!("Указать исход: {run}"),
        }
    }

    /// The heading of the form about an environment.
    pub fn settle(&self, environment: &str) -> String {
        match self.language {
            Language::En => format!("Record what {environment} runs"),
            Language::Ru => format!("Указать, что работает: {environment}"),
        }
    }

    /// How many gates are met, and which.
    pub fn met(&self, count: usize, of: usize, names: &str) -> String {
        match self.language {
            Language::En => format!("{count}\u{a0}of\u{a0}{of} met: {names}"),
            Language::Ru => format!("Выполнено {count}\u{a0}из\u{a0}{of}: {names}"),
        }
    }

    /// What RMM asks, to learn whether a surface is well.
    pub fn asks(&self, question: &str) -> String {
        match self.language {
            Language::En => format!("RMM asks {question}"),
            Language::Ru => format!("RMM спрашивает: {question}"),
        }
    }

    /// Steps of a run that has ended, which never began.
    pub fn unbegun(&self, count: usize) -> String {
        match (self.language, count) {
            (Language::En, 1) => "1 step did not begin".to_owned(),
            (Language::En, count) => format!("{count} steps did not begin"),
            (Language::Ru, count) => format!("Не начато шагов: {count}"),
        }
    }

    /// Steps in a row in the timeline, and how many of them did not go well.
    pub fn steps(&self, count: usize, ill: usize) -> String {
        let steps = match (self.language, count) {
            (Language::En, 1) => "1 step".to_owned(),
            (Language::En, count) => format!("{count} steps"),
            (Language::Ru, count) => format!("Шагов: {count}"),
        };
        match (self.language, ill) {
            (_, 0) => steps,
            (Language::En, ill) => format!("{steps}, {ill} not well"),
            (Language::Ru, ill) => format!("{steps}, неудачных: {ill}"),
        }
    }

    /// Where the way back leads, should it be needed.
    pub fn back_to(&self, version: &str) -> String {
        match self.language {
            Language::En => format!("To roll back to {version}"),
            Language::Ru => format!("Откат на {version}"),
        }
    }

    /// Where a command is run.
    pub fn in_folder(&self, folder: &str) -> String {
        match self.language {
            Language::En => format!("in {folder}"),
            Language::Ru => format!("в {folder}"),
        }
    }

    /// The heading of a comparison.
    pub fn compared(&self, one: &str, other: &str) -> String {
        match self.language {
            Language::En => format!("{one} compared with {other}"),
            Language::Ru => format!("{one} в сравнении с {other}"),
        }
    }

    /// The commits that one of them has and the other has not.
    pub fn commits(&self, known: Option<(u64, u64)>) -> String {
        match (self.language, known) {
            (Language::En, None) => "Commits".to_owned(),
            (Language::En, Some((count, 0))) => format!("Commits: {count}"),
            (Language::En, Some((count, lacking))) => format!("Commits: {count}; it lacks {lacking} of the other"),
            (Language::Ru, None) => "Коммиты".to_owned(),
            (Language::Ru, Some((count, 0))) => format!("Коммиты: {count}"),
            (Language::Ru, Some((count, lacking))) => format!("Коммиты: {count}; нет из другого: {lacking}"),
        }
    }
}
