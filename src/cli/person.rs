//! `rmm person …`: who is who, and who claims which identity in Telegram.

use clap::{Args, Subcommand};
use serde_json::json;

use super::service::Json;
use super::words;
use crate::api_client::{Call, Client, Context, Fault, Intent, print};
use crate::contract::{ClaimView, PersonView};
use crate::domain::plan::url_part;
use crate::terminal::{Column, Table, Tone, Ui, clean, note};
use crate::wording::Language;

/// People.
#[derive(Debug, Subcommand)]
pub enum Person {
    /// List people: what they approve, their number in Telegram, and who waits to be confirmed
    #[command(after_help = "Example:\n  rmm person list")]
    List(Json),
    /// Confirm that an account in Telegram is the person that it claims to be
    #[command(after_help = "Examples:\n  rmm person confirm vera\n  rmm person confirm 123456789\n\n\
        Whoever writes to the bot from the username that rmm.toml has for a person (telegram = \"…\") claims to be that \
        person. Anybody can change a username: ask your colleague first. From then on the number counts.")]
    Confirm(Claim),
    /// Refuse the claim of a Telegram account to be a person
    #[command(after_help = "Examples:\n  rmm person refuse vera\n  rmm person refuse 123456789")]
    Refuse(Claim),
}

/// A claim.
#[derive(Debug, Args)]
pub struct Claim {
    /// The person, or the number of the account
    #[arg(value_name = "NAME|NUMBER")]
    who: String,
    /// Print the answer of the API
    #[arg(long)]
    json: bool,
}

impl Person {
    pub(super) async fn run(self, context: &Context) -> Result<(), Fault> {
        match self {
            Self::List(Json { json }) => {
                let client = Client::connect(context, Intent::Look).await?;
                let (people, text): (Vec<PersonView>, _) =
                    client.json(Call::get("/api/v1/people")).await.map_err(|fault| fault.in_json(json))?;
                if json {
                    return print(&format!("{text}\n"));
                }
                if people.is_empty() {
                    note(words::words(context.ui.language).no_people);
                    return Ok(());
                }
                print(&list(&people, &context.ui))
            }
            Self::Confirm(claim) => claim.settle(context, true).await,
            Self::Refuse(claim) => claim.settle(context, false).await,
        }
    }
}

impl Claim {
    async fn settle(self, context: &Context, yes: bool) -> Result<(), Fault> {
        let client = Client::connect(context, Intent::Administer).await?;
        let verb = if yes { "confirm" } else { "refuse" };
        let call = Call::post(format!("/api/v1/people/{}/{verb}", url_part(&self.who)), json!({}));
        let (person, text): (PersonView, _) = client.json(call).await.map_err(|fault| fault.in_json(self.json))?;
        if self.json {
            return print(&format!("{text}\n"));
        }
        let name = &person.name;
        let number = person.telegram_id.map(|id| id.to_string()).unwrap_or_default();
        print(&match (context.ui.language, yes) {
            (Language::En, true) => format!("{number} is {name} from now on.\n"),
            (Language::Ru, true) => format!("Теперь {number} — это {name}.\n"),
            (Language::En, false) => format!("Refused: the account that claimed to be {name} is not {name}.\n"),
            (Language::Ru, false) => format!("Отклонено: аккаунт, назвавший себя {name}, — не {name}.\n"),
        })
    }
}

fn list(people: &[PersonView], ui: &Ui) -> String {
    let words = words::words(ui.language);
    let mut table = Table::new([
        Column::new(words.person_column).least(12),
        Column::new(words.role_column),
        Column::new(words.approves_column).least(16),
        Column::new("GITHUB").optional(2),
        Column::new("TELEGRAM").optional(1),
    ]);
    for person in people {
        table.row([
            (person.name.clone(), Tone::Plain),
            (ui.language.role(&person.role.to_string()).to_owned(), Tone::Plain),
            (if person.approves.is_empty() { "-".to_owned() } else { person.approves.join(", ") }, Tone::Plain),
            (person.github.clone().unwrap_or_default(), Tone::Plain),
            telegram(person, ui.language),
        ]);
    }
    let mut out = table.render(ui);
    let claims: Vec<_> = people.iter().flat_map(|it| it.claims.iter().map(move |claim| (it, claim))).collect();
    if !claims.is_empty() {
        out.push_str(&format!("\n{}\n", ui.heading(words.waiting_to_be_confirmed)));
    }
    for (person, claim) in claims {
        out.push_str(&format!("{}\n", claimed(person, claim, ui)));
        out.push_str(&format!("    rmm person confirm {0}\n    rmm person refuse {0}\n", claim.telegram_id));
    }
    out
}

/// The number, and how it is known; without one, the username that it is waited for from.
fn telegram(person: &PersonView, language: Language) -> (String, Tone) {
    match (person.telegram_id, &person.confirmed_by, &person.telegram) {
        (Some(id), Some(by), _) => {
            let confirmed = match language {
                Language::En => format!("{id}, confirmed by {by}"),
                Language::Ru => format!("{id}, подтверждено: {by}"),
            };
            (confirmed, Tone::Plain)
        }
        (Some(id), None, _) => (id.to_string(), Tone::Plain),
        (None, _, Some(username)) => (format!("@{username}?"), Tone::Waiting),
        (None, _, None) => (String::new(), Tone::Plain),
    }
}

fn claimed(person: &PersonView, claim: &ClaimView, ui: &Ui) -> String {
    let username = claim.username.as_deref().map(|name| format!("@{name}, ")).unwrap_or_default();
    let since = claim.since.map(|at| format!(", {}", ui.ago(at))).unwrap_or_default();
    let (name, id) = (&person.name, claim.telegram_id);
    clean(&match ui.language {
        Language::En => format!("{name}: {username}number {id}{since}"),
        Language::Ru => format!("{name}: {username}номер {id}{since}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn confirmed_numbers_and_open_claims_are_shown() {
        let people: Vec<PersonView> = serde_json::from_value(json!([
            { "name": "ann", "role": "admin", "telegram_id": 1, "approves": ["shop"] },
            { "name": "bob", "role": "member", "telegram_id": 2, "telegram": "bob_b", "confirmed_by": "operator",
                "approves": [] },
            { "name": "vera", "role": "member", "telegram": "vera_b", "approves": [], "claims": [
                { "telegram_id": 7, "username": "Vera_B", "name": "V", "since": "1969-12-31T23:55:00Z" },
                { "telegram_id": 8, "username": "vera_b", "name": "V", "since": null } ] },
        ]))
        .unwrap();
        insta::assert_snapshot!(list(&people, &Ui::test(100)));
    }
}
