//! What has happened in the RMM of the gallery: three weeks of a small team, told by the commands of its people and of RMM's
//! own parts.

use std::sync::Arc;

use anyhow::{Context, bail};
use jiff::{SignedDuration, Timestamp};
use secrecy::ExposeSecret;

use super::hands::Hands;
use crate::domain::alert::{Alert, AlertKind};
use crate::domain::command::{Answer, Command, NewRelease, Outcome, Said};
use crate::domain::commits::{CommitLine, CommitList};
use crate::domain::fault::HealthFault;
use crate::domain::fault::step::StepFault;
use crate::domain::finding::{Finding, HostFact, State, Topic};
use crate::domain::host::{Address, Fingerprint, HostKey};
use crate::domain::ids::{Commit, HostName, PersonName, ReleaseId, ServiceName, Tag};
use crate::domain::person::{Actor, Door, Role};
use crate::domain::reason::Reason;
use crate::domain::release::{CiRun, Reporter, Shown};
use crate::domain::run::Run;
use crate::domain::status::Status;
use crate::domain::step::{Action, Step, StepKind};
use crate::engine::clock::Clock;
use crate::engine::hosts::{compare, kept};
use crate::engine::{Engine, Request};
use crate::store::alerts::{self, Guess};
use crate::store::tokens::{self, NewToken};
use crate::store::{commits, hosts, logs, runs};

/// How long all of it took.
pub(super) const LASTS: SignedDuration = SignedDuration::from_hours(21 * 24);

/// What becomes of a run.
#[derive(Clone, Copy)]
enum Until {
    Well,
    /// This step fails.
    Fails(StepKind),
    /// This step is still at work.
    AtWork(StepKind),
    /// What became of this step cannot be known.
    Lost(StepKind),
}

/// The teller.
pub(super) struct Story {
    engine: Engine,
    clock: Arc<Hands>,
    now: Timestamp,
}

fn unwell() -> Reason {
    let url = "http://127.0.0.1:8000/health".to_owned();
    Reason::Health { fault: HealthFault::Status { url, status: 502, wanted: None, said: Some("Bad Gateway".into()) } }
}

fn ci() -> Actor {
    Actor::Token { name: "ci".into(), role: Role::Ci, services: Vec::new() }
}

impl Story {
    /// Of an RMM, up to a time.
    pub const fn new(engine: Engine, clock: Arc<Hands>, now: Timestamp) -> Self {
        Self { engine, clock, now }
    }

    /// Tells all of it. The numbers of releases are those that `PAGES` names.
    pub async fn tell(&self) -> anyhow::Result<()> {
        self.surroundings().await?;
        self.past().await?;
        self.today().await
    }

    async fn past(&self) -> anyhow::Result<()> {
        self.days_before(20.0);
        self.shipped("shop", "v1.0.0").await?;
        self.days_before(16.0);
        let second = self.shipped("shop", "v1.1.0").await?;
        self.days_before(12.0);
        let third = self.ready("shop", "v1.2.0", Some(second)).await?;
        self.approve(third, &["ann", "boris"]).await?;
        self.run(third, Until::Fails(StepKind::Health)).await?;
        self.run(third, Until::Well).await?;
        self.as_person("ann", None, "shop", Command::Unlock).await?;
        self.days_before(11.0);
        self.reported("billing", "v2.7.0").await?;
        self.days_before(9.0);
        let fifth = self.ready("shop", "v1.2.1", Some(second)).await?;
        self.approve(fifth, &["boris", "chen"]).await?;
        self.run(fifth, Until::Well).await?;
        self.days_before(6.0);
        let sixth = self.ready("shop", "v1.3.0", Some(fifth)).await?;
        let no = Command::Reject { release: sixth, seen: None, reason: "the basket forgets its coupons".into() };
        self.as_person("boris", Some(sixth), "shop", no).await?;
        self.days_before(4.0);
        let seventh = self.created("shop", "v1.3.1", Some(fifth)).await?;
        self.run(seventh, Until::Well).await?;
        self.run(seventh, Until::Fails(StepKind::MigrateDown)).await?;
        self.guessed(
            seventh,
            "The view `prices` still uses the column `coupon`.\nLook at the migration 20260301_coupons.",
        )
        .await
    }

    async fn today(&self) -> anyhow::Result<()> {
        self.days_before(2.0);
        let docs = self.ready("docs", "v41", None).await?;
        self.approve(docs, &["ann"]).await?;
        self.run(docs, Until::Well).await?;
        self.days_before(0.4);
        let billing = self.created("billing", "v2.8.0", None).await?;
        for status in [Status::StageBuilding, Status::StageTestRollback, Status::ManualTesting] {
            self.report(billing, status).await?;
        }
        self.approve(billing, &["boris"]).await?;
        self.report(billing, Status::Deploying).await?;
        self.days_before(0.2);
        let waits = self.ready("shop", "v1.4.0", None).await?;
        self.approve(waits, &["chen"]).await?;
        self.days_before(0.1);
        let mailer = self.created("mailer", "v0.9.0", None).await?;
        self.report(mailer, Status::StageBuilding).await?;
        self.days_before(0.05);
        let lost = self.ready("docs", "v42", None).await?;
        self.approve(lost, &["ann"]).await?;
        self.run(lost, Until::Lost(StepKind::Deploy)).await?;
        self.days_before(0.01);
        let search = self.created("search", "v5", None).await?;
        self.run(search, Until::AtWork(StepKind::Deploy)).await?;
        let lock = Command::Lock { reason: "the sale begins on Monday".into() };
        self.as_person("ann", None, "shop", lock).await?;
        Ok(())
    }

    /// Keys, checks, a token.
    async fn surroundings(&self) -> anyhow::Result<()> {
        let now = self.clock.now();
        let answers = |address: &str| Finding::ok(Topic::Reachable, HostFact::SshAnswers { address: address.into() });
        let narrow = HostFact::Free { free: 412 << 20, total: 40 << 30, paths: vec!["/srv".into()] };
        let fingerprint = Fingerprint::parse(format!("SHA256:{}", "A".repeat(43))).map_err(anyhow::Error::msg)?;
        let key = HostKey { algorithm: "ssh-ed25519".into(), fingerprint };
        let new = HostFact::NewKey { key: key.clone(), compare: compare(&key.algorithm) };
        let checks: [(&str, &str, &[Finding]); 3] = [
            ("web-1", "192.0.2.10", &[answers("192.0.2.10:22")]),
            (
                "web-2",
                "192.0.2.11",
                &[answers("192.0.2.11:22"), Finding::warn(Topic::DiskSpace, narrow).with("df -h /srv")],
            ),
            ("stage-1", "198.51.100.7", &[Finding::fail(Topic::Key, new).with("rmm host trust stage-1")]),
        ];
        for (name, address, findings) in checks {
            let host = HostName::parse("host", name)?;
            let address = Address { host: address.to_owned(), port: 22 };
            let (key, text) = (key.clone(), kept::text(findings));
            let is_trusted = !matches!(findings, [Finding { state: State::Fail, .. }]);
            let write = self.engine.store().write(move |tx| {
                hosts::see(tx, &host, &address, &key, now)?;
                if is_trusted {
                    hosts::trust(tx, &host, &address, &key, "ann", now)?;
                }
                hosts::note_check(tx, &host, &text, now)
            });
            write.await.map_err(crate::store::WriteError::flatten)?;
        }
        let write = self.engine.store().write(move |tx| {
            let new = NewToken {
                name: "ci",
                role: "ci",
                person: None,
                services: &[],
                created_by: "ann",
                vouched_by: Some("ann"),
                expires_at: None,
            };
            let secret = tokens::new_secret()?;
            tokens::insert(tx, &new, secret.expose_secret(), now.as_millisecond())
        });
        write.await.map_err(crate::store::WriteError::flatten)?;
        Ok(())
    }

    /// So many days before the end.
    fn days_before(&self, days: f64) {
        let before = SignedDuration::from_secs_f64(days * 86_400.0);
        self.clock.turn(self.now - before);
    }

    fn pass(&self, seconds: i64) {
        self.clock.turn(self.clock.now() + SignedDuration::from_secs(seconds));
    }

    async fn ask(&self, actor: Actor, service: &str, command: Command) -> anyhow::Result<Answer> {
        self.pass(1);
        let told = format!("{command:?}");
        let request = Request::about(actor, ServiceName::parse("service", service)?, command);
        Ok(self.engine.handle(request).await.with_context(|| told)?.answer)
    }

    async fn as_person(
        &self,
        name: &str,
        about: Option<ReleaseId>,
        service: &str,
        command: Command,
    ) -> anyhow::Result<Answer> {
        let person = PersonName::parse("person", name)?;
        let door = if about.is_some() { Door::Telegram } else { Door::Dashboard };
        let actor = self.engine.catalog().person(&person).context("no person of this name")?.actor(door);
        self.ask(actor, service, command).await
    }

    /// A release, with the commits that it brings beside another.
    async fn created(&self, service: &str, tag: &str, since: Option<ReleaseId>) -> anyhow::Result<ReleaseId> {
        let hex = hex::encode(format!("{service}{tag}"));
        let new = NewRelease {
            tag: Some(Tag::parse("tag", tag)?),
            commit: Some(Commit::parse("commit", format!("{hex:0<40.40}"))?),
            commit_checked: true,
            owner: Some("boris".into()),
            ci_run: Some(CiRun { id: hex.clone(), attempt: 1, url: None, git_ref: None }),
            ..NewRelease::of(ServiceName::parse("service", service)?, "ann-acme".into())
        };
        let Answer::Release { id, .. } = self.ask(ci(), service, Command::Create(new)).await? else {
            bail!("no release of {service} {tag}");
        };
        if let Some(since) = since {
            let since = self.engine.look(since, |_, release| release.version()).await?;
            let line = |sha: &str, title: &str, author: &str| CommitLine {
                sha: sha.repeat(40),
                title: title.into(),
                author: author.into(),
                login: None,
                url: None,
            };
            let lines = vec![
                line("a", "Keep the basket when the session is renewed", "Ann Petrova"),
                line("b", "Show delivery dates in the customer's language", "Chen Wei"),
            ];
            let list = CommitList { since, total: 2, lacking: 0, url: None, commits: lines, pull_requests: Vec::new() };
            let write = self.engine.store().write(move |tx| commits::put(tx, id, &list));
            write.await.map_err(crate::store::WriteError::flatten)?;
        }
        Ok(id)
    }

    /// A release that stage has run and that was rehearsed.
    async fn ready(&self, service: &str, tag: &str, since: Option<ReleaseId>) -> anyhow::Result<ReleaseId> {
        let id = self.created(service, tag, since).await?;
        self.run(id, Until::Well).await?;
        self.run_to_the_end_if_any(id).await?;
        Ok(id)
    }

    async fn shipped(&self, service: &str, tag: &str) -> anyhow::Result<ReleaseId> {
        let id = self.ready(service, tag, None).await?;
        self.approve(id, &["ann", "boris"]).await?;
        self.run(id, Until::Well).await?;
        Ok(id)
    }

    /// A model guesses why a release has failed.
    async fn guessed(&self, release: ReleaseId, said: &'static str) -> anyhow::Result<()> {
        let now = self.clock.now();
        let alert = Alert {
            kind: AlertKind::Failed,
            place: self.engine.look(release, |_, release| release.service.to_string()).await?,
            what: String::new(),
            about: format!("release:{release}"),
            seq: None,
            trace: None,
        };
        let guess = Guess { model: "qwen3:8b".into(), said: Ok(said.to_owned()) };
        let write = self.engine.store().write(move |tx| {
            alerts::raise(tx, &alert.about, &alert, 1, now)?;
            alerts::guessed(tx, &alert.about, now, &guess)
        });
        Ok(write.await.map_err(crate::store::WriteError::flatten)?)
    }

    async fn approve(&self, release: ReleaseId, people: &[&str]) -> anyhow::Result<()> {
        let service = self.engine.look(release, |_, release| release.service.to_string()).await?;
        for name in people {
            self.pass(1_900);
            self.as_person(name, Some(release), &service, Command::Approve { release, seen: None }).await?;
        }
        Ok(())
    }

    /// A release of a service whose CI system does the work.
    async fn reported(&self, service: &str, tag: &str) -> anyhow::Result<()> {
        let id = self.created(service, tag, None).await?;
        for status in [Status::StageBuilding, Status::StageTestRollback, Status::ManualTesting] {
            self.report(id, status).await?;
        }
        self.approve(id, &["boris"]).await?;
        self.report(id, Status::Deploying).await?;
        self.report(id, Status::Deployed).await
    }

    async fn report(&self, release: ReleaseId, status: Status) -> anyhow::Result<()> {
        self.pass(240);
        let (service, ci_run) =
            self.engine.look(release, |_, release| (release.service.to_string(), release.ci_run.clone())).await?;
        let ci_run = ci_run.map(|run| Reporter { shown: Shown::Nowhere, ..Reporter::of(run.id, Some(1), None) });
        self.ask(ci(), &service, Command::Report { release, status, ci_run }).await?;
        Ok(())
    }

    /// The run under way of a release, or one that has to end before it.
    async fn live_run(&self, release: ReleaseId) -> anyhow::Result<Option<Run>> {
        let service = self.engine.look(release, |_, release| release.service.clone()).await?;
        let mut live = self.engine.read(move |conn| runs::occupying(conn, &service)).await?;
        live.retain(|run| run.state.is_live());
        live.sort_by_key(|run| (run.release == release, run.id));
        let Some(id) = live.first().map(|run| run.id) else { return Ok(None) };
        Ok(self.engine.read(move |conn| runs::get(conn, id)).await?)
    }

    async fn run_to_the_end_if_any(&self, release: ReleaseId) -> anyhow::Result<()> {
        while self.live_run(release).await?.is_some() {
            self.run(release, Until::Well).await?;
        }
        Ok(())
    }

    /// Plays the run of a release that is under way, behind what has to end before it.
    async fn run(&self, release: ReleaseId, until: Until) -> anyhow::Result<()> {
        loop {
            let run = self.live_run(release).await?.with_context(|| format!("{release} has no run"))?;
            let is_own = run.release == release && !run.housekeeping;
            self.play(&run, if is_own { until } else { Until::Well }).await?;
            if is_own {
                return Ok(());
            }
        }
    }

    async fn play(&self, run: &Run, until: Until) -> anyhow::Result<()> {
        let (id, service) = (run.id, run.service.to_string());
        self.pass(2);
        self.ask(Actor::Machine, &service, Command::RunPrepared { run: id }).await?;
        while let Answer::Step(Some(_)) = self.ask(Actor::Machine, &service, Command::StartStep { run: id }).await? {
            let now = self.engine.read(move |conn| runs::get(conn, id)).await?.context("the run is gone")?;
            for step in now.running_steps() {
                if !self.step(&now, step, until).await? {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// Plays a step; whether the run goes on.
    async fn step(&self, run: &Run, step: &Step, until: Until) -> anyhow::Result<bool> {
        let fails = matches!(until, Until::Fails(kind) if kind == step.kind);
        self.output(run, step, fails).await?;
        let is_health = matches!(step.action, Action::Health { .. });
        let outcome = match until {
            Until::AtWork(kind) if kind == step.kind => return Ok(false),
            Until::Lost(kind) if kind == step.kind => Outcome::Lost(Reason::from(StepFault::WatcherKilled)),
            _ if fails && is_health => Outcome::Unhealthy(unwell()),
            _ if fails => Outcome::Exited(1),
            _ if is_health => Outcome::Healthy,
            Until::Well | Until::Fails(_) | Until::AtWork(_) | Until::Lost(_) => Outcome::Exited(0),
        };
        self.pass(7);
        let said = Said { last: fails.then(|| "error: column \"coupon\" is used by a view".into()), ..Said::default() };
        let ended = Command::StepEnded { run: run.id, step: step.index, outcome, said };
        self.ask(Actor::Machine, run.service.as_str(), ended).await?;
        Ok(true)
    }

    async fn output(&self, run: &Run, step: &Step, fails: bool) -> anyhow::Result<()> {
        let text = match step.kind {
            StepKind::MigrateUp => "20260301_coupons … done\n".to_owned(),
            StepKind::MigrateDown if fails => "20260301_coupons …\nerror: column \"coupon\" is used by a view\n".into(),
            StepKind::MigrateDown => "20260301_coupons … taken back\n".into(),
            StepKind::Deploy => {
                "\u{1b}[36m[+] Building\u{1b}[0m 3.1s (12/12)\n\u{1b}[32m[+] Running\u{1b}[0m 2/2\n".into()
            }
            StepKind::Health if fails => "502 Bad Gateway\n".repeat(3),
            StepKind::Fetch
            | StepKind::VerifyTag
            | StepKind::Checkout
            | StepKind::BeforeDeploy
            | StepKind::Health
            | StepKind::AfterDeploy => return Ok(()),
        };
        let (run, index, now) = (run.id.0, i64::from(step.index), self.clock.now());
        let write =
            self.engine.store().write(move |tx| logs::append(tx, run, index, text.len() as u64, text.as_bytes(), now));
        write.await.map_err(crate::store::WriteError::flatten)?;
        Ok(())
    }
}
