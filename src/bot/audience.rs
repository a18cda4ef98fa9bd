//! What messages are about, and which chats hear of it.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::screen::{Key, Screen};
use super::{Bot, Viewer};
use crate::clients::telegram::Destination;
use crate::config::Chat;
use crate::domain::ids::{HostName, ReleaseId, RunId, ServiceName};
use crate::domain::notice::Notice;
use crate::domain::person::{Person, Role};
use crate::domain::service::Service;
use crate::store::news;
use crate::store::telegram::{self, User};
use crate::store::{StoreError, releases, runs};
use crate::wording::Language;

/// What a message is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum About {
    /// A release.
    Release(ReleaseId),
    /// A run that only an admin can settle.
    Run(RunId),
    /// A host's key.
    Host(String),
    /// The claim of an account to be a person.
    Claim {
        /// Telegram's number of the claimant.
        user: i64,
        /// The name of the person.
        person: String,
    },
    /// A service.
    Service(ServiceName),
    /// What concerns one account alone, by Telegram's number.
    Account(i64),
    /// Whether a place takes the bot's messages.
    Place {
        /// The chat.
        chat: i64,
        /// The topic in it.
        topic: Option<i64>,
    },
}

impl std::fmt::Display for About {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Release(id) => write!(f, "release:{}", id.0),
            Self::Run(id) => write!(f, "run:{}", id.0),
            Self::Host(name) => write!(f, "host:{name}"),
            Self::Claim { user, person } => write!(f, "claim:{user}:{person}"),
            Self::Service(name) => write!(f, "service:{name}"),
            Self::Account(user) => write!(f, "account:{user}"),
            Self::Place { chat, topic } => write!(f, "place:{chat}:{}", topic.unwrap_or(0)),
        }
    }
}

impl About {
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (kind, rest) = text.split_once(':')?;
        match kind {
            "release" => rest.parse().ok().map(ReleaseId).map(Self::Release),
            "run" => rest.parse().ok().map(RunId).map(Self::Run),
            "host" => Some(Self::Host(rest.to_owned())),
            "claim" => {
                let (user, person) = rest.split_once(':')?;
                Some(Self::Claim { user: user.parse().ok()?, person: person.to_owned() })
            }
            "service" => ServiceName::parse("service", rest).ok().map(Self::Service),
            "account" => rest.parse().ok().map(Self::Account),
            "place" => {
                let (chat, topic) = rest.split_once(':')?;
                let topic = topic.parse().ok()?;
                Some(Self::Place { chat: chat.parse().ok()?, topic: (topic != 0).then_some(topic) })
            }
            _ => None,
        }
    }

    /// Whether its card is an alarm, and not what has become of a release.
    pub(super) const fn is_alarm(&self) -> bool {
        match self {
            Self::Run(_) | Self::Host(_) | Self::Claim { .. } => true,
            Self::Release(_) | Self::Service(_) | Self::Account(_) | Self::Place { .. } => false,
        }
    }

    /// What is shown about it.
    pub(super) fn screen(&self) -> Screen {
        match self {
            Self::Release(id) => Screen::Release(*id),
            Self::Run(id) => Screen::Run(*id),
            Self::Host(name) => Screen::Host(Key::of(name)),
            Self::Claim { user, person } => Screen::Claim { user: *user, person: Key::of(person) },
            Self::Service(name) => Screen::Service(Key::of(name.as_str())),
            Self::Account(_) | Self::Place { .. } => Screen::Menu,
        }
    }
}

/// A chat that hears of something.
pub(super) struct Audience {
    pub place: Destination,
    pub viewer: Viewer,
    pub notices: Vec<Notice>,
    pub cards: bool,
    /// Changes of cards concern it: it has one, or may get one.
    pub sees_cards: bool,
    /// Alerts are told there.
    pub alerts: bool,
    /// A private chat has a card only where its person opened it there, or where there is no team chat.
    pub private: bool,
}

impl Audience {
    /// Whether a notice is told there. `calls_off`: it says that people are not asked any more, which who was asked hears, too.
    pub(super) fn hears(&self, notice: Notice, calls_off: bool) -> bool {
        self.notices.contains(&notice) || calls_off && self.notices.contains(&Notice::Waits)
    }
}

/// The chats that hear of something: for a release or a service the team's chats, or everybody in private where there are none, and of
/// an alarm about a release the admins, too; for what needs an admin the admins in private and the chats that want alarms. And those who look at it anyway.
pub(super) async fn audience(bot: &Bot, about: &About) -> Result<Vec<Audience>, StoreError> {
    let people = bot.engine.telegram_people().await?;
    let mut found: Vec<Audience> = Vec::new();
    let for_admins = match about {
        About::Release(id) => {
            let id = *id;
            let Some(service) = bot.engine.read(move |conn| releases::service_of(conn, id)).await? else {
                return Ok(found);
            };
            found.extend(following(bot, &service));
            false
        }
        About::Service(name) => {
            found.extend(following(bot, name));
            false
        }
        About::Account(id) => return account(bot, *id).await,
        About::Place { chat, .. } => {
            let admins = bot.reachable_admins().await?.into_iter().filter(|(admin, _)| admin != chat);
            return Ok(admins.map(|(admin, language)| alone(admin, language)).collect());
        }
        About::Run(_) | About::Host(_) | About::Claim { .. } => {
            let services = concerned(bot, about).await?;
            // Who follows everything hears of what no service uses, too.
            let follows = |chat: &&Chat| {
                services.as_ref().is_none_or(|all| chat.services.is_empty() || all.iter().any(|it| chat.follows(it)))
            };
            let alarmed = bot.settings.chats.iter().filter(|chat| chat.notices.contains(&Notice::Alarm));
            let alarmed = alarmed.filter(follows);
            found.extend(alarmed.map(|chat| Audience { cards: true, ..team_chat(bot, chat) }));
            true
        }
    };
    for audience in &mut found {
        let chat = audience.place.chat;
        audience.place.chat = bot.engine.read(move |conn| telegram::chat_now(conn, chat)).await?;
    }
    let no_chat_hears = found.is_empty();
    let refusals = bot.engine.read(news::refusals).await?;
    let is_refused = |place: &Destination| refusals.iter().any(|it| (it.chat, it.topic) == (place.chat, place.topic));
    let refused: BTreeSet<Notice> = found
        .iter()
        .filter(|audience| is_refused(&audience.place))
        .flat_map(|audience| audience.notices.clone())
        .collect();
    let reachable = people.iter().filter_map(|(person, id, user)| Some((person, *id, user.as_ref()?)));
    let wants = |person: &Person| if for_admins { person.role == Role::Admin } else { no_chat_hears };
    for (person, id, user) in reachable.filter(|(person, _, user)| user.private_chat && wants(person)) {
        let notices = Notice::ALL.to_vec();
        found.push(Audience { notices, cards: true, ..private_chat(bot, person, id, user) });
    }
    // Admins hear what a chat does not take.
    for (person, id, user) in people.iter().filter_map(|(person, id, user)| Some((person, *id, user.as_ref()?))) {
        let stands_in = person.role == Role::Admin && user.private_chat && !refused.is_empty();
        if stands_in && found.iter().all(|audience| audience.place.chat != id) {
            let notices = refused.iter().copied().collect();
            found.push(Audience { notices, ..private_chat(bot, person, id, user) });
        }
    }
    let key = about.to_string();
    let kept = bot.engine.read(move |conn| telegram::kept_about(conn, &key)).await?;
    let watching: BTreeSet<i64> = kept.iter().filter(|kept| kept.chat > 0).map(|kept| kept.chat).collect();
    for (person, id, user) in people.iter().filter_map(|(person, id, user)| Some((person, *id, user.as_ref()?))) {
        if watching.contains(&id) && found.iter().all(|audience| audience.place.chat != id) {
            found.push(private_chat(bot, person, id, user));
        }
    }
    // An alarm is theirs, too, wherever else it is told.
    if let About::Release(_) = about {
        for (admin, _) in bot.reachable_admins().await? {
            match found.iter_mut().find(|audience| audience.place.chat == admin) {
                Some(known) if known.notices.contains(&Notice::Alarm) => {}
                Some(known) => known.notices.push(Notice::Alarm),
                None => {
                    let known = people.iter().find(|(_, id, _)| *id == admin);
                    let Some((person, id, Some(user))) = known else { continue };
                    let notices = vec![Notice::Alarm];
                    found.push(Audience { notices, sees_cards: false, ..private_chat(bot, person, *id, user) });
                }
            }
        }
    }
    // What a person has asked for in a group is kept current there, too, whatever that group follows.
    for kept in kept.iter().filter(|kept| kept.chat < 0 && kept.viewer.is_some()) {
        let place = Destination { chat: kept.chat, topic: kept.topic };
        if found.iter().all(|audience| audience.place != place) {
            let (viewer, notices) = (bot.everybody(), Vec::new());
            found.push(Audience {
                place,
                viewer,
                notices,
                cards: false,
                sees_cards: true,
                alerts: false,
                private: false,
            });
        }
    }
    Ok(found)
}

/// The services that an alarm is about; none: it is about none of them alone.
async fn concerned(bot: &Bot, about: &About) -> Result<Option<Vec<ServiceName>>, StoreError> {
    match about {
        About::Run(id) => {
            let id = *id;
            let Some(run) = bot.engine.read(move |conn| runs::get(conn, id)).await? else { return Ok(None) };
            let service = bot.engine.read(move |conn| releases::service_of(conn, run.release)).await?;
            Ok(service.map(|name| vec![name]))
        }
        About::Host(name) => {
            let catalog = bot.engine.catalog();
            // A jump host is used by those who use what is behind it.
            let is_on_the_way = |host: &HostName| {
                host.as_str() == name
                    || catalog.host(host).is_some_and(|host| host.jump.iter().any(|hop| hop.as_str() == name))
            };
            let uses = |service: &&Arc<Service>| {
                let environments = service.environments.keys();
                environments.flat_map(|kind| service.hosts_in(*kind)).any(|host| is_on_the_way(&host))
            };
            Ok(Some(catalog.services().filter(uses).map(|service| service.name.clone()).collect()))
        }
        About::Claim { .. } | About::Release(_) | About::Service(_) | About::Account(_) | About::Place { .. } => {
            Ok(None)
        }
    }
}

fn following(bot: &Bot, service: &ServiceName) -> impl Iterator<Item = Audience> {
    bot.settings.chats.iter().filter(|chat| chat.follows(service)).map(|chat| team_chat(bot, chat))
}

/// The person of an account, if the bot may write to them.
async fn account(bot: &Bot, id: i64) -> Result<Vec<Audience>, StoreError> {
    let user = bot.engine.read(move |conn| telegram::user(conn, id)).await?.filter(|user| user.private_chat);
    Ok(user.map(|user| alone(id, bot.language_of(&user))).into_iter().collect())
}

/// An account that hears what is for it alone.
fn alone(id: i64, language: Language) -> Audience {
    let viewer = Viewer { user: Some(id), ..Viewer::everybody(language) };
    let place = Destination { chat: id, topic: None };
    Audience {
        place,
        viewer,
        notices: vec![Notice::Personal],
        cards: false,
        sees_cards: true,
        alerts: false,
        private: true,
    }
}

fn team_chat(bot: &Bot, chat: &Chat) -> Audience {
    let viewer = bot.everybody();
    let place = Destination { chat: chat.id, topic: chat.topic };
    let notices = chat.notices.clone();
    Audience { place, viewer, notices, cards: chat.cards, sees_cards: true, alerts: chat.alerts, private: false }
}

fn private_chat(bot: &Bot, person: &Person, id: i64, user: &User) -> Audience {
    let viewer = bot.viewer(person, user);
    let place = Destination { chat: id, topic: None };
    Audience { place, viewer, notices: Vec::new(), cards: false, sees_cards: true, alerts: false, private: true }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bot::testing::Desk;
    use crate::config::{Config, EnvVars};
    use crate::engine::catalog::Catalog;

    #[tokio::test]
    async fn the_key_of_a_jump_host_is_told_where_services_behind_it_are_followed() {
        let host = |name: &str, jump: &str| {
            format!(
                "[[hosts]]\nname = \"{name}\"\naddress = \"203.0.113.{}\"\nuser = \"deploy\"\npassword = \"env:PW\"\n{jump}\n",
                name.len()
            )
        };
        let service = |name: &str, host: &str| {
            format!(
                "[[services]]\nname = \"{name}\"\napprovals.minimum = 0\n[[services.surfaces]]\nname = \"web\"\n\
                 recipe = \"commands\"\ncheckout = false\ndirectory = \"/srv/web\"\ndeploy = \"./start\"\n\
                 [services.environments.stage]\ndriver = \"ssh\"\nhosts = [\"{host}\"]\n\
                 [services.environments.production]\ndriver = \"ssh\"\nhosts = [\"{host}\"]\n"
            )
        };
        let text = host("gate", "")
            + &host("behind", "jump = \"gate\"")
            + &host("straight", "")
            + &service("shop", "behind")
            + &service("blog", "straight");
        let env: EnvVars = [("PW".to_owned(), "hunter22".to_owned())].into_iter().collect();
        let config = Config::parse(&text, "rmm.toml", std::path::Path::new("/"), &env).unwrap();
        let follows = |id, services: &[&str]| {
            let services = services.iter().map(|name| ServiceName::parse("service", *name).unwrap()).collect();
            Chat { id, topic: None, notices: vec![Notice::Alarm], services, cards: true, alerts: false }
        };
        let chats = vec![follows(-1, &[]), follows(-2, &["shop"]), follows(-3, &["blog"])];
        let (_peer, desk) = Desk::with_chats(chats).await;
        desk.bot.engine.reconfigure(Catalog::new(&config)).await;
        let hear = async |host: &str| -> Vec<i64> {
            let found = audience(&desk.bot, &About::Host(host.into())).await.unwrap();
            found.iter().map(|audience| audience.place.chat).collect()
        };
        assert_eq!(hear("gate").await, [-1, -2]);
        assert_eq!(hear("behind").await, [-1, -2]);
        assert_eq!(hear("straight").await, [-1, -3]);
        assert_eq!(hear("unknown").await, [-1]);
    }

    #[test]
    fn subjects_read_back() {
        for about in [
            About::Release(ReleaseId(12)),
            About::Run(RunId(3)),
            About::Host("prod-1".into()),
            About::Claim { user: 77, person: "ann:b".into() },
            About::Service(ServiceName::parse("service", "shop").unwrap()),
            About::Account(77),
            About::Place { chat: -1, topic: Some(12) },
            About::Place { chat: 77, topic: None },
        ] {
            assert_eq!(About::parse(&about.to_string()), Some(about));
        }
        assert_eq!(About::parse("release:x"), None);
    }
}
