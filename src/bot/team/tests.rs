//! A pause and hours without Telegram, by a clock that the test moves.

use futures_util::future::BoxFuture;
use jiff::Timestamp;
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use tokio::sync::watch;

use super::*;
use crate::bot::Viewer;
use crate::bot::testing::bot;
use crate::clients::telegram::peer::{Peer, Time};
use crate::config::{Chat, Config, EnvVars};
use crate::domain::command::{Answer, Command, NewRelease};
use crate::domain::host::{Address, Fingerprint, HostKey};
use crate::domain::ids::{Commit, HostName, PersonName, RunId, Tag};
use crate::domain::person::{Actor, Door, Role};
use crate::domain::reason::Reason;
use crate::domain::status::Status::{Deployed, Deploying, ManualTesting, StageBuilding};
use crate::engine::Request;
use crate::engine::catalog::Catalog;
use crate::engine::clock::Clock;
use crate::engine::sessions::Browser;
use crate::engine::testing::engine_in;
use crate::wording::Language;

const SHOPS: [&str; 6] = ["alpha", "bravo", "charlie", "delta", "echo", "foxtrot"];
const CHATS: [i64; 2] = [-1, -2];
const SECOND: Duration = Duration::from_secs(1);
const MOMENT: Duration = Duration::from_millis(100);

/// A clock that moves only when told to.
#[derive(Default)]
struct Dial(watch::Sender<Duration>);

impl Dial {
    fn pass(&self, time: Duration) {
        self.0.send_modify(|passed| *passed += time);
    }
}

impl Clock for Dial {
    fn now(&self) -> Timestamp {
        Timestamp::from_second(1_800_000_000).unwrap() + self.passed()
    }

    fn sleep(&self, time: Duration) -> BoxFuture<'static, ()> {
        self.sleep_until(self.passed() + time)
    }
}

impl Time for Dial {
    fn passed(&self) -> Duration {
        *self.0.borrow()
    }

    fn sleep_until(&self, at: Duration) -> BoxFuture<'static, ()> {
        let mut passed = self.0.subscribe();
        Box::pin(async move {
            if passed.wait_for(|passed| *passed >= at).await.is_err() {
                std::future::pending::<()>().await;
            }
        })
    }
}

const PEOPLE: &str = "[[people]]\nname = \"ann\"\ntelegram_id = 77\n[[people]]\nname = \"root\"\nrole = \"admin\"\n\
                      telegram_id = 99\n";

fn catalog() -> Catalog {
    let service = |name: &str| {
        format!(
            "[[services]]\nname = \"{name}\"\napprovals = {{ required = [\"ann\"] }}\n[[services.surfaces]]\nname = \"web\"\n\
             recipe = \"commands\"\ncheckout = false\ndirectory = \"/srv/web\"\ndeploy = \"./start\"\n\
             [services.environments.stage]\ndriver = \"ci\"\n[services.environments.production]\ndriver = \"ci\"\n"
        )
    };
    let text = PEOPLE.to_owned() + &SHOPS.map(service).concat();
    Catalog::new(&Config::parse(&text, "rmm.toml", std::path::Path::new("/"), &EnvVars::new()).unwrap())
}

async fn say(engine: &Engine, actor: Actor, command: Command) -> Answer {
    engine.handle(Request::new(actor, command)).await.unwrap().answer
}

fn ci() -> Actor {
    Actor::Token { name: "ci".into(), role: Role::Ci, services: Vec::new() }
}

/// A release that waits for ann.
async fn waiting(engine: &Engine, shop: &str) -> ReleaseId {
    let shop = ServiceName::parse("service", shop).unwrap();
    let new = NewRelease { tag: Some(Tag::parse("tag", "v1").unwrap()), ..NewRelease::of(shop, "ann".into()) };
    let Answer::Release { id, .. } = say(engine, ci(), Command::Create(new)).await else { panic!("no release") };
    report(engine, id, &[StageBuilding, ManualTesting]).await;
    id
}

async fn report(engine: &Engine, release: ReleaseId, statuses: &[Status]) {
    for &status in statuses {
        say(engine, ci(), Command::Report { release, status, ci_run: None }).await;
    }
}

async fn deployed(engine: &Engine, release: ReleaseId) {
    let ann = PersonName::parse("name", "ann").unwrap();
    let ann = Actor::Person { name: ann, role: Role::Member, door: Door::Telegram };
    say(engine, ann, Command::Approve { release, seen: None }).await;
    report(engine, release, &[Deploying, Deployed]).await;
}

/// What a chat was sent, and what was written into its messages.
fn heard(calls: &[(String, Value)], chat: i64) -> Vec<String> {
    let written = calls.iter().filter(|(method, _)| ["sendmessage", "editmessagetext"].contains(&method.as_str()));
    let here = written.filter(|(_, ask)| ask["chat_id"] == chat);
    here.map(|(method, ask)| format!("{method} {}", ask["text"].as_str().unwrap())).collect()
}

/// Lets time pass until something is so; after how many seconds.
async fn until(clock: &Dial, so: impl AsyncFn() -> bool) -> u32 {
    for seconds in 0..10_000 {
        for _ in 0..200 {
            if so().await {
                return seconds;
            }
            tokio::task::yield_now().await;
        }
        clock.pass(SECOND);
    }
    panic!("it is not so after hours");
}

#[tokio::test]
async fn a_card_that_a_chat_did_not_take_is_tried_again_within_a_minute() {
    let (folder, peer, clock) = (tempfile::tempdir().unwrap(), Peer::start().await, Arc::new(Dial::default()));
    let engine = engine_in(folder.path(), clock.clone());
    engine.reconfigure(catalog()).await;
    let chat =
        Chat { id: -1, topic: None, notices: vec![Notice::Waits], services: Vec::new(), cards: true, alerts: false };
    let bot = Arc::new(bot(engine.clone(), peer.client_by(clock.clone()), vec![chat]));
    bot.tasks.spawn(follow(bot.clone()));
    let first = waiting(&engine, SHOPS[0]).await;
    until(&clock, async || has_told_everything(&engine).await.unwrap()).await;
    for _ in 0..2 {
        peer.refuses("editMessageText", 400, "Bad Request: TOPIC_CLOSED", Value::Null);
    }
    let ann = PersonName::parse("name", "ann").unwrap();
    let ann = Actor::Person { name: ann, role: Role::Admin, door: Door::Telegram };
    say(&engine, ann, Command::Cancel { release: first, reason: "wrong".into() }).await;
    let edits = |count| {
        let seen = move |(method, ask): &(String, Value)| {
            method == "editmessagetext" && ask["text"].as_str().unwrap().contains("Cancelled")
        };
        peer.calls().iter().filter(|call| seen(call)).count() == count
    };
    until(&clock, async || edits(1)).await;
    let refuses = async || !engine.read(news::refusals).await.unwrap().is_empty();
    until(&clock, refuses).await;
    let pauses = [until(&clock, async || edits(2)).await, until(&clock, async || edits(3)).await];
    assert!(pauses.iter().all(|pause| (30..600).contains(pause)), "{pauses:?}");
    until(&clock, async || has_told_everything(&engine).await.unwrap()).await;
    assert!(!refuses().await);
    bot.stop.cancel();
}

#[tokio::test]
async fn an_alarm_that_ends_by_itself_is_taken_back_where_it_was_told() {
    let (folder, peer, clock) = (tempfile::tempdir().unwrap(), Peer::start().await, Arc::new(Dial::default()));
    let engine = engine_in(folder.path(), clock.clone());
    engine.reconfigure(catalog()).await;
    let chat =
        Chat { id: -1, topic: None, notices: vec![Notice::Alarm], services: Vec::new(), cards: true, alerts: false };
    let bot = Arc::new(bot(engine.clone(), peer.client_by(clock.clone()), vec![chat]));
    bot.tasks.spawn(follow(bot.clone()));
    let told = async || has_told_everything(&engine).await.unwrap();
    until(&clock, told).await;
    let shop = ServiceName::parse("service", SHOPS[0]).unwrap();
    let new = NewRelease { tag: Some(Tag::parse("tag", "v1").unwrap()), ..NewRelease::of(shop, "ann".into()) };
    let Answer::Release { id, .. } = say(&engine, ci(), Command::Create(new)).await else { panic!("no release") };
    report(&engine, id, &[StageBuilding]).await;
    let lost = Command::RunLost { run: RunId(1), reason: Reason::NoAnswer };
    say(&engine, Actor::Machine, lost).await;
    until(&clock, told).await;
    let with = |words: &str| heard(&peer.calls(), -1).into_iter().filter(|text| text.contains(words)).count();
    // Its card may be changed since: it shows for how long the run has been at work.
    let counts = (with("sendmessage ❓ <b>The outcome of run 1 is unknown"), with("it is known by now"));
    assert_eq!(counts, (1, 0), "{:#?}", heard(&peer.calls(), -1));
    report(&engine, id, &[ManualTesting]).await;
    until(&clock, told).await;
    assert_eq!(with("editmessagetext ⚙️ <b>Run 1</b>"), 1, "{:#?}", heard(&peer.calls(), -1));
    assert_eq!(with("sendmessage ✅ alpha: it is known by now that run 1 has ended well"), 1);
    // What was no alarm is not taken back.
    waiting(&engine, SHOPS[1]).await;
    until(&clock, told).await;
    assert_eq!(with("it is known by now"), 1);
    bot.stop.cancel();
}

fn chat(id: i64, notices: &[Notice]) -> Chat {
    Chat { id, topic: None, notices: notices.to_vec(), services: Vec::new(), cards: true, alerts: false }
}

/// A bot with these chats, a Telegram and a clock, which follows the record.
struct Desk {
    engine: Engine,
    peer: Peer,
    clock: Arc<Dial>,
    bot: Arc<Bot>,
    _folder: tempfile::TempDir,
}

impl Desk {
    async fn with(catalog: Catalog, chats: Vec<Chat>) -> Self {
        let (folder, peer, clock) = (tempfile::tempdir().unwrap(), Peer::start().await, Arc::new(Dial::default()));
        let engine = engine_in(folder.path(), clock.clone());
        engine.reconfigure(catalog).await;
        engine.telegram_contact(99, None, "Root", true).await.unwrap();
        let bot = Arc::new(bot(engine.clone(), peer.client_by(clock.clone()), chats));
        bot.tasks.spawn(follow(bot.clone()));
        let desk = Self { engine, peer, clock, bot, _folder: folder };
        desk.all_is_told().await;
        desk
    }

    async fn all_is_told(&self) {
        until(&self.clock, async || has_told_everything(&self.engine).await.unwrap()).await;
    }

    /// How many messages and changes of messages of a chat have these words.
    fn with_words(&self, chat: i64, words: &str) -> usize {
        heard(&self.peer.calls(), chat).into_iter().filter(|text| text.contains(words)).count()
    }

    fn heard(&self, chat: i64) -> Vec<String> {
        heard(&self.peer.calls(), chat)
    }
}

fn commit(digit: &str) -> Commit {
    Commit::parse("commit", digit.repeat(40)).unwrap()
}

#[tokio::test]
async fn a_tag_that_moves_is_an_alarm_for_the_team_and_the_admins_whatever_becomes_of_its_release() {
    let desk = Desk::with(catalog(), vec![chat(-1, Notice::ALL), chat(-2, &[Notice::Failed])]).await;
    let new = async |shop: &str, digit: &str| {
        let shop = ServiceName::parse("service", shop).unwrap();
        let tag = Some(Tag::parse("tag", "v1").unwrap());
        let new = NewRelease { tag, commit: Some(commit(digit)), ..NewRelease::of(shop, "ann".into()) };
        let made = desk.engine.handle(Request::new(ci(), Command::Create(new))).await;
        made.ok().and_then(|done| if let Answer::Release { id, .. } = done.answer { Some(id) } else { None })
    };
    // The release waits for votes.
    let waits = new(SHOPS[0], "a").await.unwrap();
    report(&desk.engine, waits, &[StageBuilding, ManualTesting]).await;
    desk.all_is_told().await;
    let moved = Command::TagMoved { release: waits, now: Some(commit("b")) };
    say(&desk.engine, Actor::Machine, moved).await;
    desk.all_is_told().await;
    let alarm = "sendmessage 🏷️ alpha <code>v1</code>: tag v1 moved from aaaaaaaaaaaa to bbbbbbbbbbbb";
    for chat in [-1, 99] {
        let heard = desk.heard(chat);
        let told = heard.iter().find(|text| text.starts_with(alarm)).unwrap_or_else(|| panic!("{heard:#?}"));
        assert!(told.contains("The release is cancelled"), "{told}");
        assert_eq!(desk.with_words(chat, "moved from"), 1, "{heard:#?}");
    }
    // Admins hear the alarm, and nothing else of what chats follow.
    assert_eq!(desk.heard(99).len(), 1, "{:#?}", desk.heard(99));
    // Production runs it. However often CI tells it, it is told once.
    let runs = new(SHOPS[1], "a").await.unwrap();
    report(&desk.engine, runs, &[StageBuilding, ManualTesting]).await;
    deployed(&desk.engine, runs).await;
    for _ in 0..2 {
        say(&desk.engine, Actor::Machine, Command::TagMoved { release: runs, now: Some(commit("b")) }).await;
        desk.all_is_told().await;
    }
    for chat in [-1, 99] {
        let told = desk.with_words(chat, "sendmessage 🏷️ bravo");
        assert_eq!((told, desk.with_words(chat, "goes on with it")), (1, 1), "{:#?}", desk.heard(chat));
    }
    say(&desk.engine, Actor::Machine, Command::TagMoved { release: runs, now: Some(commit("c")) }).await;
    desk.all_is_told().await;
    assert_eq!(desk.with_words(-1, "to cccccccccccc"), 1, "that it has moved on is news");
    assert_eq!(desk.with_words(-2, "moved from"), 0, "{:#?}", desk.heard(-2));
    desk.bot.stop.cancel();
}

#[tokio::test]
async fn another_key_of_a_host_is_a_new_message_and_its_older_card_follows() {
    let host = "[[hosts]]\nname = \"box\"\naddress = \"203.0.113.7:22\"\nuser = \"deploy\"\npassword = \"env:PW\"\n";
    let env: EnvVars = [("PW".to_owned(), "hunter22".to_owned())].into_iter().collect();
    let text = PEOPLE.to_owned() + host;
    let config = Config::parse(&text, "rmm.toml", std::path::Path::new("/"), &env).unwrap();
    let desk = Desk::with(Catalog::new(&config), vec![chat(-1, &[Notice::Alarm])]).await;
    let name = HostName::parse("name", "box").unwrap();
    let key = |letter: &str| HostKey {
        algorithm: "ssh-ed25519".into(),
        fingerprint: Fingerprint::parse(format!("SHA256:{}", letter.repeat(43))).unwrap(),
    };
    let shows = async |letter: &str| {
        let address = Address { host: "203.0.113.7".into(), port: 22 };
        desk.engine.note_key(&name, &address, key(letter)).await.unwrap();
        desk.all_is_told().await;
    };
    shows("A").await;
    desk.engine.trust(&Actor::Operator, &name, &key("A").fingerprint).await.unwrap();
    desk.all_is_told().await;
    let loud = |chat| desk.with_words(chat, "sendmessage 🚨 <b>Host box shows another key");
    assert_eq!((loud(-1), loud(99)), (0, 0));
    for _ in 0..2 {
        shows("B").await;
        assert_eq!((loud(-1), loud(99)), (1, 1), "{:#?}", desk.heard(99));
    }
    for chat in [-1, 99] {
        assert_eq!(desk.with_words(chat, "sendmessage 🔑 <b>New host box"), 1);
        assert_eq!(desk.with_words(chat, "editmessagetext 🚨 <b>Host box shows another key"), 1);
    }
    shows("C").await;
    assert_eq!((loud(-1), loud(99)), (2, 2), "one more key is one more question");
    desk.bot.stop.cancel();
}

#[tokio::test]
async fn the_end_of_an_alarm_is_not_told_where_the_alarm_never_was() {
    let desk = Desk::with(catalog(), vec![chat(-1, &[Notice::Alarm])]).await;
    let shop = ServiceName::parse("service", SHOPS[0]).unwrap();
    let new = NewRelease { tag: Some(Tag::parse("tag", "v1").unwrap()), ..NewRelease::of(shop, "ann".into()) };
    let Answer::Release { id, .. } = say(&desk.engine, ci(), Command::Create(new)).await else { panic!("no release") };
    report(&desk.engine, id, &[StageBuilding]).await;
    desk.all_is_told().await;
    // Telegram asks for a pause, for both chats.
    let tried = desk.peer.calls().len();
    for _ in 0..2 {
        let pause = json!({"retry_after": 35});
        desk.peer.refuses("sendMessage", 429, "Too Many Requests: retry after 35", pause);
    }
    say(&desk.engine, Actor::Machine, Command::RunLost { run: RunId(1), reason: Reason::NoAnswer }).await;
    until(&desk.clock, async || desk.peer.calls().len() >= tried + 2).await;
    report(&desk.engine, id, &[ManualTesting]).await;
    desk.all_is_told().await;
    for chat in [-1, 99] {
        let heard = desk.heard(chat);
        assert_eq!(desk.with_words(chat, "The outcome of run 1 is unknown"), 1, "it was refused: {heard:#?}");
        assert_eq!((desk.with_words(chat, "Run 1"), desk.with_words(chat, "it is known by now")), (1, 0), "{heard:#?}");
    }
    desk.bot.stop.cancel();
}

#[tokio::test]
async fn what_telegram_refuses_for_its_content_is_kept_and_told_to_admins() {
    let desk = Desk::with(catalog(), vec![chat(-1, &[Notice::Waits])]).await;
    // As it is meant, plain, and without buttons; the admins take everything.
    for _ in 0..3 {
        desk.peer.refuses("sendMessage", 400, "Bad Request: BUTTON_USER_PRIVACY_RESTRICTED", Value::Null);
    }
    waiting(&desk.engine, SHOPS[0]).await;
    let refuses = async || !desk.engine.read(news::refusals).await.unwrap().is_empty();
    until(&desk.clock, refuses).await;
    until(&desk.clock, async || desk.with_words(99, "does not take my messages") == 1).await;
    desk.all_is_told().await;
    assert_eq!(desk.with_words(99, "is on stage, waiting for approval"), 1, "{:#?}", desk.heard(99));
    assert_eq!(desk.with_words(-1, "is on stage, waiting for approval"), 1, "{:#?}", desk.heard(-1));
    assert!(!refuses().await);
    desk.bot.stop.cancel();
}

#[tokio::test]
async fn that_a_chat_comes_and_goes_is_told_to_an_admin_once() {
    let desk = Desk::with(catalog(), vec![chat(-1, &[Notice::Waits])]).await;
    let place = Destination { chat: -1, topic: None };
    desk.bot.refused(place, "kicked").await.unwrap();
    desk.all_is_told().await;
    let told = || (desk.with_words(99, "does not take my messages"), desk.with_words(99, "takes my messages again"));
    assert_eq!(told(), (1, 0));
    // Nothing of this reaches the admin yet, whose chat rests after a message that was lost.
    desk.peer.is_away(true);
    desk.bot.accepted(place).await.unwrap();
    until(&desk.clock, async || told().1 == 1).await;
    for [one, other] in [[SHOPS[0], SHOPS[1]], [SHOPS[2], SHOPS[3]]] {
        desk.bot.refused(place, "kicked").await.unwrap();
        waiting(&desk.engine, one).await;
        desk.bot.accepted(place).await.unwrap();
        waiting(&desk.engine, other).await;
    }
    desk.bot.refused(place, "kicked").await.unwrap();
    desk.peer.is_away(false);
    // In the end the chat takes what was kept for it.
    desk.all_is_told().await;
    assert_eq!(told(), (1, 2), "{:#?}", desk.heard(99));
    desk.bot.stop.cancel();
}

#[tokio::test]
async fn a_pause_holds_up_one_chat_and_hours_of_outage_end_with_what_is_so_by_then() {
    let (folder, peer, clock) = (tempfile::tempdir().unwrap(), Peer::start().await, Arc::new(Dial::default()));
    let engine = engine_in(folder.path(), clock.clone());
    engine.reconfigure(catalog()).await;
    let notices = vec![Notice::Waits, Notice::Deploying, Notice::Deployed];
    let chats = CHATS
        .map(|id| Chat { id, topic: None, notices: notices.clone(), services: Vec::new(), cards: true, alerts: false })
        .to_vec();
    let bot = Arc::new(bot(engine.clone(), peer.client_by(clock.clone()), chats));
    let count = |chat: i64| heard(&peer.calls(), chat).len();

    // One chat has to wait for 35 seconds; the other one does not.
    peer.refuses("sendMessage", 429, "Too Many Requests: retry after 35", json!({"retry_after": 35}));
    let first = waiting(&engine, SHOPS[0]).await;
    bot.tasks.spawn(follow(bot.clone()));
    peer.until(|_| CHATS.iter().any(|&chat| count(chat) == 1)).await;
    // All chats together get one message after the other.
    clock.pass(MOMENT);
    peer.until(|_| CHATS.iter().all(|&chat| count(chat) == 1)).await;
    let paused = peer.calls().into_iter().find(|(method, _)| method == "sendmessage").unwrap().1["chat_id"].clone();
    let (paused, other) = if paused == CHATS[0] { (CHATS[0], CHATS[1]) } else { (CHATS[1], CHATS[0]) };
    clock.pass(SECOND);
    peer.until(|_| count(other) == 2).await;
    clock.pass(34 * SECOND - 2 * MOMENT);
    assert_eq!(count(paused), 1);
    clock.pass(2 * MOMENT);
    peer.until(|_| count(paused) == 2).await;
    clock.pass(SECOND);
    peer.until(|_| count(paused) == 3).await;

    // Telegram is away while all releases go all the way.
    peer.is_away(true);
    deployed(&engine, first).await;
    for shop in &SHOPS[1..] {
        let release = waiting(&engine, shop).await;
        clock.pass(Duration::from_hours(1));
        deployed(&engine, release).await;
    }
    clock.pass(Duration::from_hours(1));

    // When it is back, each chat hears once how it is now, one message after the other.
    let tried = peer.is_away(false);
    let mut seconds = 0;
    while !has_told_everything(&engine).await.unwrap() {
        clock.pass(SECOND);
        seconds += 1;
        for _ in 0..200 {
            tokio::task::yield_now().await;
        }
    }
    let calls = peer.calls().split_off(tried);
    for chat in CHATS {
        let heard = heard(&calls, chat);
        let with = |shop: &str, words: &str| {
            let told = heard.iter().filter(|text| text.contains(shop) && text.contains(words));
            told.map(|text| text.split(' ').next().unwrap()).collect::<Vec<_>>()
        };
        for shop in SHOPS {
            let card = if shop == SHOPS[0] { "editmessagetext" } else { "sendmessage" };
            assert_eq!(with(shop, "📦"), [card], "one card of {shop}: {heard:#?}");
            assert_eq!(with(shop, "Deployed"), [card], "it is current: {heard:#?}");
            assert_eq!(with(shop, "is deployed!"), ["sendmessage"], "{heard:#?}");
        }
        assert_eq!(heard.len(), 2 * SHOPS.len(), "nothing else: {heard:#?}");
        assert!(seconds + 1 >= heard.len(), "{} messages within {seconds} s", heard.len());
    }
    bot.stop.cancel();
}

#[tokio::test]
async fn a_link_is_told_with_the_time_that_is_left_and_an_admin_is_sent_to_no_other() {
    let desk = Desk::with(catalog(), Vec::new()).await;
    let root = PersonName::parse("person", "root").unwrap();
    desk.engine.make_login_link(&Actor::Operator, Some(root.clone())).await.unwrap();
    let made = desk.engine.store().progress().borrow().last_event;
    let told = async |role: Role, language: Language| {
        let actor = Some(Actor::Person { name: root.clone(), role, door: Door::Telegram });
        let viewer = Viewer { user: Some(99), actor, first_name: "Root".into(), language, aloud: false };
        personal::words(&desk.bot, made, &viewer).await.unwrap().unwrap().html
    };
    let at_once = told(Role::Member, Language::En).await;
    assert!(at_once.contains("as you, root: once, within 10 minutes. If you have not asked for it, tell an admin."));
    desk.clock.pass(Duration::from_secs(5 * 60 + 20));
    assert!(told(Role::Admin, Language::En).await.contains("within 5 minutes. If you have not asked for it, look at"));
    assert!(told(Role::Admin, Language::Ru).await.contains("в течение 5 минут. Если вы её не просили, откройте"));
    desk.clock.pass(Duration::from_secs(4 * 60));
    assert!(told(Role::Member, Language::Ru).await.contains("в течение 1 минуты. Если вы её не просили, скажите"));
    desk.clock.pass(Duration::from_secs(60));
    assert!(
        told(Role::Admin, Language::En).await.contains("could sign in to the dashboard as you, root: once, and opens")
    );
    assert!(told(Role::Admin, Language::Ru).await.contains("root: она больше не действует."));
}

#[tokio::test]
async fn a_link_that_was_used_before_it_is_told_is_told_as_used() {
    let desk = Desk::with(catalog(), Vec::new()).await;
    let root = PersonName::parse("person", "root").unwrap();
    let link = desk.engine.make_login_link(&Actor::Operator, Some(root.clone())).await.unwrap();
    let made = desk.engine.store().progress().borrow().last_event;
    let browser = Browser { device: "Phone".into(), address: "192.0.2.7".into() };
    assert!(desk.engine.sign_in(link.secret.expose_secret().to_owned(), browser).await.unwrap().is_some());
    // Another one is still open.
    desk.clock.pass(Duration::from_secs(1));
    desk.engine.make_login_link(&Actor::Operator, Some(root)).await.unwrap();
    for (language, said) in [
        (
            Language::En,
            "signed somebody in to the dashboard as you, root: it was used, and opens nothing any more. If that was not you, tell",
        ),
        (Language::Ru, "root: по ней уже вошли, больше она не действует. Если это были не вы, скажите администратору."),
    ] {
        let viewer = Viewer::everybody(language);
        let told = personal::words(&desk.bot, made, &viewer).await.unwrap().unwrap().html;
        assert!(told.contains(said), "{told}");
    }
}
