//! `[telegram]`, the usernames of people, and what can be said wrongly about them.

use std::time::Duration;

use super::{first_line, parse_with, sentence, service};
use crate::config::{Chat, Config, ConfigErrors};
use crate::domain::notice::Notice;

const TOKEN: &str = "123456:hunter-22_x";

fn read(text: &str) -> Result<Config, ConfigErrors> {
    let variables = [
        ("TG", TOKEN),
        ("HOOK", "s3cret_-s3cret_-"),
        ("BAD", "not a token"),
        ("SHORT", "fifteen-letters"),
        ("LONG", &"x".repeat(257)),
    ];
    parse_with(text, &variables)
}

/// The bot with the given keys, which begin in line 3, and a service `api`.
fn bot(keys: &str) -> String {
    format!("[telegram]\ntoken = \"env:TG\"\n{keys}\n{}", service(""))
        .replace("name = \"ann\"", "name = \"ann\"\ntelegram_id = 1")
}

fn valid(keys: &str) -> crate::config::Telegram {
    let config = read(&bot(keys)).unwrap_or_else(|errors| panic!("{errors}"));
    assert!(config.warnings.is_empty(), "{:?}", config.warnings);
    config.telegram.expect("a bot")
}

fn refused(text: &str) -> Vec<String> {
    let errors = read(text).expect_err("must be refused");
    errors.0.iter().map(|problem| first_line(&problem.to_string())).collect()
}

#[test]
fn a_token_is_all_a_bot_needs() {
    let bot = valid("");
    assert_eq!((bot.token.as_str(), bot.api_url.as_str()), ("env:TG", "https://api.telegram.org"));
    assert_eq!((bot.chats, bot.webhook_secret, bot.templates), (Vec::new(), None, None));
    assert_eq!(bot.remind_after, Some(Duration::from_hours(1)));
    assert_eq!(read(&service("")).expect("valid").telegram, None);
}

#[test]
fn short_forms_stand_for_chats() {
    let bot = valid(
        "chat = -1001\ntopic = 12\nalerts_chat = -1002\nalerts_topic = 7\n[[telegram.chats]]\nid = 7\ncards = false\n\
                     services = [\"api\"]\nnotices = [\"deployed\"]\n[[telegram.chats]]\nid = -1001",
    );
    let chat = |id, topic, notices: &[Notice], cards| Chat {
        id,
        topic,
        notices: notices.to_vec(),
        services: Vec::new(),
        cards,
        alerts: false,
    };
    let all: Vec<_> = Notice::of_chats().collect();
    let alerts = [Notice::Alarm, Notice::Failed, Notice::RollbackFailed];
    let [team, seven, again, alarms] = &bot.chats[..] else { panic!("four chats: {:?}", bot.chats) };
    assert_eq!(*team, chat(-1001, Some(12), &all, true));
    assert_eq!(*alarms, Chat { alerts: true, ..chat(-1002, Some(7), &alerts, false) });
    assert_eq!((seven.id, seven.cards, &seven.notices[..]), (7, false, &[Notice::Deployed][..]));
    assert_eq!(seven.services.iter().map(|name| name.as_str()).collect::<Vec<_>>(), ["api"]);
    assert_eq!(*again, chat(-1001, None, &all, true));
}

#[test]
fn the_rest_is_taken_as_it_is_written() {
    let bot = valid("remind_after = \"0s\"\ntemplates = \"t\"\napi_url = \"http://127.0.0.1:81/\"");
    assert_eq!((bot.remind_after, bot.api_url.as_str()), (None, "http://127.0.0.1:81"));
    assert_eq!(bot.templates.as_deref().and_then(|path| path.to_str()), Some("/etc/rmm/t"));
    assert_eq!(valid("remind_after = \"30m\"").remind_after, Some(Duration::from_mins(30)));
    let hooked = format!("{}[server]\npublic_url = \"https://rmm.example\"\n", bot_with_hook("HOOK"));
    let config = read(&hooked).expect("valid");
    assert_eq!(config.telegram.expect("a bot").webhook_secret.as_deref(), Some("env:HOOK"));
}

fn bot_with_hook(variable: &str) -> String {
    bot(&format!("webhook_secret = \"env:{variable}\""))
}

#[test]
fn the_token_is_elsewhere_and_looks_like_one() {
    let of = |line: &str| bot("").replace("token = \"env:TG\"", line);
    assert_eq!(
        refused(&of("")),
        ["1:1: telegram.token: is missing: @BotFather gives it to you; write where it is: \"env:RMM_TELEGRAM_TOKEN\""]
    );
    assert_eq!(refused(&of("token = \"env:BAD\"")), ["2:9: telegram.token: does not hold the token of a bot"]);
    for written in [format!("token = \"{TOKEN}\""), format!("token = {TOKEN}"), format!("tokn = \"{TOKEN}\"")] {
        let errors = read(&of(&written)).expect_err("refused").to_string();
        assert!(!errors.contains("hunter"), "{errors}");
    }
    let shown = read(&bot("")).expect("valid").effective();
    assert!(shown.contains("[telegram]\ntoken = \"•••\" # env:TG\n") && !shown.contains("hunter"), "{shown}");
}

#[test]
fn chats_are_numbers_and_told_apart() {
    assert_eq!(
        refused(&bot("chat = \"@team\"\ntopic = 0\nalerts_chat = 0")),
        [
            "3:8: telegram.chat: expected a whole number, found a string",
            "5:15: telegram.alerts_chat: must be the number of a chat; groups have negative ones",
        ]
    );
    assert_eq!(refused(&bot("topic = 3")), ["3:9: telegram.topic: is a part of `chat`, and there is none"]);
    assert_eq!(
        refused(&bot("alerts_topic = 3")),
        ["3:16: telegram.alerts_topic: is a part of `alerts_chat`, and there is none"]
    );
    assert_eq!(
        refused(&bot("chat = -1\nalerts_chat = -1\n[[telegram.chats]]\nid = -1\n[[telegram.chats]]\ntopic = 0")),
        [
            "4:15: telegram.alerts_chat: must be unique; telegram.chat has the same value",
            "6:6: telegram.chats[0].id: must be unique; telegram.chat has the same value",
            "7:1: telegram.chats[1].id: is missing: the number of the chat; groups have negative ones",
            "8:9: telegram.chats[1].topic: must be from 1 to 2147483647",
        ]
    );
}

#[test]
fn notices_and_services_are_known() {
    let found = refused(&bot(
        "[[telegram.chats]]\nid = 1\nnotices = [\"deploied\", \"alarm\", \"alarm\"]\nservices = [\"apo\"]\n\
         [[telegram.chats]]\nid = 2\nservices = []",
    ));
    assert!(
        found[0].starts_with("5:12: telegram.chats[0].notices[0]: must be \"waits\", \"approved\"")
            && found[0].ends_with("did you mean `deployed`?"),
        "{found:?}"
    );
    assert_eq!(
        found[1..],
        [
            "5:33: telegram.chats[0].notices[2]: must be unique; telegram.chats[0].notices[1] has the same value",
            "6:13: telegram.chats[0].services[0]: `apo` is not among [[services]]; did you mean `api`?",
            "9:12: telegram.chats[1].services: must name at least one service; without it, all are followed",
        ]
    );
    let config = read(&bot("[[telegram.chats]]\nid = 1\nnotices = []\ncards = false")).expect("valid");
    assert_eq!(
        config.warnings.iter().map(sentence).collect::<Vec<_>>(),
        ["nothing is said in this chat: neither notices nor cards"]
    );
}

#[test]
fn a_webhook_needs_an_address_and_a_fitting_secret() {
    let needs =
        "3:18: telegram.webhook_secret: needs `public_url` in [server] with https://, where Telegram sends updates to";
    assert_eq!(refused(&bot_with_hook("HOOK")), [needs]);
    let plain = "[server]\npublic_url = \"http://rmm.example\"\n";
    assert_eq!(refused(&format!("{}{plain}", bot_with_hook("HOOK"))), [needs]);
    let own = bot_with_hook("HOOK").replace("webhook_secret", "api_url = \"http://[::1]:81\"\nwebhook_secret");
    assert!(read(&format!("{own}{plain}")).is_ok(), "a Bot API of one's own sends to where it likes");
    let rule =
        "3:18: telegram.webhook_secret: must hold 16 to 256 letters, digits, '-' and '_', as Telegram takes them";
    for bad in ["LONG", "SHORT"] {
        assert_eq!(refused(&bot_with_hook(bad)), [needs, rule]);
    }
    assert_eq!(
        refused(&bot("api_url = \"telegram\"")),
        ["3:11: telegram.api_url: must be an http:// or https:// address of at most 2000 plain ASCII characters"]
    );
}

#[test]
fn usernames_are_for_those_whose_number_is_not_known() {
    let people = |keys: &str| bot("").replace("name = \"bob\"", &format!("name = \"bob\"\n{keys}"));
    for written in ["Bob_22", "@Bob_22"] {
        let config = read(&people(&format!("telegram = \"{written}\""))).expect("valid");
        assert_eq!(config.people[1].telegram_username.as_deref(), Some("Bob_22"));
        assert!(config.effective().contains("telegram = \"Bob_22\"\n"));
    }
    let of = |text: &str| refused(text).into_iter().map(|line| line.split_once(' ').unwrap().1.to_owned());
    for bad in ["bob", "1bob", "b b b", "@@bob", ""] {
        let found: Vec<_> = of(&people(&format!("telegram = \"{bad}\""))).collect();
        assert_eq!(found, ["people[1].telegram: must be a username of Telegram: 4 to 32 letters, digits and '_'"]);
    }
    let both: Vec<_> = of(&people("telegram = \"bobby\"\ntelegram_id = 2")).collect();
    assert_eq!(both, ["people[1].telegram: stands beside `telegram_id`, which says more; leave this out"]);
    let twice: Vec<_> = of(&people("telegram = \"bobby\"\n[[people]]\nname = \"cid\"\ntelegram = \"BOBBY\"")).collect();
    assert_eq!(twice, ["people[2].telegram: must be unique; people[1].telegram has the same value"]);
}

#[test]
fn a_bot_without_people_is_warned_about() {
    let config = read(&format!("[telegram]\ntoken = \"env:TG\"\n{}", service(""))).expect("valid");
    assert_eq!(
        sentence(&config.warnings[0]),
        "no person in [[people]] has a `telegram_id`: the bot will not know anyone, and only tell them their numbers"
    );
}

#[test]
fn an_account_that_stands_for_many_is_no_person() {
    let people = |keys: &str| bot("").replace("name = \"bob\"", &format!("name = \"bob\"\n{keys}"));
    for (id, name) in [(777_000, "Telegram"), (1_087_968_824, "GroupAnonymousBot"), (136_817_688, "Channel_Bot")] {
        let text = people(&format!("telegram_id = {id}"));
        let wanted = format!(
            "people[1].telegram_id: is no person's number: it is {name}, which Telegram shows in place of many people"
        );
        assert!(refused(&text)[0].ends_with(&wanted), "{:?}", refused(&text));
    }
    let text = people("telegram = \"@groupanonymousbot\"");
    let wanted = "people[1].telegram: is no person: Telegram shows this account in place of many people";
    assert!(refused(&text)[0].ends_with(wanted));
}
