//! What the bot's stories are told with: RMM with its bot, a Telegram, and a team in it.

use std::process::Command;

use rusqlite::{Connection, OpenFlags};
use toml::{Table, Value};

use crate::telegram::{ChatView, TOKEN, Telegram, User};
use crate::world::{Setup, World, eventually};

/// The team's group.
pub const TEAM: i64 = -1_001_234_567_890;

/// RMM with its bot. RMM ends first, then Telegram goes and fails the test if the bot broke its rules.
pub struct BotWorld {
    pub rmm: World,
    /// An admin; approves.
    pub ann: User,
    /// A member; approves.
    pub boris: User,
    /// A viewer.
    pub vera: User,
    /// The group that follows the releases.
    pub team: ChatView,
    pub telegram: Telegram,
    setup: Setup,
}

impl BotWorld {
    /// A running RMM with the bot, in which Anna and Boris approve.
    pub async fn start() -> Self {
        let world = Self::without_rmm(|setup| setup).await;
        world.start_rmm().await;
        world
    }

    /// RMM does not run yet; `change` has the last word on its services and people.
    pub async fn without_rmm(change: impl FnOnce(Setup) -> Setup) -> Self {
        let telegram = Telegram::start().await;
        let ann = telegram.user(77, "Anna");
        let boris = telegram.user(78, "Boris");
        let vera = telegram.user(79, "Vera");
        let team = telegram.group(TEAM, "Team");
        let setup = Setup::new().person("boris", "member").person("vera", "viewer");
        let setup = change(setup.approved_by(2, ["ann", "boris"]).variable("RMM_TELEGRAM_TOKEN", TOKEN));
        let world = Self { rmm: World::without_rmm(setup.clone()), ann, boris, vera, team, telegram, setup };
        world.configure(|_| {});
        world
    }

    /// Writes `rmm.toml` anew; RMM reads it at its next start.
    pub fn configure(&self, change: impl FnOnce(&mut Table)) {
        let text = self.setup.text(&self.rmm.path(""), self.rmm.data());
        let mut config: Table = text.parse().unwrap();
        set(&mut config, "telegram.token", "env:RMM_TELEGRAM_TOKEN");
        set(&mut config, "telegram.api_url", self.telegram.api_url());
        set(&mut config, "telegram.chat", TEAM);
        for (name, user) in [("ann", &self.ann), ("boris", &self.boris), ("vera", &self.vera)] {
            if let Some(person) = person(&mut config, name) {
                person.insert("telegram_id".into(), user.id.into());
            }
        }
        change(&mut config);
        self.rmm.write("rmm.toml", &config.to_string());
    }

    /// Starts RMM; a webhook leads to it.
    pub async fn start_rmm(&self) {
        self.rmm.start().await;
        self.telegram.webhook_goes_to(self.rmm.address());
    }

    /// Waits until chats have heard everything, and RMM has noted that they have.
    pub async fn all_is_told(&self) {
        eventually("everything is told", async || {
            let flags = OpenFlags::SQLITE_OPEN_READ_ONLY;
            let conn = Connection::open_with_flags(self.rmm.database(), flags).ok()?;
            let untold = "SELECT (SELECT count(*) FROM telegram_news) + (SELECT count(*) FROM telegram_notices) \
                          + (SELECT count(*) FROM outbox)";
            let untold: i64 = conn.query_row(untold, [], |row| row.get(0)).ok()?;
            (untold == 0).then_some(())
        })
        .await;
    }

    /// Whether a token was made that speaks for a person.
    pub async fn has_token_of(&self, person: &str) -> bool {
        let tokens = self.rmm.operator().get("/api/v1/tokens").await.ok();
        tokens.as_array().is_some_and(|tokens| tokens.iter().any(|token| token["person"] == person))
    }

    /// RMM reads `rmm.toml` again.
    pub async fn reload(&self) {
        const DONE: &str = "the configuration was read again";
        let before = self.rmm.log().matches(DONE).count();
        let sent = Command::new("kill").args(["-s", "HUP", &self.rmm.pid().to_string()]).status().unwrap();
        assert!(sent.success());
        eventually("RMM has read rmm.toml again", async || {
            (self.rmm.log().matches(DONE).count() > before).then_some(())
        })
        .await;
    }

    /// `kill -9`, and up again at once.
    pub async fn restart_after_kill(&self) {
        self.rmm.kill();
        self.start_rmm().await;
    }
}

/// A chat as its members see it, without what differs from one telling to the next: dates and durations.
pub fn told(chat: &ChatView) -> String {
    // Whether a card was edited once more before the story ended says nothing.
    let text = chat.transcript().replace(" (edited)", "").replace(", edited)", ")");
    let lines = text.lines().map(|line| {
        let words: Vec<_> = line.split(' ').collect();
        let mut out: Vec<String> = Vec::new();
        for word in words {
            let core = word.trim_matches(|c: char| !c.is_alphanumeric());
            let shape: String = core.chars().map(|c| if c.is_ascii_digit() { '9' } else { c }).collect();
            let last = out.last().map(String::as_str).unwrap_or_default();
            match shape.as_str() {
                "9999-99-99" | "99.99.9999" => out.push(word.replace(core, "DATE")),
                "99:99" if last.ends_with("DATE") => {
                    let end = word.replace(core, "");
                    if let Some(date) = out.last_mut() {
                        date.push_str(&end);
                    }
                }
                "s" | "min" | "с" if last.trim_matches('(').bytes().all(|b| b.is_ascii_digit()) && !last.is_empty() => {
                    let number = out.pop().unwrap_or_default();
                    out.push(number.replace(|c: char| c.is_ascii_digit(), "") + &word.replace(core, "TIME"));
                }
                _ => out.push(word.to_owned()),
            }
        }
        out.join(" ")
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// The table of a person in `rmm.toml`.
pub fn person<'a>(config: &'a mut Table, name: &str) -> Option<&'a mut Table> {
    let people = config.get_mut("people")?.as_array_mut()?.iter_mut();
    people.filter_map(Value::as_table_mut).find(|person| person.get("name").and_then(Value::as_str) == Some(name))
}

/// Sets a key such as `telegram.chat` in a table, and in those in it.
pub fn set(table: &mut Table, key: &str, value: impl Into<Value>) {
    match key.split_once('.') {
        None => {
            table.insert(key.into(), value.into());
        }
        Some((first, rest)) => {
            let inner = table.entry(first).or_insert_with(|| Table::new().into());
            set(inner.as_table_mut().unwrap(), rest, value);
        }
    }
}
