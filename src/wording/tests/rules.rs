//! What values have to be.

use super::*;
use crate::domain::fault::store::{FileAct, StoreFault};

fn not_written() -> StoreFault {
    StoreFault::File {
        act: FileAct::Create,
        path: "/srv/copy.db".into(),
        said: "Permission denied (os error 13)".into(),
    }
}

fn samples() -> Vec<Rule> {
    use Rule as R;
    let name = || "deploy-shop".to_owned();
    vec![
        R::Said { text: "must be odd".into() },
        R::File { fault: Box::new(StoreFault::Exists { path: "/srv/copy.db".into() }), denied: false },
        R::File { fault: Box::new(not_written()), denied: true },
        R::Given,
        R::ThisOr { other: "commit".into() },
        R::Together { one: "seq".into(), other: "mac".into() },
        R::Initiator,
        R::CommitWithoutRepository { service: service() },
        R::AnyGate,
        R::ReleaseThere,
        R::NoReleaseThere,
        R::NotEmpty,
        R::OneLine,
        R::AtMost { most: 100 },
        R::Utf8,
        R::Visible { found: "U+202E".into() },
        R::NoBlankAround,
        R::Identifier,
        R::TagCharacters,
        R::TagOfGit,
        R::FullCommit,
        R::Environment,
        R::Fingerprint,
        R::Pattern { most: 256 },
        R::Workflow,
        R::Number,
        R::AtLeast { least: 1 },
        R::Between { least: 1, most: 200 },
        R::DateAndTime,
        R::Ahead,
        R::WebAddress { most: 2000 },
        R::NoLogin,
        R::WebHost,
        R::Repository,
        R::RepositoryHost,
        R::NoPassword,
        R::Cursor,
        R::EarlierPage,
        R::StreamId,
        R::EventNumber,
        R::Seal,
        R::NewRelease,
        R::ReleaseNumber,
        R::RollbackTarget,
        R::KnownSurface {
            surface: SurfaceName::parse("surface", "web").unwrap(),
            known: vec![surface(), SurfaceName::parse("surface", "worker").unwrap()],
        },
        R::SurfaceOnce,
        harmless(),
        R::CommitOfTag { tag: Tag::parse("tag", "v1.4.0").unwrap(), commit: commit() },
        R::InRepository { why: Box::new(Reason::NoAnswer) },
        R::GateStays { gate: GateName::ProductionClean },
        R::KnownPerson { person: person("ann"), near: None },
        R::KnownPerson { person: person("ANN"), near: Some("ann".into()) },
        R::RoleOfToken,
        R::RoleUpTo { person: person("ann"), role: Role::Member },
        R::RoleOfPerson,
        R::ServicesOfPerson,
        R::OwnName { name: "ann".into() },
        R::NotOfGithub,
        R::UnlikeToken { name: name(), other: "Deploy-Shop".into() },
        R::NewName { name: name() },
    ]
}

#[test]
fn every_rule_has_words_in_every_language() {
    let source = include_str!("../../domain/rule.rs");
    insta::assert_snapshot!(catalogue(source, "Rule", &samples(), |language, rule| language.rule(rule)));
}

#[test]
fn the_facts_of_a_rule_are_read_back() {
    for rule in samples() {
        let invalid = Invalid::new("field", rule);
        let facts = serde_json::to_value(&invalid).unwrap();
        assert_eq!(serde_json::from_value::<Invalid>(facts).unwrap(), invalid);
    }
}
