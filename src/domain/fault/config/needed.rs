//! What a key that is missing is for, and what is expected in the place of something else.

use serde::Serialize;

/// What a key that is missing is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "code", rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names say it")]
pub enum Needed {
    NameOfService,
    NameOfSurface,
    NameOfHost,
    NameOfPerson,
    HostAddress,
    HostUser,
    HostLogin,
    LocalUser,
    BackupFolder,
    AiUrl,
    AiModel,
    GithubToken,
    GithubKey,
    GithubApp,
    BotToken,
    ChatNumber,
    RepositoryNumber,
    /// `tags` of it become releases.
    RepositoryOfTags,
    Approvals,
    Surfaces,
    Environment {
        key: String,
    },
    Driver,
    Deploy,
    DirectoryOfCompose,
    DirectoryOfCheckout,
}

/// What is expected in the place of a value of another type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names say it")]
pub enum Expected {
    Text,
    /// In quotes.
    QuotedText,
    Flag,
    WholeNumber,
    Share,
    Duration,
    Size,
    TextOrTexts,
    Texts,
    Table,
    /// Each begins with this header.
    Tables(String),
}
