//! The parts of RMM that work for as long as it does, by name.

use serde::{Deserialize, Serialize};

macro_rules! parts {
    ($($(#[$about:meta])* $name:ident = $code:literal;)*) => {
        /// A part of RMM.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
        pub enum Part { $($(#[$about])* #[serde(rename = $code)] $name,)* }

        impl Part {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The name in the log, and in alerts as they are kept.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $code,)* }
            }

            /// The part of this name.
            #[must_use]
            pub fn of(code: &str) -> Option<Self> {
                match code { $($code => Some(Self::$name),)* _ => None }
            }
        }
    };
}

parts! {
    /// Hands out the work.
    Dispatcher = "dispatcher";
    /// Does what is due by the clock.
    Timer = "timer";
    /// Makes and tests backups.
    Backups = "backups";
    /// Sees hosts return that were left behind.
    ReturningHosts = "returning_hosts";
    /// Sees tags that move.
    MovedTags = "moved_tags";
    /// Looks for new tags.
    Tags = "tags";
    /// Leaves deployments and statuses on GitHub.
    GithubMarks = "github_marks";
    /// Answers the protection rules of GitHub.
    ProtectionRules = "protection_rules";
    /// Reads GitHub's log of deliveries.
    Deliveries = "deliveries";
    /// Writes of releases into the log.
    ReleaseLog = "release_log";
    /// Counts releases.
    ReleaseFigures = "release_figures";
    /// The bot as a whole.
    Bot = "bot";
    /// Follows the record.
    BotNews = "bot_news";
    /// Forgets what is old.
    BotForgetting = "bot_forgetting";
    /// Closes questions.
    BotQuestions = "bot_questions";
    /// Reminds of approvals.
    BotReminders = "bot_reminders";
    /// Sees another program with the token.
    BotConflicts = "bot_conflicts";
    /// Tells of a record that was changed.
    BotRecord = "bot_record";
    /// Asks Telegram for updates.
    BotListening = "bot_listening";
    /// Hands updates on.
    BotInbox = "bot_inbox";
    /// Deletes updates that are done.
    BotInboxCleaning = "bot_inbox_cleaning";
    /// Makes alerts of errors in the log.
    ErrorAlerts = "error_alerts";
    /// Looks at what may need an alert.
    AlertWatch = "alert_watch";
    /// Asks the model about alerts.
    AlertAnalysis = "alert_analysis";
}
