//! The labels of insights.

use jiff::civil::Date;

use crate::wording::Language;

/// The labels in one language.
#[derive(Debug)]
pub(in crate::web::pages) struct Words {
    pub heading: &'static str,
    pub choose: &'static str,
    pub period: &'static str,
    /// 30 days, 12 weeks, a year.
    pub periods: [&'static str; 3],
    pub csv: &'static str,
    pub how_computed: &'static str,
    /// Headings of DORA's five: frequency, lead time, failure rate, recovery, rework.
    pub measures: [&'static str; 5],
    /// What each counts.
    pub how: [&'static str; 5],
    pub a_week: &'static str,
    pub before: &'static str,
    /// The same as the head of a column.
    pub earlier: &'static str,
    pub median: &'static str,
    pub nine_of_ten: &'static str,
    pub deploys: &'static str,
    pub failed: &'static str,
    pub rework: &'static str,
    pub rate: &'static str,
    pub phases: &'static str,
    pub phases_how: &'static str,
    pub stage: &'static str,
    pub rehearsal: &'static str,
    pub approval: &'static str,
    pub production: &'static str,
    pub part: &'static str,
    pub now: &'static str,
    pub caught: &'static str,
    pub caught_how: &'static str,
    pub nothing_caught: &'static str,
    pub rollbacks: &'static str,
    pub rollbacks_how: &'static str,
    pub lead: &'static str,
    pub outcome: &'static str,
    pub went_well: &'static str,
    pub went_wrong: &'static str,
    pub mended: &'static str,
    pub not_yet: &'static str,
    pub shown: &'static str,
    pub nothing: &'static str,
}

const EN: Words = Words {
    heading: "Insights",
    choose: "Choose service and period",
    period: "Period",
    periods: ["30 days", "12 weeks", "1 year"],
    csv: "CSV",
    how_computed: "How it is computed",
    measures: ["Deployment frequency", "Lead time for changes", "Change failure rate", "Recovery time", "Rework rate"],
    how: [
        "Production deploys, by the day they ended. Solid went well; outlined failed or were rolled back later. A deploy that ended before it did anything is not counted.",
        "From the tag to the end of the production deploy, of those that went well. Without the time of the tag, from when RMM first heard of the release.",
        "Production deploys that failed, were aborted or were rolled back later, of all that ended.",
        "From the end of the failed deploy, or the decision to roll back, to the end of the next run in production that went well.",
        "Production deploys that repair: the first one of a service after one that failed or was rolled back.",
    ],
    a_week: "a week",
    before: "before",
    earlier: "Before",
    median: "Median",
    nine_of_ten: "9 of 10 faster",
    deploys: "Deploys",
    failed: "Failed",
    rework: "Rework",
    rate: "Rate",
    phases: "How long each phase takes",
    phases_how: "Medians of the production deploys of the period: the last stage deploy and rehearsal that went well before, the time until production was decided, and the production deploy itself.",
    stage: "Stage deploy",
    rehearsal: "Rehearsal of the rollback",
    approval: "Waiting for people and gates",
    production: "Production deploy",
    part: "Phase",
    now: "Now",
    caught: "What the rehearsal caught",
    caught_how: "Rehearsals of the rollback that failed on stage, before production was touched.",
    nothing_caught: "No rehearsal of this period failed.",
    rollbacks: "Rollbacks",
    rollbacks_how: "Production was rolled back: by itself after a deploy that failed, or because a person decided so.",
    lead: "Lead time",
    outcome: "Outcome",
    went_well: "Well",
    went_wrong: "Failed",
    mended: "recovered after",
    not_yet: "not well again yet",
    shown: "The newest are shown; the CSV has all of them.",
    nothing: "Nothing in this period.",
};

const RU: Words = Words {
    heading: "Показатели",
    choose: "Выбор сервиса и периода",
    period: "Период",
    periods: ["30 дней", "12 недель", "1 год"],
    csv: "CSV",
    how_computed: "Как это посчитано",
    measures: [
        "Частота деплоев",
        "Время изменения до продакшна",
        "Доля неудачных деплоев",
        "Время восстановления",
        "Доля исправлений",
    ],
    how: [
        "Деплои в продакшн по дню их окончания. Закрашены успешные; контуром — те, что не удались или были потом откачены. Деплой, который закончился, ничего не сделав, не считается.",
        "От тега до конца деплоя в продакшн, для успешных. Если время тега неизвестно — с того момента, как RMM узнал о релизе.",
        "Деплои в продакшн, которые не удались, были прерваны или потом откачены, среди всех завершённых.",
        "От конца неудачного деплоя или решения об откате до конца следующего успешного прогона в продакшне.",
        "Деплои в продакшн, которые исправляют: первый деплой сервиса после неудачного или откаченного.",
    ],
    a_week: "в неделю",
    before: "раньше",
    earlier: "Раньше",
    median: "Медиана",
    nine_of_ten: "9 из 10 быстрее",
    deploys: "Деплои",
    failed: "Неудачные",
    rework: "Исправления",
    rate: "Доля",
    phases: "Сколько длится каждый этап",
    phases_how: "Медианы по деплоям периода: последние успешные деплой на Stage и репетиция отката перед ними, время до решения о продакшне и сам деплой в продакшн.",
    stage: "Деплой на Stage",
    rehearsal: "Репетиция отката",
    approval: "Ожидание людей и условий",
    production: "Деплой в продакшн",
    part: "Этап",
    now: "Сейчас",
    caught: "Что выявила репетиция",
    caught_how: "Репетиции отката, которые не удались на Stage, до деплоя в продакшн.",
    nothing_caught: "Все репетиции за этот период прошли успешно.",
    rollbacks: "Откаты",
    rollbacks_how: "Продакшн откачен: автоматически после неудачного деплоя или по решению человека.",
    lead: "От тега",
    outcome: "Итог",
    went_well: "Успешно",
    went_wrong: "Неудачно",
    mended: "восстановлен через",
    not_yet: "ещё не восстановлен",
    shown: "Показаны последние; в CSV есть все.",
    nothing: "За этот период ничего нет.",
};

const MONTHS: [[&str; 12]; 2] = [
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"],
    ["янв", "фев", "мар", "апр", "мая", "июн", "июл", "авг", "сен", "окт", "ноя", "дек"],
];

/// The labels of a language.
pub(in crate::web::pages) const fn of(language: Language) -> &'static Words {
    match language {
        Language::En => &EN,
        Language::Ru => &RU,
    }
}

/// A day, shortly: `7 Sep`.
pub(in crate::web::pages) fn day(language: Language, date: Date) -> String {
    let months = &MONTHS[usize::from(language == Language::Ru)];
    format!("{} {}", date.day(), months[usize::from(date.month().unsigned_abs() - 1) % 12])
}

/// A number with one decimal, or none where it has none to tell; a small one with two.
pub(in crate::web::pages) fn decimal(language: Language, value: f64) -> String {
    let text = if value < 1.0 && (value * 10.0).fract().abs() > 0.05 {
        format!("{value:.2}")
    } else if value >= 100.0 || value.fract().abs() < 0.05 {
        format!("{value:.0}")
    } else {
        format!("{value:.1}")
    };
    if language == Language::Ru { text.replace('.', ",") } else { text }
}

#[cfg(test)]
mod tests {
    use super::{Language, decimal};

    #[test]
    fn a_small_number_keeps_what_it_has_to_tell() {
        let told = [0.25, 0.7, 0.0, 1.0, 1.25, 12.34, 250.4].map(|value| decimal(Language::En, value));
        assert_eq!(told, ["0.25", "0.7", "0", "1", "1.2", "12.3", "250"]);
        assert_eq!(decimal(Language::Ru, 0.25), "0,25");
    }
}
