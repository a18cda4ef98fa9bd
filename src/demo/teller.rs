//! The means of the story: waits for what the event stream brings, tells it, and acts as the sample people do.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::api::{News, Served, Stream, served};
use super::board::{Board, Fact, Mark};
use super::sandbox::{PEOPLE, SERVICE, Sandbox, Site};
use super::screen::Screen;
use super::telegram::Guest;
use crate::api_client::{Call, Client};
use crate::contract::{
    CreateRelease, CreateToken, CreatedToken, Health, LoginLinkView, MakeLoginLink, ReleaseDetails, ReleaseView,
    RunOutput, RunView, Say,
};
use crate::domain::env::Env;
use crate::domain::person::Role;
use crate::domain::status::Status;
use crate::engine::clock::{Clock, SystemClock};

/// Between two pictures of the live view.
const FRAME: Duration = Duration::from_millis(80);
/// Silence after which the story is taken for stuck.
const STALL_TIMEOUT: Duration = Duration::from_secs(45);
/// A reader takes about this long for a word.
const READING_TIME_PER_WORD: Duration = Duration::from_millis(90);

/// Something that the demo has looked at with its own eyes.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Check {
    /// What it is called in the summary for machines.
    pub name: &'static str,
    /// It held.
    pub ok: bool,
    /// What was seen.
    pub text: String,
}

/// Whether what is waited for is there.
pub enum Wait {
    /// Go on waiting.
    NotYet,
    /// It is.
    Done,
    /// It will never be.
    Never(String),
}

/// The one who tells the story.
pub struct Teller<'a> {
    /// Where it plays.
    pub sandbox: &'a Sandbox,
    /// Who sees it.
    pub screen: &'a mut Screen,
    /// What has been heard.
    pub board: Board,
    /// What has been checked.
    pub checks: Vec<Check>,
    stream: Stream,
    people: BTreeMap<&'static str, Arc<Client>>,
    ci: Arc<Client>,
    release: Option<i64>,
}

impl<'a> Teller<'a> {
    /// Gives every player a token and opens the event stream.
    ///
    /// # Errors
    /// When RMM does not answer.
    pub async fn new(sandbox: &'a Sandbox, screen: &'a mut Screen) -> Result<Self> {
        // RMM listens before it serves; the answer says that its socket is there, too.
        Client::http(&sandbox.url(), None)?.get::<Health>("/readyz").await?;
        let operator = Client::on_socket(sandbox.socket.clone());
        let token = async |name: &str, role: Role| {
            let (services, person) = match role {
                Role::Ci => (vec![SERVICE.to_owned()], None),
                Role::Viewer | Role::Member | Role::Admin => (Vec::new(), Some(name.to_owned())),
            };
            let body = CreateToken { name: name.to_owned(), role, services, person, expires_at: None };
            let (made, _): (CreatedToken, _) = operator.json(Call::post("/api/v1/tokens", body)).await?;
            if role != Role::Ci {
                sandbox.keep_token(name, &made.token)?;
            }
            anyhow::Ok(made.token)
        };
        let client = |token: &str| anyhow::Ok(Arc::new(Client::http(&sandbox.url(), Some(token))?));
        let ci = client(&token("ci", Role::Ci).await?)?;
        let mut people = BTreeMap::new();
        for person in &PEOPLE[1..] {
            people.insert(*person, client(&token(person, Role::Member).await?)?);
        }
        let admin = client(&token(PEOPLE[0], Role::Admin).await?)?;
        people.insert(PEOPLE[0], admin.clone());
        let body = MakeLoginLink { person: Some(PEOPLE[0].to_owned()) };
        let (link, _): (LoginLinkView, _) = operator.json(Call::post("/api/v1/login-links", body)).await?;
        screen.fact(&Fact::new(Mark::Note, format!("watch it in a browser, as {}: {}", PEOPLE[0], link.url)));
        let (board, stream) = (Board::default(), Stream::new(admin));
        Ok(Self { sandbox, screen, board, checks: Vec::new(), stream, people, ci, release: None })
    }

    /// RMM as a person sees it.
    ///
    /// # Errors
    /// When there is no such person.
    pub fn person(&self, name: &str) -> Result<Arc<Client>> {
        self.people.get(name).cloned().with_context(|| format!("there is no person {name}"))
    }

    /// RMM as the admin sees it.
    ///
    /// # Errors
    /// Never: there is one.
    pub fn admin(&self) -> Result<Arc<Client>> {
        self.person(PEOPLE[0])
    }

    /// A part of the story begins. People get time to read.
    pub async fn heading(&mut self, number: usize, of: usize, title: &str, why: &str) -> Result<()> {
        self.screen.heading(number, of, title, why);
        let words = u32::try_from(why.split(' ').count()).unwrap_or(0);
        self.pause(READING_TIME_PER_WORD * words).await
    }

    /// Tells something that the stream does not.
    pub fn tell(&mut self, mark: Mark, text: impl Into<String>) {
        self.screen.fact(&Fact::new(mark, text));
    }

    /// Notes what was looked at, and tells it.
    pub fn check(&mut self, name: &'static str, ok: bool, text: impl Into<String>) {
        let text = text.into();
        self.tell(if ok { Mark::Good } else { Mark::Bad }, format!("checked: {text}"));
        self.checks.push(Check { name, ok, text });
    }

    /// Gives a person who watches time to read; others do not wait.
    ///
    /// # Errors
    /// Those of the event stream.
    pub async fn pause(&mut self, time: Duration) -> Result<()> {
        if self.screen.is_live() {
            let over = tokio::time::Instant::now() + time;
            while tokio::time::Instant::now() < over {
                self.draw();
                if let Ok(news) = tokio::time::timeout(FRAME, self.stream.next()).await {
                    self.hear(&news?);
                }
            }
        }
        Ok(())
    }

    /// Listens and tells until the board says that it is enough.
    ///
    /// # Errors
    /// When it can never be, or nothing happens any more.
    pub async fn until(&mut self, what: &str, enough: impl Fn(&Board) -> Wait) -> Result<()> {
        if !self.within(STALL_TIMEOUT, what, enough).await? {
            bail!("{what} did not come, and nothing has happened for {} s", STALL_TIMEOUT.as_secs());
        }
        Ok(())
    }

    /// As [`Self::until`]; `false` when nothing has happened for so long.
    async fn within(&mut self, silence: Duration, what: &str, enough: impl Fn(&Board) -> Wait) -> Result<bool> {
        let mut heard = tokio::time::Instant::now();
        loop {
            match enough(&self.board) {
                Wait::Done => return Ok(true),
                Wait::Never(why) => bail!("{what} did not come: {why}"),
                Wait::NotYet => {}
            }
            if heard.elapsed() > silence {
                return Ok(false);
            }
            self.draw();
            if let Ok(news) = tokio::time::timeout(FRAME, self.stream.next()).await {
                self.hear(&news?);
                heard = tokio::time::Instant::now();
            }
        }
    }

    fn hear(&mut self, news: &News) {
        for fact in self.board.take(news) {
            self.screen.fact(&fact);
        }
    }

    fn draw(&mut self) {
        self.screen.tick(&self.board, self.release, SystemClock.now());
    }

    /// Waits for a status; another one at which the release ends is an error.
    ///
    /// # Errors
    /// Those of [`Self::until`].
    pub async fn until_status(&mut self, release: i64, wanted: Status) -> Result<()> {
        self.until(&format!("#{release} {wanted}"), |board| match board.releases.get(&release) {
            None => Wait::NotYet,
            Some(card) if card.status() == wanted => Wait::Done,
            Some(card) if card.status().is_active() || card.path.len() == 1 => Wait::NotYet,
            Some(card) if wanted == Status::ProductionRollback && card.path.contains(&wanted) => Wait::Done,
            // A deployed release may still be rolled back.
            Some(card) if card.status() == Status::Deployed && wanted == Status::RollbackDone => Wait::NotYet,
            Some(card) => Wait::Never(format!(
                "it ended as {}{}",
                card.status(),
                card.reason.as_ref().map(|reason| format!(" ({reason})")).unwrap_or_default()
            )),
        })
        .await
    }

    /// Waits until an environment runs a tag and nothing is under way there.
    ///
    /// # Errors
    /// Those of [`Self::until`].
    pub async fn until_runs(&mut self, kind: Env, tag: &str) -> Result<()> {
        self.until(&format!("{kind} with {tag}"), |board| {
            let busy = board.runs.values().any(|run| run.live && run.environment == kind);
            if !busy && board.runs_tag(kind).as_deref() == Some(tag) { Wait::Done } else { Wait::NotYet }
        })
        .await
    }

    /// CI tells RMM about a tag that was pushed.
    ///
    /// # Errors
    /// When RMM refuses it.
    pub async fn push_tag(&mut self, tag: &str) -> Result<i64> {
        let body = CreateRelease {
            service: SERVICE.to_owned(),
            tag: Some(tag.to_owned()),
            commit: None,
            initiated_by: "boris".to_owned(),
            owner: None,
            ci_run: None,
            tagged_at: None,
            notes: format!("the demo's {tag}"),
            surfaces: Vec::new(),
        };
        let (release, _): (ReleaseView, _) = self.ci.json(Call::post("/api/v1/releases", body)).await?;
        self.release = Some(release.id);
        Ok(release.id)
    }

    /// All listed approvers approve. A person who plays ann in Telegram comes last: that tap starts production.
    ///
    /// # Errors
    /// When RMM refuses it.
    pub async fn everybody_approves(&mut self, release: i64) -> Result<()> {
        let mut people = PEOPLE;
        let guest = self.sandbox.guest.as_ref();
        if guest.is_some() {
            people.rotate_left(1);
        }
        for person in people {
            let what = format!("the approval of {person}");
            if let Some(guest) = guest.filter(|_| person == PEOPLE[0]) {
                self.ask_guest(release, guest);
                if self.within(guest.timeout, &what, approved(release, person)).await? {
                    continue;
                }
                let seconds = guest.timeout.as_secs();
                self.tell(Mark::Note, format!("no tap for {seconds} s; ann's yes comes over the API instead"));
            }
            self.pause(Duration::from_millis(700)).await?;
            self.decide(person, release, "approve", Say::default()).await?;
            self.until(&what, approved(release, person)).await?;
        }
        Ok(())
    }

    /// A person decides about a release.
    ///
    /// # Errors
    /// When RMM refuses it.
    pub async fn decide(&self, person: &str, release: i64, what: &str, say: Say) -> Result<()> {
        let call = Call::post(format!("/api/v1/releases/{release}/{what}"), say);
        self.person(person)?.json::<ReleaseDetails>(call).await?;
        Ok(())
    }

    fn ask_guest(&mut self, release: i64, guest: &Guest) {
        let tag = self.board.releases.get(&release).map(|card| card.tag.clone()).unwrap_or_default();
        let Guest { first_name, timeout, .. } = guest;
        let (link, seconds) = (guest.link(), timeout.as_secs());
        let text = format!(
            "your turn, {first_name}: tap Approve below #{release} {tag} at {link} (after {seconds} s the story goes on \
             without you)"
        );
        self.tell(Mark::Open, text);
    }

    /// The runs of a release.
    ///
    /// # Errors
    /// When RMM does not answer.
    pub async fn runs(&self, release: i64) -> Result<Vec<RunView>> {
        Ok(self.admin()?.get(format!("/api/v1/releases/{release}/runs")).await?)
    }

    /// The whole output of a run.
    ///
    /// # Errors
    /// When RMM does not answer.
    pub async fn output(&self, run: i64) -> Result<String> {
        let output: RunOutput = self.admin()?.get(format!("/api/v1/runs/{run}/log")).await?;
        Ok(output.pieces.into_iter().map(|piece| piece.text).collect())
    }

    /// Looks at what an environment really serves.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn check_served(
        &mut self,
        name: &'static str,
        when: &str,
        site: &Site,
        version: &str,
        schema: i64,
    ) -> Result<Served> {
        let served = served(site).await?;
        let ok = served.health == 200 && served.version == version && served.schema == schema;
        let expected = if ok { String::new() } else { format!(", but {version} with schema {schema} was expected") };
        self.check(name, ok, format!("{when} {} serves {served}{expected}", site.kind));
        Ok(served)
    }
}

/// Waits for a person's yes.
fn approved(release: i64, person: &str) -> impl Fn(&Board) -> Wait {
    move |board| match board.releases.get(&release) {
        Some(card) if card.approved_by.iter().any(|name| name == person) => Wait::Done,
        Some(card) if card.status() == Status::ManualTestFailed || card.status() == Status::Cancelled => {
            Wait::Never(format!("it ended as {}", card.status()))
        }
        Some(_) | None => Wait::NotYet,
    }
}
