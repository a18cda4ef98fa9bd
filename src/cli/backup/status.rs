//! `rmm backup status`: the backups that RMM makes by itself.

use clap::Args;

use super::super::words::{self, Words};
use crate::api_client::{Call, Client, Context, EXIT_HELP, Fault, Intent, print};
use crate::contract::{BackupTestView, BackupsView};
use crate::terminal::{Ui, clean};

/// How scheduled backups stand.
#[derive(Debug, Args)]
#[command(after_help = EXIT_HELP)]
pub struct Status {
    /// Print the answer of the API
    #[arg(long)]
    json: bool,
}

impl Status {
    pub(in crate::cli) async fn run(self, context: &Context) -> Result<(), Fault> {
        let client = Client::connect(context, Intent::Look).await?;
        let call = Call::get("/api/v1/backups");
        let (backups, text): (BackupsView, _) = client.json(call).await.map_err(|fault| fault.in_json(self.json))?;
        if self.json {
            return print(&format!("{text}\n"));
        }
        print(&shown(&backups, &context.ui))
    }
}

/// The lines for people.
fn shown(backups: &BackupsView, ui: &Ui) -> String {
    let (language, words) = (ui.language, words::words(ui.language));
    let mut lines = Vec::new();
    match &backups.schedule {
        None => lines.push(words.no_backups_scheduled.to_owned()),
        Some(schedule) => {
            let every = language.rounded(i64::try_from(schedule.every_seconds).unwrap_or(i64::MAX));
            let folder = clean(&schedule.folder);
            let (period, folder_is, kept) = (words.backup_period, words.backup_folder, words.backups_kept);
            lines.push(format!("{period}: {every}; {folder_is}: {folder}; {kept}: {}", schedule.keep));
        }
    }
    match &backups.newest {
        None => lines.push(words.no_backup_yet.to_owned()),
        Some(newest) => {
            let (file, size) = (clean(&newest.file), language.size(newest.bytes));
            let unsent = if newest.unsent { words.not_sent_on } else { "" };
            lines.push(format!("{}: {file} ({size}), {}{unsent}", words.newest_backup, ui.ago(newest.made_at)));
        }
    }
    if let Some(test) = &backups.test {
        lines.push(tested(test, words, ui));
    }
    let alarm = backups.alarm_because.as_ref().map(|alarm| language.backup_alarm(alarm)).or(backups.alarm.clone());
    lines.extend(alarm.map(|alarm| format!("{} {}", words.alarm, clean(&alarm))));
    lines.join("\n") + "\n"
}

fn tested(test: &BackupTestView, words: &Words, ui: &Ui) -> String {
    let (at, took) = (ui.ago(test.at), test.took_ms);
    let where_tested = if test.before_pipe { words.before_pipe } else { "" };
    let found = match (&test.because, &test.reason) {
        (Some(fault), _) => clean(&ui.language.backup_fault(fault)),
        (None, Some(reason)) => clean(reason),
        (None, None) => words.is_sound.to_owned(),
    };
    format!("{}: {at}, {took} ms{where_tested}: {found}", words.restore_test)
}
