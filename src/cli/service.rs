//! `rmm service …`: what runs where, and the lock of production.

mod definition;

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::json;

use super::health::note_troubles;
use super::workflows::Workflows;
use super::{answers, one_of, words};
use crate::api_client::{Call, Client, Context, Fault, Intent, print};
use crate::contract::{self, CatchUpHost, FoundThere, GiveUpHost, LockService, SettleService};
use crate::domain::env::Env;
use crate::domain::plan::url_part;
use crate::domain::version::Version;
use crate::terminal::{Column, Table, Tone, Ui, clean, sentence};
use crate::wording::Language;

/// Services.
#[derive(Debug, Subcommand)]
pub enum Service {
    /// List services with what they run
    #[command(after_help = "Example:\n  rmm service list")]
    List(Json),
    /// Show a service: what runs where, what waits, what one can go back to
    #[command(after_help = "Example:\n  rmm service show shop")]
    Show(Named),
    /// Block deploys to production
    #[command(after_help = "Example:\n  rmm service lock shop --reason 'sale until Monday'\n\n\
        A lock stops deploys, never a rollback.")]
    Lock {
        #[command(flatten)]
        named: Named,
        /// Why; people will read it
        #[arg(long, short, value_name = "TEXT", value_parser = crate::cli::prose())]
        reason: String,
    },
    /// Give up a host that does not answer: a rollback goes on without it
    #[command(
        name = "give-up",
        after_help = "Example:\n  rmm service give-up shop web-2 --reason 'the machine is gone'\n\n\
             A way back goes on by itself on the hosts that answer. One that did not is caught up when it \
             returns; after this, nobody waits for it. If it is gone for good, take it out of rmm.toml, too."
    )]
    GiveUp {
        #[command(flatten)]
        named: Named,
        /// The host
        #[arg(value_name = "HOST")]
        host: String,
        /// Where
        #[arg(long, value_name = "ENVIRONMENT", default_value = "production", value_parser = one_of::<Env>(["stage", "production"]))]
        environment: Env,
        /// Why; it goes on the record
        #[arg(long, short, value_name = "TEXT", value_parser = crate::cli::prose())]
        reason: String,
    },
    /// Bring a host that was left behind or given up to what its environment runs, now
    #[command(
        name = "catch-up",
        after_help = "Example:\n  rmm service catch-up shop web-2\n\n\
             A host that was left behind is caught up by itself when it answers again, and tried once more some ten \
             minutes after that has failed. This does it now, and also for one that was given up."
    )]
    CatchUp {
        #[command(flatten)]
        named: Named,
        /// The host
        #[arg(value_name = "HOST")]
        host: String,
        /// Where
        #[arg(long, value_name = "ENVIRONMENT", default_value = "production", value_parser = one_of::<Env>(["stage", "production"]))]
        environment: Env,
    },
    /// Allow deploys to production again
    #[command(after_help = "Example:\n  rmm service unlock shop")]
    Unlock(Named),
    /// Record what an environment runs, where RMM does not know it
    #[command(after_help = "Examples:\n  rmm service settle shop --environment production --release 12\n  \
        rmm service settle shop --recorded --reason 'nothing was deployed since the backup'\n\n\
        After a restore, and where another RMM or another copy of RMM's database has been at work on a host, what an \
        environment runs is unknown and nothing is deployed there. If the other RMM still runs, stop it. Look at the hosts, \
        then say it: from then on the other one counts as gone, and what it left at work is ended. A run whose end is not \
        known is ended by it, too.")]
    Settle {
        #[command(flatten)]
        named: Named,
        /// Which one; without it both, where it is not known
        #[arg(long, value_parser = one_of::<Env>(["stage", "production"]))]
        environment: Option<Env>,
        #[command(flatten)]
        found: Found,
        /// How you know
        #[arg(long, short, value_name = "TEXT", default_value = "", value_parser = crate::cli::prose())]
        reason: String,
    },
    /// Print how a service is defined: as it is written in the dashboard, else as RMM understands rmm.toml
    #[command(after_help = "Example:\n  rmm service definition shop > shop.toml")]
    Definition(Named),
    /// Define a dashboard service from a file, or change its definition
    #[command(
        after_help = "Examples:\n  rmm service define shop --file shop.toml --check\n  rmm service define shop --file - < shop.toml\n\n\
        The text is one [[services]] table, as in rmm.toml. It is checked together with rmm.toml; what is wrong changes nothing. \
        A service that stands in rmm.toml is changed there. `rmm docs services` says more."
    )]
    Define {
        #[command(flatten)]
        named: Named,
        /// The file with the definition; - reads standard input
        #[arg(long, value_name = "FILE")]
        file: PathBuf,
        /// Only check it and show what would change
        #[arg(long)]
        check: bool,
    },
    /// Remove a service that is defined in the dashboard; its history stays
    #[command(after_help = "Example:\n  rmm service remove shop")]
    Remove {
        /// The name of the service
        #[arg(value_name = "NAME")]
        name: String,
    },
    /// Write the workflows with which its repository on GitHub speaks to RMM
    Workflows(Workflows),
}

/// What an admin found.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub struct Found {
    /// It runs this release
    #[arg(long, value_name = "N", requires = "environment")]
    release: Option<i64>,
    /// It runs nothing, or nothing that RMM knows of: the next release is deployed as a first one
    #[arg(long)]
    nothing: bool,
    /// It runs what RMM has on record (`rmm service show`)
    #[arg(long)]
    recorded: bool,
}

/// How to print.
#[derive(Debug, Args)]
pub struct Json {
    /// Print the answer of the API
    #[arg(long)]
    pub(super) json: bool,
}

/// One service.
#[derive(Debug, Args)]
pub struct Named {
    /// The name of the service
    #[arg(value_name = "NAME")]
    name: String,
    /// Print the answer of the API
    #[arg(long)]
    json: bool,
}

impl Service {
    pub(super) async fn run(self, context: &Context) -> Result<(), Fault> {
        let ui = &context.ui;
        match self {
            Self::List(Json { json }) => {
                let client = Client::connect(context, Intent::Look).await?;
                let (services, text): (Vec<contract::ServiceView>, _) =
                    client.json(Call::get("/api/v1/services")).await.map_err(|fault| fault.in_json(json))?;
                if json {
                    return print(&format!("{text}\n"));
                }
                print(&list(&services, ui))?;
                note_troubles(&client, ui.language).await;
                Ok(())
            }
            Self::Show(named) => {
                let call = Call::get(named.path(""));
                named.ask(context, Intent::Look, call, |details| show(details, ui)).await?;
                if !named.json {
                    note_troubles(&Client::connect(context, Intent::Look).await?, ui.language).await;
                }
                Ok(())
            }
            Self::Lock { named, reason } => {
                let call = Call::post(named.path("/lock"), LockService { reason });
                named.ask(context, Intent::Administer, call, |_| answers::locked(ui.language, &named.name)).await
            }
            Self::GiveUp { named, host, environment, reason } => {
                let body = GiveUpHost { environment, host: host.clone(), reason };
                let told =
                    |_: &contract::ServiceDetails| answers::given_up(ui.language, &named.name, environment, &host);
                named.ask(context, Intent::Administer, Call::post(named.path("/give-up"), body), told).await
            }
            Self::CatchUp { named, host, environment } => {
                let body = CatchUpHost { environment, host: host.clone() };
                let told = |_: &contract::ServiceDetails| answers::catching_up(ui.language, environment, &host);
                named.ask(context, Intent::Administer, Call::post(named.path("/catch-up"), body), told).await
            }
            Self::Unlock(named) => {
                let call = Call::post(named.path("/unlock"), json!({}));
                let told = |_: &contract::ServiceDetails| answers::unlocked(ui.language, &named.name);
                named.ask(context, Intent::Administer, call, told).await
            }
            Self::Settle { named, environment, found, reason } => {
                settle(context, &named, environment, &found, reason).await
            }
            Self::Definition(named) => definition::show(context, &named).await,
            Self::Define { named, file, check } => definition::define(context, &named, &file, check).await,
            Self::Remove { name } => definition::remove(context, &name).await,
            Self::Workflows(workflows) => workflows.run(context),
        }
    }
}

async fn settle(
    context: &Context,
    named: &Named,
    environment: Option<Env>,
    found: &Found,
    reason: String,
) -> Result<(), Fault> {
    let language = context.ui.language;
    let client = Client::connect(context, Intent::Administer).await?;
    let before: contract::ServiceDetails = client.get(named.path("")).await?;
    let environments = before.service.environments().into_iter();
    let unknown = environments.filter(|(_, state)| state.unknown.is_some()).map(|(kind, _)| kind);
    let mut wanted = environment.map_or_else(|| unknown.collect(), |one| vec![one]);
    // What an admin says about another copy of the database belongs to no environment.
    if wanted.is_empty() && before.another_copy.is_some() && found.recorded {
        wanted.push(Env::Production);
    }
    if wanted.is_empty() {
        return print(&answers::nothing_to_settle(language, &named.name));
    }
    let runs = if found.release.is_some() {
        FoundThere::Release
    } else if found.nothing {
        FoundThere::Nothing
    } else {
        FoundThere::Recorded
    };
    for environment in wanted {
        let body = SettleService { environment, runs, release: found.release, reason: reason.clone() };
        let call = Call::post(named.path("/settle"), body);
        let (after, text): (contract::ServiceDetails, _) =
            client.json(call).await.map_err(|fault| fault.in_json(named.json))?;
        if named.json {
            print(&format!("{text}\n"))?;
            continue;
        }
        let state = after.service.environments().into_iter().find(|(env, _)| *env == environment);
        let runs = state.and_then(|(_, state)| state.runs.as_ref());
        print(&answers::settled(language, &named.name, environment, runs))?;
    }
    Ok(())
}

fn must_run(version: Option<&Version>, language: Language) -> String {
    let Some(version) = version.map(contract::version) else { return String::new() };
    match language {
        Language::En => format!(" Restore {version}, then mark it `succeeded`, or let RMM try `again`."),
        Language::Ru => {
            format!(" Восстановите {version} и укажите succeeded, или пусть RMM попробует ещё раз (again).")
        }
    }
}

impl Named {
    fn path(&self, what: &str) -> String {
        format!("/api/v1/services/{}{what}", url_part(&self.name))
    }

    async fn ask(
        &self,
        context: &Context,
        intent: Intent,
        call: Call,
        shown: impl FnOnce(&contract::ServiceDetails) -> String,
    ) -> Result<(), Fault> {
        let client = Client::connect(context, intent).await?;
        let (details, text) = client.json(call).await.map_err(|fault| fault.in_json(self.json))?;
        if self.json { print(&format!("{text}\n")) } else { print(&shown(&details)) }
    }
}

fn runs(environment: &contract::EnvironmentView, language: Language) -> String {
    environment.runs.as_ref().map_or_else(|| words::words(language).nothing.to_owned(), contract::version)
}

/// What stands in the way in an environment, if anything.
fn trouble(environment: &contract::EnvironmentView, language: Language) -> Option<(String, Tone)> {
    let words = words::words(language);
    if environment.unknown.is_some() {
        return Some((words.state_unknown.to_owned(), Tone::Bad));
    }
    let left: Vec<_> = environment.left.iter().filter(|left| !left.given_up).collect();
    match (&environment.dirty, left.as_slice(), &environment.lock) {
        (Some(_), _, _) => Some((words.needs_repair.to_owned(), Tone::Bad)),
        (None, left @ [one, ..], _) => {
            let text = match (language, left) {
                (Language::En, [_]) => format!("{} left behind", one.host),
                (Language::En, _) => format!("{} hosts left behind", left.len()),
                (Language::Ru, [_]) => format!("без {}", one.host),
                (Language::Ru, _) => format!("без {} хостов", left.len()),
            };
            Some((text, Tone::Bad))
        }
        (None, [], Some(_)) => Some((words.is_locked.to_owned(), Tone::Waiting)),
        (None, [], None) => None,
    }
}

/// How a service stands: that it is out of force hides nothing of its environments. Those beside production are named.
fn state(service: &contract::ServiceView, language: Language) -> (String, Tone) {
    let words = words::words(language);
    let out_of_force = match (service.put_aside, service.retired) {
        (true, _) => Some((words.is_put_aside.to_owned(), Tone::Bad)),
        (false, true) => Some((words.is_retired.to_owned(), Tone::Dim)),
        (false, false) => None,
    };
    let environments = service.environments().into_iter().rev();
    let troubles = environments.filter_map(|(kind, environment)| {
        let (text, tone) = trouble(environment, language)?;
        Some((if kind == Env::Production { text } else { format!("{kind}: {text}") }, tone))
    });
    let all: Vec<_> = out_of_force.into_iter().chain(troubles).collect();
    let Some((_, first)) = all.first() else { return ("-".to_owned(), Tone::Dim) };
    let tone = if all.iter().any(|(_, tone)| *tone == Tone::Bad) { Tone::Bad } else { *first };
    (all.iter().map(|(text, _)| text.as_str()).collect::<Vec<_>>().join(", "), tone)
}

/// What there is to say of a host that was left behind, and the commands that lead on.
fn left_behind(
    left: &contract::LeftHostView,
    environment: &str,
    ui: &Ui,
) -> (String, Vec<(&'static str, &'static str)>) {
    let (host, since) = (clean(&left.host), ui.ago(left.since));
    let heard = sentence(&words::reason(ui, &left.reason, left.because.as_ref()));
    let may_run = contract::version(&left.may_run);
    let may_run = match ui.language {
        Language::En => format!("It may still run {may_run}."),
        Language::Ru => format!("Возможно, там ещё работает {may_run}."),
    };
    let (catch_up, give_up) = (("catch-up", ""), ("give-up", " --reason '…'"));
    if left.given_up {
        let text = match ui.language {
            Language::En => format!("{environment} goes on without {host}: {heard} {may_run}"),
            Language::Ru => format!("{environment} работает без {host}: {heard} {may_run}"),
        };
        return (text, vec![catch_up]);
    }
    let way_out = if left.configured { vec![catch_up, give_up] } else { vec![give_up] };
    let text = match ui.language {
        Language::En => {
            let next = if left.configured {
                "It is caught up when it answers; to try now, or to give it up:"
            } else {
                "rmm.toml does not name it any more. If it is gone for good:"
            };
            format!("{environment} continued without {host}, {since}: {heard} {may_run} {next}")
        }
        Language::Ru => {
            let next = if left.configured {
                "RMM вернёт его, когда он ответит; попробовать сейчас или больше не ждать:"
            } else {
                "В rmm.toml его больше нет. Если его больше не будет:"
            };
            format!("{environment} дальше без {host}, {since}: {heard} {may_run} {next}")
        }
    };
    (text, way_out)
}

fn list(services: &[contract::ServiceView], ui: &Ui) -> String {
    let words = words::words(ui.language);
    let mut table = Table::new([
        Column::new(words.service_column).least(14),
        Column::new(words.production_column),
        Column::new(words.since_column).optional(2),
        Column::new(words.state_column).optional(9),
        Column::new(words.stage_column).optional(3),
        Column::new(words.approvers_column).optional(1).least(12),
    ]);
    for service in services {
        let (word, tone) = state(service, ui.language);
        let enough = if service.minimum < service.approvers.len() {
            words::of(ui, service.minimum, service.approvers.join(", "))
        } else {
            service.approvers.join(", ")
        };
        table.row([
            (service.name.clone(), Tone::Plain),
            (runs(&service.production, ui.language), Tone::Plain),
            (service.production.since.map(|at| ui.ago(at)).unwrap_or_default(), Tone::Dim),
            (word, tone),
            (runs(&service.stage, ui.language), Tone::Plain),
            (enough, Tone::Plain),
        ]);
    }
    table.render(ui)
}

fn show(details: &contract::ServiceDetails, ui: &Ui) -> String {
    let service = &details.service;
    let mut out = format!("{}\n\n", ui.heading(&service.name));
    let words = words::words(ui.language);
    let mut field = |label: &str, text: &str| out.push_str(&ui.field(label, 10, &clean(text), Tone::Plain));
    if service.put_aside {
        field(words.state, words.put_aside);
    } else if service.retired {
        field(words.state, words.retired);
    }
    if let Some(repository) = &service.repository {
        field(words.repository, repository);
    }
    field(words.surfaces, &service.surfaces.join(", "));
    let approvers = match service.approvers.as_slice() {
        [] => words.no_approvals.to_owned(),
        all if service.minimum < all.len() => words::of(ui, service.minimum, all.join(", ")),
        all => all.join(", "),
    };
    field(words.approvers, &approvers);
    let called = |kind: Env| match kind {
        Env::Stage => words.stage.to_owned(),
        Env::Production => words.production.to_owned(),
        Env::Preview(_) => kind.to_string(),
    };
    for (kind, environment) in service.environments() {
        let (since, driver) = match ui.language {
            Language::En => ("since ", "driver"),
            Language::Ru => ("", "драйвер"),
        };
        let since = environment.since.map(|at| format!(", {since}{}", ui.ago(at))).unwrap_or_default();
        field(&called(kind), &format!("{}{since} ({driver} {})", runs(environment, ui.language), environment.driver));
    }
    if let Some(lock) = &service.production.lock {
        let by = if ui.language == Language::En { "by " } else { "" };
        let reason = words::reason(ui, &lock.reason, lock.because.as_ref());
        let text = format!("{by}{}, {}: {reason}", lock.by, ui.ago(lock.at));
        out.push_str(&ui.field(words.locked, 10, &text, Tone::Waiting));
        out.push_str(&format!("{:12}rmm service unlock {}\n", "", service.name));
    }
    for (kind, environment) in service.environments() {
        let name = called(kind);
        for left in &environment.left {
            let (text, way_out) = left_behind(left, &name, ui);
            out.push_str(&ui.field(words.left, 10, &text, if left.given_up { Tone::Dim } else { Tone::Bad }));
            for (command, rest) in way_out {
                let command = format!("rmm service {command} {} {}", service.name, left.host);
                out.push_str(&format!("{:12}{command} --environment {kind}{rest}\n", ""));
            }
        }
        if let Some(unknown) = &environment.unknown {
            let reason = sentence(&words::reason(ui, &unknown.reason, unknown.because.as_ref()));
            let since = ui.ago(unknown.since);
            let text = match ui.language {
                Language::En => format!("it is not known what {} runs, {since}: {reason}", name.to_lowercase()),
                Language::Ru => format!("неизвестно, что работает ({}), {since}: {reason}", name.to_lowercase()),
            };
            out.push_str(&ui.field(words.unknown, 10, &text, Tone::Bad));
            out.push_str(&format!("{:12}rmm service settle {} --environment {kind} --release N\n", "", service.name));
        }
        if let Some(dirty) = &environment.dirty {
            let reason = sentence(&words::reason(ui, &dirty.reason, dirty.because.as_ref()));
            let text = match ui.language {
                Language::En => format!("{name} needs repair: {reason}{}", must_run(dirty.to.as_ref(), ui.language)),
                Language::Ru => format!("{name} нужно починить: {reason}{}", must_run(dirty.to.as_ref(), ui.language)),
            };
            out.push_str(&ui.field(words.repair, 10, &text, Tone::Bad));
            for verdict in ["again", "succeeded"] {
                out.push_str(&format!("{:12}rmm release resolve {} --as {verdict} --reason '…'\n", "", dirty.run));
            }
        }
    }
    if let Some(met) = &details.another_copy {
        let (reason, since) = (words::reason(ui, &met.reason, met.because.as_ref()), ui.ago(met.since));
        let environments = service.environments();
        let said: Vec<_> = environments.iter().filter_map(|(_, state)| state.unknown.as_ref()).collect();
        let how = if said.iter().any(|unknown| unknown.reason.contains(&met.reason)) {
            ".".to_owned()
        } else {
            format!(": {}", sentence(&reason))
        };
        let text = match ui.language {
            Language::En => format!("another RMM works with a copy of this database, met {since}{how}"),
            Language::Ru => format!("другой RMM работает с копией этой базы данных, замечен {since}{how}"),
        };
        out.push_str(&ui.field(words.copy, 10, &text, Tone::Bad));
        if said.is_empty() {
            let done = format!("rmm service settle {} --recorded --reason '…'    once it is stopped", service.name);
            out.push_str(&format!("{:12}{done}\n", ""));
        }
    }
    for run in &details.runs {
        let (what, state) = (words::run(ui, run), words::run_state(ui, run));
        let text = match ui.language {
            Language::En => format!("{what} of #{}, {state}", run.release),
            Language::Ru => format!("{what}, #{}: {state}", run.release),
        };
        let label = if run.waits_for_ci { words.awaited } else { words.running };
        out.push_str(&ui.field(label, 10, &text, Tone::Busy));
    }
    if let Some(release) = &details.on_stage {
        let text = format!("#{} {}, {}", release.id, release.name(), words::status(ui.language, &release.status));
        out.push_str(&ui.field(words.on_stage, 10, &text, super::release::tone(&release.status)));
    }
    for release in &details.queue {
        out.push_str(&ui.field(
            words.waits,
            10,
            &format!("#{} {}, {}", release.id, release.name(), words::status(ui.language, &release.status)),
            Tone::Waiting,
        ));
    }
    if !details.good_versions.is_empty() {
        out.push_str(&format!("\n{}\n", ui.heading(words.good_versions)));
        let mut table = Table::new([
            Column::new(words.release_column).right(),
            Column::new(words.version_column).least(14),
            Column::new(words.deployed_column).optional(1),
        ]);
        for good in details.good_versions.iter().take(10) {
            let tag = good.version.tag.as_ref().map(ToString::to_string);
            let commit = good.version.commit.as_ref().map(|commit| commit.short().to_owned());
            table.row([
                (format!("#{}", good.version.release), Tone::Plain),
                (tag.or(commit).unwrap_or_default(), Tone::Plain),
                (ui.ago(good.deployed_at), Tone::Dim),
            ]);
        }
        out.push_str(&table.render(ui));
    }
    out
}
