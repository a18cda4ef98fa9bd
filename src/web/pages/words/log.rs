//! Labels of the output of runs, in both languages.

use crate::wording::{Language, russian_plural};

/// The labels in one language.
#[derive(Debug)]
pub(in crate::web::pages) struct LogWords {
    language: Language,
    pub search: &'static str,
    pub find: &'static str,
    pub search_goes_on: &'static str,
    pub nothing_found: &'static str,
    pub show_times: &'static str,
    pub hide_times: &'static str,
    pub follows: &'static str,
    pub does_not_follow: &'static str,
    pub to_the_start: &'static str,
    pub to_the_end: &'static str,
    pub line: &'static str,
    pub go: &'static str,
    pub show_output: &'static str,
    pub all_tries: &'static str,
    pub attempt: &'static str,
    pub deleted: &'static str,
    pub ci_has_it: &'static str,
}

pub(super) const EN: LogWords = LogWords {
    language: Language::En,
    search: "Search the output of this run",
    find: "Find",
    search_goes_on: "Look further",
    nothing_found: "Nothing found.",
    show_times: "Show times",
    hide_times: "Hide times",
    follows: "Follows the end",
    does_not_follow: "Does not follow: scroll to the end",
    to_the_start: "To the beginning",
    to_the_end: "To the end",
    line: "Line",
    go: "Go to line",
    show_output: "Show the output",
    all_tries: "All tries",
    attempt: "Try",
    deleted: "The output of this run was deleted, as `[logs]` sets it.",
    ci_has_it: "CI does this run, and keeps what it prints.",
};

pub(super) const RU: LogWords = LogWords {
    language: Language::Ru,
    search: "Поиск в выводе этого прогона",
    find: "Найти",
    search_goes_on: "Искать дальше",
    nothing_found: "Ничего не найдено.",
    show_times: "Показать время",
    hide_times: "Скрыть время",
    follows: "Показываем конец",
    does_not_follow: "Новые строки не показываются: прокрутите вниз",
    to_the_start: "В начало",
    to_the_end: "В конец",
    line: "Строка",
    go: "К строке",
    show_output: "Показать вывод",
    all_tries: "Все попытки",
    attempt: "Попытка",
    deleted: "Вывод этого прогона удалён по правилу из `[logs]`.",
    ci_has_it: "Этот прогон выполняет CI, вывод хранится там.",
};

/// The labels of a language.
pub(in crate::web::pages) const fn of(language: Language) -> &'static LogWords {
    match language {
        Language::En => &EN,
        Language::Ru => &RU,
    }
}

impl LogWords {
    /// What stands where output was dropped.
    pub fn gap(&self, bytes: u64) -> String {
        match self.language {
            Language::En => format!("… {} bytes were left out here …", self.grouped(bytes)),
            Language::Ru => format!("… здесь пропущено байтов: {} …", self.grouped(bytes)),
        }
    }

    /// How many lines there are.
    pub fn lines(&self, count: u64) -> String {
        match (self.language, count) {
            (Language::En, 1) => "1 line".to_owned(),
            (Language::En, count) => format!("{} lines", self.grouped(count)),
            (Language::Ru, count) => {
                format!("{} {}", self.grouped(count), russian_plural(count, "строка", "строки", "строк"))
            }
        }
    }

    /// Which lines are shown, of how many.
    pub fn range(&self, first: u64, last: u64, of: u64) -> String {
        let of_word = if self.language == Language::En { "of" } else { "из" };
        format!("{}–{} {of_word} {}", self.grouped(first), self.grouped(last), self.grouped(of))
    }

    /// What was found.
    pub fn found(&self, count: usize, wanted: &str) -> String {
        match (self.language, count) {
            (Language::En, 1) => format!("1 line with “{wanted}”"),
            (Language::En, count) => format!("{count} lines with “{wanted}”"),
            (Language::Ru, count) => format!("{} с «{wanted}»", self.lines(count as u64)),
        }
    }

    /// With a comma between thousands, or a thin blank in Russian.
    fn grouped(&self, number: u64) -> String {
        let between = if self.language == Language::En { ',' } else { '\u{202f}' };
        let digits = number.to_string();
        let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
        for (at, digit) in digits.chars().enumerate() {
            if at > 0 && (digits.len() - at).is_multiple_of(3) {
                grouped.push(between);
            }
            grouped.push(digit);
        }
        grouped
    }
}

#[cfg(test)]
mod tests {
    use super::{EN, RU};

    #[test]
    fn thousands_are_told_apart_as_the_language_does() {
        assert_eq!((EN.lines(1_000_007), EN.lines(12)), ("1,000,007 lines".to_owned(), "12 lines".to_owned()));
        assert_eq!(RU.lines(1_000_007), "1\u{202f}000\u{202f}007 строк");
    }
}
