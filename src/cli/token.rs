//! `rmm token …`: the keys to the API.

use std::time::Duration;

use clap::{Args, Subcommand};
use jiff::Timestamp;
use serde_json::json;

use super::release::duration;
use super::{answers, one_of, words};
use crate::api_client::{Call, Client, Context, Fault, Intent, print};
use crate::contract::{self, CreateToken, CreatedToken};
use crate::domain::fault::cli::CliFault;
use crate::domain::person::Role;
use crate::domain::plan::url_part;
use crate::terminal::{Column, Table, Tone, Ui, note};

/// Tokens of the API.
#[derive(Debug, Subcommand)]
pub enum Token {
    /// Make a token and print it, alone, on standard output; it is shown only now
    Create(Create),
    /// List tokens (never the secrets)
    #[command(after_help = "Example:\n  rmm token list")]
    List {
        /// Show revoked and expired ones, too
        #[arg(long)]
        all: bool,
        /// Print the answer of the API
        #[arg(long)]
        json: bool,
    },
    /// Take ownership of a token: it ends when its owner leaves; at first that is its maker
    #[command(after_help = "Example:\n  rmm token adopt github-actions")]
    Adopt {
        /// The name of the token
        name: String,
    },
    /// Make a token invalid at once
    #[command(after_help = "Example:\n  rmm token revoke github-actions")]
    Revoke {
        /// The name of the token
        name: String,
    },
}

/// Make a token.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  rmm token create github-actions --role ci --service shop\n  \
    rmm token create ann-laptop --role member --person ann --expires 90d\n  \
    export RMM_TOKEN=$(rmm token create me --role admin --person ann)\n\n\
    ci     creates releases and reports on them \
    viewer looks \
    member retries; with --person, approves where the person is listed \
    admin  everything; votes only with --person")]
pub struct Create {
    /// What it is called in lists and in the record
    name: String,
    /// What it may do
    #[arg(long, value_parser = one_of::<Role>(["ci", "viewer", "member", "admin"]))]
    role: Role,
    /// Only for this service; may be given several times
    #[arg(long, short, value_name = "NAME")]
    service: Vec<String>,
    /// It speaks for this person
    #[arg(long, value_name = "NAME", conflicts_with = "service")]
    person: Option<String>,
    /// For how long it is valid, as 12h or 90d; default: until it is revoked
    #[arg(long, value_name = "TIME", value_parser = duration)]
    expires: Option<Duration>,
    /// Print the answer of the API
    #[arg(long)]
    json: bool,
}

impl Token {
    pub(super) async fn run(self, context: &Context) -> Result<(), Fault> {
        match self {
            Self::Create(create) => create.run(context).await,
            Self::List { all, json } => {
                let client = Client::connect(context, Intent::Look).await?;
                let (tokens, all_told): (Vec<contract::TokenView>, _) =
                    client.pages("/api/v1/tokens").await.map_err(|fault| fault.in_json(json))?;
                if json {
                    return print(&format!("{}\n", serde_json::Value::from(all_told)));
                }
                let live = |token: &contract::TokenView| {
                    token.revoked_at.is_none() && token.expires_at.is_none_or(|at| at > context.ui.now)
                };
                let hidden = tokens.iter().filter(|token| !live(token)).count();
                let shown: Vec<_> = tokens.into_iter().filter(|token| all || live(token)).collect();
                if shown.is_empty() {
                    note(words::words(context.ui.language).no_tokens);
                } else {
                    print(&table(&shown, &context.ui))?;
                }
                if hidden > 0 && !all {
                    note(&answers::tokens_hidden(context.ui.language, hidden));
                }
                Ok(())
            }
            Self::Adopt { name } => {
                let client = Client::connect(context, Intent::Administer).await?;
                client.text(Call::post(format!("/api/v1/tokens/{}/adopt", url_part(&name)), json!({}))).await?;
                note(&answers::token_adopted(context.ui.language, &name));
                Ok(())
            }
            Self::Revoke { name } => {
                let client = Client::connect(context, Intent::Administer).await?;
                client.text(Call::delete(format!("/api/v1/tokens/{}", url_part(&name)))).await?;
                note(&answers::token_revoked(context.ui.language, &name));
                Ok(())
            }
        }
    }
}

impl Create {
    async fn run(self, context: &Context) -> Result<(), Fault> {
        let expires_at = match self.expires {
            None => None,
            Some(time) => Some(after(context.ui, time)?),
        };
        let client = Client::connect(context, Intent::Administer).await?;
        let person = self.person.clone().unwrap_or_default();
        let body = CreateToken {
            name: self.name.clone(),
            role: self.role,
            services: self.service,
            person: self.person,
            expires_at,
        };
        let (created, text): (CreatedToken, _) =
            client.json(Call::post("/api/v1/tokens", body)).await.map_err(|fault| fault.in_json(self.json))?;
        let until = expires_at.map(|at| context.ui.until(at));
        note(&answers::token_made(context.ui.language, &self.name, self.role.as_str(), until));
        if let Some(told) = created.told {
            note(&answers::person_is_told(context.ui.language, &person, told));
        }
        if self.json { print(&format!("{text}\n")) } else { print(&format!("{}\n", created.token)) }
    }
}

fn after(ui: Ui, time: Duration) -> Result<Timestamp, Fault> {
    ui.now.checked_add(time).map_err(|_| Fault::usage(CliFault::TooFar))
}

fn table(tokens: &[contract::TokenView], ui: &Ui) -> String {
    let words = words::words(ui.language);
    let mut table = Table::new([
        Column::new(words.token_column).least(14),
        Column::new(words.role_column),
        Column::new(words.scope_column).least(10),
        Column::new(words.valid_column).optional(3),
        Column::new(words.last_used_column).optional(2),
        Column::new(words.made_by_column).optional(1).least(8),
    ]);
    for token in tokens {
        let (valid, tone) = match (token.revoked_at, token.expires_at) {
            (Some(at), _) => (format!("{} {}", words.revoked, ui.ago(at)), Tone::Bad),
            (None, Some(at)) if at <= ui.now => (words.expired.to_owned(), Tone::Bad),
            (None, _) if token.orphaned => {
                let person = token.vouched_by.as_deref().unwrap_or(words.its_maker);
                (format!("{}{person}{}", words.no, words.is_no_admin), Tone::Bad)
            }
            (None, _) if token.person_gone => {
                let person = token.person.as_deref().unwrap_or(words.its_person);
                (format!("{}{person}{}", words.no, words.is_not_configured), Tone::Bad)
            }
            (None, Some(at)) => (format!("{} {}", words.expires, ui.until(at)), Tone::Plain),
            (None, None) => (words.until_revoked.to_owned(), Tone::Plain),
        };
        let scope = match (&token.person, token.services.as_slice()) {
            (Some(person), _) => person.clone(),
            (None, []) => words.every_service.to_owned(),
            (None, services) => services.join(", "),
        };
        table.row([
            (token.name.clone(), Tone::Plain),
            (ui.language.role(&token.role).to_owned(), Tone::Plain),
            (scope, Tone::Plain),
            (valid, tone),
            (token.last_used_at.map_or_else(|| words.never.to_owned(), |at| ui.ago(at)), Tone::Dim),
            (token.created_by.clone(), Tone::Dim),
        ]);
    }
    table.render(ui)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_of_a_person_who_is_gone_is_not_shown_as_valid() {
        let token = json!({
            "name": "laptop", "role": "viewer", "person": "eve", "services": [], "created_by": "eve", "person_gone": true,
        });
        let shown = table(&[serde_json::from_value(token).unwrap()], &Ui::test(100));
        assert!(shown.contains("no: eve is not in rmm.toml") && !shown.contains("until revoked"), "{shown}");
    }
}
