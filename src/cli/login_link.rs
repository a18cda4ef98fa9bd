//! `rmm login-link`: a way in to the dashboard.

use clap::Args;

use super::answers;
use crate::api_client::{Call, Client, Context, Fault, Intent, print};
use crate::contract::{LoginLinkView, MakeLoginLink};
use crate::terminal::note;

/// Print a link that signs somebody in to the dashboard.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  rmm login-link ann\n  rmm login-link\n\n\
    The link works once, for 10 minutes; whoever opens it is that person. Without a name it signs in the operator, who may do \
    everything but vote. It is printed alone on standard output.")]
pub struct LoginLink {
    /// The person
    #[arg(value_name = "NAME")]
    person: Option<String>,
    /// Print the answer of the API
    #[arg(long)]
    json: bool,
}

impl LoginLink {
    pub(super) async fn run(self, context: &Context) -> Result<(), Fault> {
        let client = Client::connect(context, Intent::Administer).await?;
        let who = self.person.clone().unwrap_or_else(|| "operator".to_owned());
        let call = Call::post("/api/v1/login-links", MakeLoginLink { person: self.person });
        let (link, text): (LoginLinkView, _) = client.json(call).await.map_err(|fault| fault.in_json(self.json))?;
        if self.json {
            return print(&format!("{text}\n"));
        }
        let ui = &context.ui;
        note(&answers::login_link_made(ui.language, &who, &ui.until(link.until)));
        if let Some(told) = link.told {
            note(&answers::person_is_told(ui.language, &who, told));
        }
        print(&format!("{}\n", link.url))
    }
}
