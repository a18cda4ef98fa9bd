//! The parts of RMM, in English.

use crate::domain::part::Part;

pub(in crate::wording) const fn part(part: Part) -> &'static str {
    match part {
        Part::Dispatcher => "the dispatcher",
        Part::Timer => "the timer",
        Part::Backups => "the making of backups",
        Part::ReturningHosts => "the watch for hosts that return",
        Part::MovedTags => "the watch for tags that move",
        Part::Tags => "the watch for new tags",
        Part::GithubMarks => "what RMM leaves on GitHub",
        Part::ProtectionRules => "the protection rules of GitHub",
        Part::Deliveries => "the reading of GitHub's deliveries",
        Part::ReleaseLog => "the log of releases",
        Part::ReleaseFigures => "the figures of releases",
        Part::Bot => "the bot",
        Part::BotNews => "the news of the bot",
        Part::BotForgetting => "the forgetting of the bot",
        Part::BotQuestions => "the questions of the bot",
        Part::BotReminders => "the reminders of the bot",
        Part::BotConflicts => "the bot's watch for another program",
        Part::BotRecord => "the bot's watch of the record",
        Part::BotListening => "the listening of the bot",
        Part::BotInbox => "the inbox of the bot",
        Part::BotInboxCleaning => "the cleaning of the bot's inbox",
        Part::ErrorAlerts => "the alerts of errors",
        Part::AlertWatch => "the watch for alerts",
        Part::AlertAnalysis => "the analysis of alerts",
    }
}
