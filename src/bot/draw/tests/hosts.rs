//! Hosts, people, and what is always there.

use super::rig::{Rig, check, key, person, prod, told};
use crate::bot::Viewer;
use crate::bot::draw::hosts::shown_key;
use crate::bot::draw::letters;
use crate::bot::screen::{Act, Key, Screen};
use crate::clients::telegram::Text;
use crate::domain::ids::{ReleaseId, RunId};
use crate::domain::person::Role::{Admin, Member};
use crate::store::telegram;
use crate::wording::Language;

#[tokio::test]
async fn hosts_and_their_keys() {
    let rig = Rig::new();
    rig.shows_key(key("A")).await;
    let screen = Screen::Host(shown_key(&prod(), &key("A")));
    seen!("hosts", rig.shot("gommgo", Admin, &Screen::Hosts).await);
    seen!("host_unknown", rig.shot("gommgo", Admin, &screen).await);
    seen!("host_unknown_group", rig.group(&screen).await);
    let admin = super::rig::viewer("gommgo", Admin, Language::En).actor.unwrap();
    rig.engine.trust(&admin, &prod(), &key("A").fingerprint).await.unwrap();
    seen!("host_trusted", rig.shot("gommgo", Admin, &screen).await);
    rig.shows_key(key("B")).await;
    seen!("host_changed", rig.shot("gommgo", Admin, &Screen::Host(shown_key(&prod(), &key("B")))).await);
    seen!("host_gone", rig.shot("gommgo", Admin, &screen).await);
}

#[tokio::test]
async fn an_account_claims_to_be_a_person() {
    let rig = Rig::new();
    let now = rig.engine.now();
    let write = |settle: Option<&'static str>| {
        rig.engine.store().write(move |tx| {
            telegram::see_user(tx, 77, Some("dev_ops"), "<i>Dee\u{202E}", true, now)?;
            telegram::claim(tx, 77, &person("devops_lead"), "dev_ops", now)?;
            if settle.is_some() {
                telegram::settle_claim(tx, 77, &person("devops_lead"), settle)?;
            }
            Ok::<_, crate::store::StoreError>(())
        })
    };
    write(None).await.unwrap();
    let screen = Screen::Claim { user: 77, person: Key::of("devops_lead") };
    seen!("claim", rig.shot("gommgo", Admin, &screen).await);
    let called = |name: Option<&'static str>| {
        let seen = move |tx: &mut crate::store::Tx<'_>| telegram::see_user(tx, 77, name, "<i>Dee\u{202E}", true, now);
        rig.engine.store().write(seen)
    };
    called(Some("dee")).await.unwrap();
    seen!("claim_renamed", rig.shot("gommgo", Admin, &screen).await);
    called(None).await.unwrap();
    seen!("claim_without_a_name", rig.shot("gommgo", Admin, &screen).await);
    write(Some("gommgo")).await.unwrap();
    seen!("claim_confirmed", rig.shot("gommgo", Admin, &screen).await);
    let other = rig.engine.store().write(move |tx| {
        telegram::see_user(tx, 78, Some("Dev_Ops"), "Another Dee", true, now)?;
        telegram::claim(tx, 78, &person("devops_lead"), "Dev_Ops", now)
    });
    other.await.unwrap();
    let screen = Screen::Claim { user: 78, person: Key::of("devops_lead") };
    seen!("claim_of_another", rig.shot("gommgo", Admin, &screen).await);
    seen!("claim_gone", rig.shot("gommgo", Admin, &Screen::Claim { user: 77, person: Key::of("vic") }).await);
}

#[tokio::test]
async fn what_is_always_there() {
    let rig = Rig::new();
    seen!("menu_admin", rig.shot("gommgo", Admin, &Screen::Menu).await);
    rig.release("v1.0.0").await;
    seen!("menu_member", rig.shot("tech_lead", Member, &Screen::Menu).await);
    seen!("languages", rig.shot("tech_lead", Member, &Screen::Languages).await);
    seen!("help", rig.shot("tech_lead", Member, &Screen::Help).await);
    seen!("release_gone", rig.shot("tech_lead", Member, &Screen::Release(ReleaseId(99))).await);
    seen!("run_gone", rig.shot("tech_lead", Member, &Screen::Run(RunId(99))).await);
    seen!("service_gone", rig.shot("tech_lead", Member, &Screen::Service(Key::of("gone"))).await);
}

#[tokio::test]
async fn letters_to_strangers() {
    let rig = Rig::new();
    let release = rig.release("v1.0.0").await;
    let release = rig.get(release).await;
    let both = |write: &dyn Fn(Language) -> Text| {
        let shots = [Language::Ru, Language::En].map(|language| {
            let text = write(language);
            check(&text);
            told(&text)
        });
        shots.join("\n════════\n")
    };
    seen!("stranger", both(&|language| letters::stranger(&rig.words, language, "Eve <3", 42)));
    let claimed =
        |asked| both(&|language| letters::claimed(&rig.words, language, "Dee", &person("devops_lead"), asked));
    seen!("claimed", claimed(true));
    seen!("claimed_and_nobody_to_ask", claimed(false));
    seen!("group", both(&|language| letters::unknown_group(&rig.words, language, -1001, Some(12))));
    let asks = |to: Viewer| {
        both(&|language| {
            let viewer = Viewer { language, ..to.clone() };
            letters::ask_reason(&rig.words, &viewer, &release, Act::RejectInWords, None)
        })
    };
    let ann = Viewer { user: Some(77), first_name: "Anna <3".into(), aloud: false, ..Viewer::everybody(Language::En) };
    seen!("ask_reason", asks(ann.clone()));
    seen!("ask_reason_in_a_group", asks(Viewer { aloud: true, ..ann }));
}
