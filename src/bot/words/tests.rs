use std::collections::BTreeSet;
use std::fs;

use super::*;
use crate::domain::cause::{Cause, Code};
use crate::domain::ids::RunId;
use crate::domain::status::Status;

fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, content) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
    folder
}

fn claimed(words: &Words, language: Language) -> String {
    words.html(language, "claimed", facts! { first_name => "Dee", person => "<dee>", asked => true })
}

#[test]
fn both_languages_have_the_same_words() {
    let words = Words::new(None);
    let keys = |sources: &Sources| -> BTreeSet<String> {
        sources.phrases.templates().map(|(name, _)| name.to_owned()).collect()
    };
    let [en, ru] = [&words.en, &words.ru].map(|tongue| keys(&tongue.built_in));
    assert_eq!(en, ru);
}

#[test]
fn everything_that_has_a_name_has_words() {
    let words = Words::new(None);
    let has = |language: Language, key: String| {
        assert!(words.tongue(language).built_in.phrases.get_template(&key).is_ok(), "{language:?} {key}");
    };
    for language in [Language::En, Language::Ru] {
        for status in Status::ALL {
            has(language, format!("status.{}", status.as_str()));
        }
        for name in COMMANDS {
            has(language, format!("command.{name}"));
        }
    }
    for code in Code::ALL {
        let refusal = Refusal { code: *code, ..Cause::NothingThere.into() };
        for language in [Language::En, Language::Ru] {
            assert_ne!(words.refusal(language, &refusal, None), "", "{code:?}");
        }
    }
}

#[test]
fn an_own_text_replaces_the_built_in_one() {
    let folder = folder(&[
        ("ru/claimed.j2", "Ждите, <b>{{ person }}</b>"),
        (
            "ru/words.toml",
            "[button]\napprove = \"Добро\"\nreject = \"{{ broken\"\nmenu = 3\nnothing = \"x\"\nback = \"\u{2800}\"\n\
             refresh = \"{% if false %}x{% endif %}\"",
        ),
    ]);
    let words = Words::new(Some(folder.path()));
    assert_eq!(claimed(&words, Language::Ru), "Ждите, <b>&lt;dee&gt;</b>");
    assert!(claimed(&words, Language::En).contains("You seem to be"));
    assert_eq!(words.phrase(Language::Ru, "button.approve", ()), "Добро");
    assert_eq!(words.phrase(Language::Ru, "button.reject", ()), "❌ Отклонить");
    assert_eq!(words.phrase(Language::Ru, "button.menu", ()), "⬅️ Назад в меню");
    assert_eq!(words.phrase(Language::Ru, "button.back", ()), "⬅️ Назад");
    assert_eq!(words.phrase(Language::Ru, "button.refresh", ()), "🔄 Обновить");
}

#[test]
fn own_words_for_what_has_no_built_in_ones_are_used() {
    let own = "[refusal]\nstage_busy = \"Занято\"\n[unmet]\nno_lock = \"{{ lock_by }}\"\n[because]\nfirst = \"Первый\"";
    let folder = folder(&[("ru/words.toml", own)]);
    let words = Words::new(Some(folder.path()));
    let refusal = Cause::StageTakenByRun { run: RunId(3) }.into();
    assert_eq!(words.refusal(Language::Ru, &refusal, None), "Занято");
    assert_eq!(words.refusal(Language::En, &refusal, None), "stage is taken by run 3; report again later");
    assert_eq!(words.maybe(Language::Ru, "unmet.no_lock", facts! { lock_by => "ann" }), Some("ann".into()));
    assert_eq!(words.maybe(Language::Ru, "because.first", ()), Some("Первый".into()));
    assert_eq!(words.maybe(Language::En, "because.first", ()), None);
}

#[test]
fn a_broken_text_is_left_aside() {
    let large = "x".repeat(300 * 1024);
    for broken in [
        "",
        "<b> </b>",
        "{# {{ person }} #}",
        &large,
        "{% if %}",
        "{{ nobody }}",
        "<b>{{ person }}",
        "<div>x</div>",
        "{{ person | nosuchfilter }}",
    ] {
        let folder = folder(&[("en/claimed.j2", broken), ("en/nosuch.j2", "x"), ("en/words.toml", "a = [")]);
        let words = Words::new(Some(folder.path()));
        assert!(claimed(&words, Language::En).contains("You seem to be"), "{broken}");
    }
}

#[test]
fn a_text_that_works_with_the_samples_alone_is_given_up_when_it_fails() {
    let folder = folder(&[("en/claimed.j2", "{% if person == '<dee>' %}<b>{% endif %}x")]);
    let words = Words::new(Some(folder.path()));
    assert!(claimed(&words, Language::En).contains("You seem to be"));
}

#[test]
fn words_of_values_stay_inside_and_unescaped() {
    let words = Words::new(None);
    let label = words.phrase(Language::En, "button.release", facts! { title => "a<b\u{202E}c\nd" });
    assert_eq!(label, "🏷️ \u{2068}a<bc d\u{2069}");
}

#[test]
fn every_text_is_tried_with_samples_that_have_all_its_facts() {
    for language in [Language::En, Language::Ru] {
        load::try_all(&load::built_in(language)).unwrap();
    }
}
