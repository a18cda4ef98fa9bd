//! Why RMM's own functions end a step.

use super::*;
use crate::domain::fault::tool::{Holder, Taken, TakenBeside, ToolFault, Unwell};

/// What a host may have written.
fn fact(name: &'static str) -> String {
    let text = match name {
        "folder" => "/srv/shop",
        "file" => "/srv/shop/.git/rmm-place",
        "images" => "/var/lib/docker",
        "to" => ".git/rmm-aside/config",
        "user" => "deploy",
        "said" => "fatal: no",
        "command" => "chown -R deploy /srv/shop",
        "trust" => "git config --global --add safe.directory /srv/shop",
        "service" => "shop",
        "environment" => "production",
        "process" => "4711",
        "tag" => "v1.4.0",
        "repository" => "https://git.example.com/shop.git",
        "commit" => "0123456",
        "found" => "89abcde",
        "names" => "config, data",
        "free" => "97 MiB",
        "wanted" => "500 MiB",
        "files left" => "21",
        "container" => "shop-web-1",
        "project" => "shop",
        "wanted project" => "shop-web-stage",
        "status" => "137",
        "state" => "paused",
        other => panic!("no sample of {other}"),
    };
    text.to_owned()
}

#[test]
fn every_fault_of_a_function_has_words() {
    let mut faults = ToolFault::shapes(&mut fact);
    faults.push(ToolFault::NotWell { containers: Unwell::shapes(&mut fact) });
    faults.push(ToolFault::ContainersTaken {
        container: fact("container"),
        how: Taken::Stopped,
        holder: Holder { service: "api".into(), environment: "stage".into(), folder: None },
        beside: TakenBeside::shapes(&mut fact),
        composed: false,
    });
    faults.push(ToolFault::FolderNotMade { folder: fact("folder"), said: None, user: None });
    faults.push(ToolFault::OtherOwner { folder: fact("folder"), user: None, commands: None });
    let source = include_str!("../../domain/fault/tool.rs");
    insta::assert_snapshot!(catalogue(source, "ToolFault", &faults, |language, fault| language.tool(fault)));
}

#[test]
fn a_failed_step_tells_it_in_the_language_of_who_reads() {
    let fault = ToolFault::NoRepository { folder: "/srv/shop".into() };
    let said = Some(Language::En.tool(&fault));
    let tool = Some(Box::new(fault));
    let exit = Reason::Exit { status: 1, said: said.clone(), known: None, tool: tool.clone() };
    assert_eq!(
        Language::En.reason(&exit),
        "failed with exit status 1: /srv/shop is not a git checkout, and the service has no `repository`; give it one"
    );
    assert!(
        Language::Ru
            .reason(&exit)
            .ends_with(": /srv/shop — не клон репозитория, а у сервиса нет `repository`; укажите его")
    );
    let check = Reason::CheckFailed { status: 1, said, tool };
    assert!(Language::Ru.reason(&check).contains("не клон репозитория"));
    // What was stored before there were facts.
    let old: Reason = serde_json::from_str(r#"{"code":"exit","status":1,"said":"no space"}"#).unwrap();
    assert_eq!(old, Reason::Exit { status: 1, said: Some("no space".into()), known: None, tool: None });
    assert!(Language::Ru.reason(&old).ends_with(": no space"));
}
