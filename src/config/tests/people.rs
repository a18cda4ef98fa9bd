//! Mistakes about people and their votes.

use super::{PEOPLE, parse, problems, sentence, service};
use crate::config::Config;
use std::path::Path;

#[test]
fn people_are_told_apart() {
    assert_eq!(
        problems(
            "[[people]]\nname = \"ann\"\ntelegram_id = 1\ngithub = \"Ann\"\n\
             [[people]]\nname = \"ann\"\ntelegram_id = 1\ngithub = \"ann\"\nrole = \"admn\"\n\
             [[people]]\ntelegram_id = -1001\ngithub = \"@cid\"\nrole = \"ci\"\n\
             [[people]]\nname = \"-dan\"\n"
        ),
        [
            "6:8: people[1].name: must be unique; people[0].name has the same value",
            "7:15: people[1].telegram_id: must be unique; people[0].telegram_id has the same value",
            "8:10: people[1].github: must be unique; people[0].github has the same value",
            "9:8: people[1].role: must be \"admin\", \"member\" or \"viewer\"; did you mean `admin`?",
            "10:1: people[2].name: is missing: approver lists and the record use it",
            "11:15: people[2].telegram_id: must be at least 1",
            "12:10: people[2].github: must be a login of GitHub: letters, digits and '-', without '@'",
            "13:8: people[2].role: must be \"admin\", \"member\" or \"viewer\"",
            "15:8: people[3].name: must be 1 to 64 of the characters a-z, A-Z, 0-9, '-', '_' and '.', and begin with a \
             letter or digit",
        ]
    );
}

#[test]
fn a_person_who_is_called_like_the_operator_is_warned_of() {
    for name in ["operator", "RMM"] {
        let config = parse(&format!("[[people]]\nname = \"{name}\"\nrole = \"admin\"\n"));
        let warning = config.warnings.iter().map(ToString::to_string).find(|w| w.contains("people[0]")).unwrap();
        assert!(warning.starts_with("rmm.toml:2:8: people[0].name: is what the record calls"), "{warning}");
    }
}

#[test]
fn a_team_without_an_admin_is_warned() {
    let config = parse("[[people]]\nname = \"bob\"\n");
    assert_eq!(
        config.warnings[0].to_string(),
        "rmm.toml: people: no person is an admin: only the operator on this machine can roll back, abort or unlock"
    );
}

#[test]
fn approvers_must_be_known_and_able_to_approve() {
    let text = service("").replace("[\"ann\"]", "[\"ann\", \"bbo\", \"zed\", \"eve\", \"ann\"]");
    assert_eq!(
        problems(&format!("{text}[[people]]\nname = \"eve\"\nrole = \"viewer\"\n")),
        [
            "6:20: services[0].approvals.required[1]: `bbo` is not among [[people]]; did you mean `bob`?",
            "6:27: services[0].approvals.required[2]: `zed` is not among [[people]]",
            "6:34: services[0].approvals.required[3]: `eve` is a viewer and may not approve",
            "6:41: services[0].approvals.required[4]: must be unique; services[0].approvals.required[0] has the same \
             value",
        ]
    );
}

#[test]
fn a_vote_must_be_possible_and_no_vote_must_be_said() {
    let approvals = |keys: &str| service("").replace("required = [\"ann\"]", keys);
    assert_eq!(
        problems(&approvals("required = [\"ann\"]\nminimum = 2")),
        ["7:11: services[0].approvals.minimum: must be at most 1, the number of people in `required`"]
    );
    assert_eq!(
        problems(&approvals("required = [\"ann\"]\nminimum = -1")),
        ["7:11: services[0].approvals.minimum: must be at least 0"]
    );
    assert_eq!(
        problems(&approvals("required = []")),
        [
            "6:12: services[0].approvals.required: lists no people; list some, or add `minimum = 0` to release without any \
          approval"
        ]
    );
    assert_eq!(
        problems(&service("").replace("[services.approvals]\nrequired = [\"ann\"]\n", "")),
        [
            "1:1: services[0].approvals: is missing: who must approve? list them in `required`, or set `minimum = 0` for \
          none"
        ]
    );
    assert_eq!(parse(&approvals("minimum = 0")).services[0].approvals.minimum, 0);
    let warned = parse(&approvals("required = [\"ann\"]\nforbid_self = true"));
    assert_eq!(
        super::first_line(&warned.warnings[0].to_string()),
        "7:15: services[0].approvals.forbid_self: with all of `required` needed, a release of one of them can never be \
         approved"
    );
}

#[test]
fn approvers_whom_github_cannot_name_are_warned_of_where_self_approval_is_forbidden() {
    let strict = "required = [\"ann\", \"bob\"]\nminimum = 1\nforbid_self = true";
    let at_github = service("").replace("required = [\"ann\"]", strict);
    let warned = |text: &str| {
        let warnings = parse(text).warnings;
        warnings.iter().filter(|warning| sentence(warning).contains("has no `github`")).count()
    };
    assert_eq!(warned(&at_github), 2);
    let named = at_github.replace("name = \"bob\"", "name = \"bob\"\ngithub = \"bob-gh\"");
    assert_eq!(warned(&named), 1);
    assert_eq!(warned(&at_github.replace("forbid_self = true", "forbid_self = false")), 0);
    assert_eq!(warned(&at_github.replace("team/api", "/srv/shop.git")), 0);
}

#[test]
fn people_whose_names_people_take_for_one_are_refused_and_an_older_file_goes_on() {
    let text = service("").replace("name = \"bob\"", "name = \"Ann\"");
    assert_eq!(
        problems(&text),
        ["15:8: people[1].name: \"Ann\" and \"ann\" (people[0].name) look the same to people, who are told apart by \
          more than upper and lower case"]
    );
    let config = Config::parse(&text, "rmm.toml", Path::new("/etc/rmm"), &super::env(&[])).expect("it is used");
    assert_eq!(config.people.len(), 2);
    // Also where the one is the other's name at GitHub; one's own name there is no twin.
    let text = service("").replace("name = \"bob\"", "name = \"bob\"\ngithub = \"ANN\"");
    assert_eq!(
        problems(&text),
        [
            "16:10: people[1].github: the GitHub login ANN of bob is also the name of ann: a release that CI says it has begun \
          would be either's"
        ]
    );
    parse(&text.replace("\"ANN\"", "\"Bob\""));
}

#[test]
fn services_and_hosts_that_look_the_same_are_told_apart_no_better() {
    let one = service("");
    let twin = one.split(PEOPLE).next().unwrap().replace("\"api\"", "\"API\"");
    let host = |name: &str| {
        format!("[[hosts]]\nname = \"{name}\"\naddress = \"{name}.example\"\nuser = \"u\"\npassword = \"x\"\n")
    };
    let text = format!("{}{}{twin}{one}", host("a"), host("A"));
    let said = problems(&text).join("\n");
    for twins in
        ["hosts[1].name: \"A\" and \"a\" (hosts[0].name)", "services[1].name: \"api\" and \"API\" (services[0].name)"]
    {
        assert!(said.contains(&format!("{twins} look the same to people")), "{said}");
    }
    let said = problems(&format!("{}{one}", host("Local"))).join("\n");
    assert!(said.contains("\"Local\" and `local`, the machine that RMM itself runs on, look the same"), "{said}");
}
