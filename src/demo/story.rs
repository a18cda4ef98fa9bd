//! The story: three versions of a guestbook on their way to production, two of them back again.
//!
//! Every step is a call that a person or CI would make. What is told about it comes from the event stream, and what is
//! claimed at the end of a part was looked at.

use anyhow::{Context, Result};

use super::board::Mark;
use super::repository::TAGS;
use super::sandbox::{PEOPLE, SERVICE};
use super::service;
use super::teller::Teller;
use crate::contract::{GateView, ReleaseDetails, ReleasePage, Say, ServiceDetails, Verification};
use crate::domain::env::Env;
use crate::domain::run::RunKind;
use crate::domain::status::Status;

const PARTS: usize = 5;
/// Who signs the guestbook while 1.1.0 is in production: a guest that no migration has put there.
const GUEST: &str = "Barbara";
/// All whose names must be in production's guestbook at the end.
pub const GUESTS: [&str; 4] = ["Ada", "Grace", "Edsger", GUEST];

impl Teller<'_> {
    /// Plays it from the beginning to the end.
    ///
    /// # Errors
    /// Where it cannot go on. What went on otherwise than it should is in the checks.
    pub async fn play(&mut self) -> Result<()> {
        self.set_the_scene();
        self.first_release().await?;
        let second = self.rehearsed().await?;
        self.approved(second).await?;
        self.failed().await?;
        self.rolled_back(second).await?;
        Ok(())
    }

    fn set_the_scene(&mut self) {
        let sandbox = self.sandbox;
        let people = "three people: ann (admin), boris and chen";
        for text in [
            format!("a git repository with {} of a small web service, a guestbook on SQLite", TAGS.join(", ")),
            format!("stage at {}, production at {}", sandbox.stage.url(), sandbox.production.url()),
            format!("RMM at {}, driven over its HTTP API by CI and by {people}", sandbox.url()),
            format!("all of it in {}", sandbox.folder().display()),
        ] {
            self.tell(Mark::Note, text);
        }
        if let Some(guest) = &sandbox.guest {
            let text =
                format!("{} is ann in Telegram, at {}; her yes comes from there", guest.first_name, guest.link());
            self.tell(Mark::Note, text);
        }
    }

    async fn first_release(&mut self) -> Result<()> {
        let why = "CI reports the pushed tag. RMM deploys it to stage and asks the three people. There is no older \
                   version yet that production could go back to, and RMM says so instead of pretending a rehearsal.";
        self.heading(1, PARTS, "v1.0.0 goes out as the first release", why).await?;
        let id = self.push_tag(TAGS[0]).await?;
        self.until_status(id, Status::ManualTesting).await?;
        self.everybody_approves(id).await?;
        self.until_status(id, Status::Deployed).await?;
        let skipped = self.board.releases.get(&id).is_some_and(|card| card.nothing_to_rehearse);
        self.check("first_release_on_record", skipped, "the record says that v1.0.0 had nothing to rehearse");
        self.check_served("first_release_serves", "after the first release", &self.sandbox.production, "1.0.0", 1)
            .await?;
        Ok(())
    }

    async fn rehearsed(&mut self) -> Result<i64> {
        let why = "It adds a column to the database. Before anybody is asked, RMM goes on stage from v1.1.0 back to what \
                   production runs, migration included, and forward again: the way back is proven before it is needed.";
        self.heading(2, PARTS, "v1.1.0 changes the database, so its way back is rehearsed on stage", why).await?;
        let id = self.push_tag(TAGS[1]).await?;
        self.until_status(id, Status::ManualTesting).await?;
        let rehearsal = self.runs(id).await?.into_iter().find(|run| run.kind == RunKind::Rehearsal);
        let rehearsal = rehearsal.context("there was no rehearsal")?;
        let output = self.output(rehearsal.id).await?;
        let places = [
            output.find("reversed 002_greetings"),
            output.find("guestbook 1.0.0 serves stage"),
            output.find("applied 002_greetings"),
            output.find("guestbook 1.1.0 serves stage"),
        ];
        let in_order = places.iter().all(Option::is_some) && places.is_sorted();
        let well = rehearsal.state == "succeeded" && in_order;
        self.check("rehearsed", well, "the rehearsal reversed the migration on stage and applied it again");
        self.check_served("rehearsal_left_candidate", "after the rehearsal", &self.sandbox.stage, "1.1.0", 2).await?;
        Ok(id)
    }

    async fn approved(&mut self, id: i64) -> Result<()> {
        let why = "Nobody ships alone by accident. Every gate explains itself, and when the last one clears, production \
                   starts by itself, with the same steps that stage has seen.";
        self.heading(3, PARTS, "Three people approve v1.1.0, and production starts by itself", why).await?;
        let gates: Vec<GateView> = self.admin()?.get(format!("/api/v1/releases/{id}/explain")).await?;
        for GateView { sentence, how, .. } in gates.into_iter().filter(|gate| !gate.met) {
            let text = format!("in the way: {sentence} {}", how.unwrap_or_default());
            self.tell(Mark::Open, text.trim_end());
        }
        self.everybody_approves(id).await?;
        self.until_status(id, Status::Deployed).await?;
        let release: ReleaseDetails = self.admin()?.get(format!("/api/v1/releases/{id}")).await?;
        let given = release.approvals.given.len();
        self.check("approved", given == 3, format!("{given} of 3 people have approved v1.1.0"));
        self.check_served("second_release_serves", "after the release of v1.1.0", &self.sandbox.production, "1.1.0", 2)
            .await?;
        let data = self.sandbox.production.data.clone();
        let sign = move || service::sign(&data, GUEST, &format!("Welcome, {GUEST}!"));
        tokio::task::spawn_blocking(sign).await??;
        self.tell(Mark::Note, format!("{GUEST} signs the guestbook of production: data that no rollback may lose"));
        Ok(())
    }

    async fn failed(&mut self) -> Result<()> {
        let why = "Stage pays with a sandbox account, so v1.2.0 passes every test there. In production it misses a key \
                   and answers its health check with 500. RMM sees that and takes the release back, migrations included.";
        self.heading(4, PARTS, "v1.2.0 fails in production, and goes back by itself", why).await?;
        let id = self.push_tag(TAGS[2]).await?;
        self.until_status(id, Status::ManualTesting).await?;
        self.check_served("third_release_well_on_stage", "before the approvals", &self.sandbox.stage, "1.2.0", 3)
            .await?;
        self.everybody_approves(id).await?;
        self.until_status(id, Status::ProductionRollback).await?;
        self.until_status(id, Status::RollbackDone).await?;
        let runs = self.runs(id).await?;
        let production = |kind| runs.iter().find(|run| run.environment == Env::Production && run.kind == kind);
        let deploy = production(RunKind::Deploy).context("there was no deploy to production")?;
        let reason = deploy.reason.clone().unwrap_or_default();
        let ill = deploy.state == "failed" && reason.contains("500");
        self.check("third_release_failed", ill, "the health check of v1.2.0 in production was answered with 500");
        let back = production(RunKind::Rollback).context("there was no rollback in production")?;
        let reversed = self.output(back.id).await?.contains("reversed 003_donations") && back.state == "succeeded";
        self.check("rolled_back_by_itself", reversed, "the rollback reversed the migration of v1.2.0, by itself");
        self.check_served("production_recovered", "after the failure of v1.2.0", &self.sandbox.production, "1.1.0", 2)
            .await?;
        self.until_runs(Env::Stage, TAGS[1]).await?;
        self.check_served("stage_cleared", "after the failure of v1.2.0", &self.sandbox.stage, "1.1.0", 2).await?;
        Ok(())
    }

    async fn rolled_back(&mut self, id: i64) -> Result<()> {
        let why = "Ann has seen enough of v1.1.0, too. One call takes production back: the same code path as the \
                   rehearsal, migration included. Production is locked then, so that nothing follows unseen.";
        self.heading(5, PARTS, "One command takes production back to v1.0.0", why).await?;
        let reason = Some("guests prefer the plain book".to_owned());
        let say = Say { to: Some(TAGS[0].to_owned()), reason, ..Say::default() };
        let body = serde_json::to_string(&say)?;
        self.tell(Mark::Note, format!("ann: POST /api/v1/releases/{id}/rollback {body}"));
        self.decide(PEOPLE[0], id, "rollback", say).await?;
        self.until_status(id, Status::RollbackDone).await?;
        self.until_runs(Env::Production, TAGS[0]).await?;
        self.until_runs(Env::Stage, TAGS[0]).await?;
        self.last_looks().await
    }

    /// What must hold when everything is over.
    async fn last_looks(&mut self) -> Result<()> {
        let admin = self.admin()?;
        let production =
            self.check_served("production_serves", "at the end", &self.sandbox.production, "1.0.0", 1).await?;
        self.check_served("stage_serves", "at the end", &self.sandbox.stage, "1.0.0", 1).await?;

        let data = self.sandbox.production.data.clone();
        let stored = tokio::task::spawn_blocking(move || service::guests(&data)).await??;
        let kept = stored == GUESTS && production.guests == GUESTS;
        let names = stored.join(", ");
        self.check("guests_survived", kept, format!("the guests in production's database have survived: {names}"));

        let page: ReleasePage = admin.get("/api/v1/releases").await?;
        let released = page.releases.iter();
        let known: Vec<_> = released.map(|release| (release.tag.as_deref(), release.commit.as_deref())).collect();
        let fixed = self.sandbox.repository.commits.iter().all(|(tag, id)| known.contains(&(Some(tag), Some(id))));
        self.check("commits", fixed, "every release is the commit that its tag names in the repository");

        let of_record: ServiceDetails = admin.get(format!("/api/v1/services/{SERVICE}")).await?;
        let [stage, live] = [&of_record.service.stage, &of_record.service.production].map(|environment| {
            let tag = environment.runs.as_ref().and_then(|version| version.tag.as_ref());
            tag.map_or_else(|| "nothing".to_owned(), ToString::to_string)
        });
        let agrees = stage == TAGS[0] && live == TAGS[0];
        self.check("record_agrees", agrees, format!("RMM's record says the same: stage {stage}, production {live}"));
        let locked = of_record.service.production.lock.is_some();
        self.check("production_locked", locked, "production is locked until an admin unlocks it");

        let Verification { intact, events, sentence, .. } = admin.get("/api/v1/audit/verify").await?;
        let unbroken = || format!("the audit chain is unbroken over all {events} events");
        self.check("audit_chain", intact && events > 0, sentence.unwrap_or_else(unbroken));
        Ok(())
    }
}
