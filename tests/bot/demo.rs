//! `rmm demo --telegram`, played by a person who has a bot and taps.

use std::process::Stdio;

use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

use crate::telegram::{Fault, Shown, TOKEN, Telegram, User};

/// The demo as a process, and what it prints.
struct Demo {
    process: Child,
    lines: Lines<BufReader<ChildStdout>>,
    printed: Vec<String>,
    temp: TempDir,
}

impl Demo {
    fn start(args: &[&str], variables: &[(&str, &str)]) -> Self {
        let temp = tempfile::tempdir().unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_rmm"));
        command.args(["demo", "--once", "--telegram"]).args(args).env("TMPDIR", temp.path()).kill_on_drop(true);
        command.env_remove("RMM_TELEGRAM_TOKEN").env_remove("RMM_TELEGRAM_API").envs(variables.iter().copied());
        let mut process = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        Self { process, lines, printed: Vec::new(), temp }
    }

    fn with_bot(telegram: &Telegram, args: &[&str]) -> Self {
        Self::start(args, &[("RMM_TELEGRAM_TOKEN", TOKEN), ("RMM_TELEGRAM_API", &telegram.api_url())])
    }

    /// The next line with these words.
    async fn says(&mut self, words: &str) -> String {
        while let Some(line) = self.lines.next_line().await.unwrap() {
            self.printed.push(line.clone());
            if line.contains(words) {
                return line;
            }
        }
        let mut said = String::new();
        self.process.stderr.take().unwrap().read_to_string(&mut said).await.unwrap();
        panic!("the demo did not say “{words}”:\n{}\n{said}", self.printed.join("\n"));
    }

    /// What a Telegram app sends when the printed link is opened.
    async fn invitation(&mut self) -> String {
        let line = self.says("https://t.me/rmm_bot?start=").await;
        let code = line.split("start=").nth(1).unwrap().split_whitespace().next().unwrap();
        assert!(code.len() > 20, "{line}");
        format!("/start {code}")
    }

    /// It ends well and leaves nothing; all that it printed.
    async fn ends(mut self) -> String {
        while let Some(line) = self.lines.next_line().await.unwrap() {
            self.printed.push(line);
        }
        let output = self.process.wait_with_output().await.unwrap();
        let printed = self.printed.join("\n");
        assert!(output.status.success(), "{printed}\n{}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(std::fs::read_dir(self.temp.path()).unwrap().count(), 0);
        assert!(!printed.contains(TOKEN), "{printed}");
        printed
    }
}

/// Ann's yes to a tag. The card of the release before may still ask, too: a chat hears about one thing a second.
async fn approves(telegram: &Telegram, ann: &User, tag: &str) -> String {
    let chat = telegram.chat(ann.id);
    let mut toast = String::new();
    for button in ["✅ Approve", "Yes, approve"] {
        let what = format!("{tag} has the button {button}");
        let find = |shown: &Shown| shown.text.contains(tag) && shown.button(button).is_some();
        let shown = chat.until(&what, |messages| messages.iter().rfind(|shown| find(shown)).cloned()).await;
        toast = ann.taps_now(&shown, button).await.toast;
    }
    toast
}

#[tokio::test]
async fn ann_approves_in_telegram() {
    let telegram = Telegram::start().await;
    let (mallory, ann) = (telegram.user(666, "Mallory"), telegram.user(77, "Anna"));
    // Before the demo knows its player, and while it waits.
    mallory.says(666, "/start");
    let mut demo = Demo::with_bot(&telegram, &[]);
    let invitation = demo.invitation().await;
    mallory.says(666, "/start demo-000000000000000000000000");
    ann.says(ann.id, &invitation);
    demo.says("Anna (number 77 in Telegram) is ann, an admin").await;
    telegram.chat(ann.id).shows("Release Bot").await;
    for (release, tag) in [(1, "v1.0.0"), (2, "v1.1.0"), (3, "v1.2.0")] {
        demo.says(&format!("your turn, Anna: tap Approve below #{release} {tag}")).await;
        let toast = approves(&telegram, &ann, tag).await;
        assert!(toast.starts_with("✅"), "{toast}");
        demo.says(&format!("ann approves #{release} {tag} (3/3)")).await;
    }
    telegram.chat(ann.id).shows("rolled back").await;
    let printed = demo.ends().await;
    assert!(printed.contains("checks held") && !printed.contains("over the API instead"), "{printed}");
    assert!(telegram.calls("*").iter().all(|call| call.chat() != Some(666)), "Mallory gets no message");
}

#[tokio::test]
async fn the_story_goes_on_without_taps() {
    let telegram = Telegram::start().await;
    let ann = telegram.user(77, "Anna");
    let mut demo = Demo::with_bot(&telegram, &["--wait", "3"]);
    let invitation = demo.invitation().await;
    ann.says(ann.id, &invitation);
    demo.says("no tap for 3 s; ann's yes comes over the API instead").await;
    assert!(demo.ends().await.contains("checks held"));
}

#[tokio::test]
async fn the_way_to_a_bot_is_told() {
    let telegram = Telegram::start().await;
    let api = telegram.api_url();
    let said = async |args: &[&str], variables: &[(&str, &str)]| {
        let demo = Demo::start(args, variables);
        let output = demo.process.wait_with_output().await.unwrap();
        assert_eq!(output.status.code(), Some(1));
        String::from_utf8(output.stderr).unwrap()
    };
    let without = said(&[], &[]).await;
    for words in ["https://t.me/BotFather", "/newbot", "export RMM_TELEGRAM_TOKEN"] {
        assert!(without.contains(words), "{without}");
    }
    let odd = said(&[], &[("RMM_TELEGRAM_TOKEN", "hello")]).await;
    assert!(odd.contains("does not hold the token of a bot"), "{odd}");
    let unknown = said(&[], &[("RMM_TELEGRAM_TOKEN", "1:other"), ("RMM_TELEGRAM_API", &api)]).await;
    assert!(unknown.contains("Telegram does not know the token"), "{unknown}");
    let alone = said(&["--wait", "1"], &[("RMM_TELEGRAM_TOKEN", TOKEN), ("RMM_TELEGRAM_API", &api)]).await;
    assert!(alone.contains("nobody opened the link within 1 s"), "{alone}");
    let busy = "Conflict: can't use getUpdates method while webhook is active";
    telegram.breaks("getUpdates", 1, Fault::Status(409, busy.into()));
    let taken = said(&[], &[("RMM_TELEGRAM_TOKEN", TOKEN), ("RMM_TELEGRAM_API", &api)]).await;
    assert!(taken.contains("@rmm_bot works for something else"), "{taken}");
}
