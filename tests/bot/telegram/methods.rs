//! The methods of the Bot API, with Telegram's own refusals.

use serde_json::{Map, Value, json};

use super::html::{self, Parsed};
use super::rules::{self, Wrong};
use super::state::{From, Message, State, Webhook, me};

/// A call that is not done.
#[derive(Debug, Clone)]
pub struct Refusal {
    pub status: u16,
    pub description: String,
    pub parameters: Option<Value>,
}

impl Refusal {
    pub fn new(status: u16, description: impl Into<String>) -> Self {
        Self { status, description: description.into(), parameters: None }
    }

    pub fn too_fast(seconds: u64) -> Self {
        let description = format!("Too Many Requests: retry after {seconds}");
        Self { status: 429, description, parameters: Some(json!({ "retry_after": seconds })) }
    }

    pub fn moved(to: i64) -> Self {
        let description = "Bad Request: group chat was upgraded to a supergroup chat".into();
        Self { status: 400, description, parameters: Some(json!({ "migrate_to_chat_id": to })) }
    }
}

fn bad(text: &str) -> Refusal {
    Refusal::new(400, format!("Bad Request: {text}"))
}

type Args = Map<String, Value>;
type Answer = Result<Value, Refusal>;

impl State {
    /// Notes what is wrong with a call; what Telegram refuses is an error.
    pub fn check(&mut self, method: &str, args: &Args) -> Result<(), Refusal> {
        let mut refused = None;
        for wrong in rules::check(method, args) {
            let text = match wrong {
                Wrong::Refused(text) => {
                    refused.get_or_insert_with(|| bad(&text));
                    text
                }
                Wrong::Overlooked(text) => text,
            };
            self.violation(method, args, &text);
        }
        refused.map_or(Ok(()), Err)
    }

    fn violation(&mut self, method: &str, args: &Args, text: &str) {
        self.violations.push(format!("{method}: {text}\n    {}", Value::from(args.clone())));
    }

    /// Every method but getUpdates, which waits.
    pub fn call(&mut self, method: &str, args: &Args) -> Answer {
        match method {
            "getMe" => Ok(whole_me()),
            "setWebhook" => self.set_webhook(args),
            "deleteWebhook" => {
                self.webhook = None;
                self.drop_pending(args);
                Ok(true.into())
            }
            "getWebhookInfo" => Ok(self.webhook_info()),
            "sendMessage" => self.send(args),
            "editMessageText" | "editMessageReplyMarkup" => self.edit(method, args),
            "deleteMessage" => self.delete(args),
            "answerCallbackQuery" => self.answer(args),
            "setMyCommands" => {
                self.commands.insert(text(args, "language_code"), args["commands"].clone());
                Ok(true.into())
            }
            "sendChatAction" => {
                self.writable(number(args, "chat_id").unwrap_or(0))?;
                Ok(true.into())
            }
            _ => Err(Refusal::new(404, "Not Found")),
        }
    }

    fn set_webhook(&mut self, args: &Args) -> Answer {
        let url = text(args, "url");
        let secret = args.get("secret_token").and_then(Value::as_str).map(ToOwned::to_owned);
        if !url.is_empty() && !url.starts_with("https://") {
            self.violation("setWebhook", args, "HTTPS url must be provided for webhook");
            return Err(bad("bad webhook: HTTPS url must be provided for webhook"));
        }
        let legal = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-');
        if secret.as_ref().is_some_and(|secret| !secret.bytes().all(legal) || !(1..=256).contains(&secret.len())) {
            self.violation("setWebhook", args, "secret token contains unallowed characters");
            return Err(bad("secret token contains unallowed characters"));
        }
        self.webhook = (!url.is_empty()).then_some(Webhook { url, secret, last_error: None });
        self.allow(args);
        self.drop_pending(args);
        Ok(true.into())
    }

    fn drop_pending(&mut self, args: &Args) {
        if flag(args, "drop_pending_updates") {
            self.updates.clear();
        }
    }

    /// Which updates the bot wants; once said, it holds.
    pub fn allow(&mut self, args: &Args) {
        if let Some(allowed) = args.get("allowed_updates").and_then(Value::as_array) {
            self.allowed = allowed.iter().filter_map(Value::as_str).map(ToOwned::to_owned).collect();
        }
    }

    fn webhook_info(&self) -> Value {
        let mut info =
            json!({ "url": "", "has_custom_certificate": false, "pending_update_count": self.updates.len() });
        if let Some(webhook) = &self.webhook {
            info["url"] = webhook.url.as_str().into();
            if let Some(error) = &webhook.last_error {
                info["last_error_message"] = error.as_str().into();
            }
        }
        info
    }

    /// Whether the bot may write into a chat.
    fn writable(&self, chat: i64) -> Result<(), Refusal> {
        let Some(found) = self.chats.get(&chat) else {
            return Err(match self.people.contains_key(&chat) {
                true => Refusal::new(403, "Forbidden: bot can't initiate conversation with a user"),
                false => bad("chat not found"),
            });
        };
        match (&found.closed, found.moved_to) {
            (Some(words), _) => Err(Refusal::new(403, format!("Forbidden: {words}"))),
            (None, Some(to)) => Err(Refusal::moved(to)),
            (None, None) => Ok(()),
        }
    }

    fn polite(&mut self, chat: i64) -> Result<(), Refusal> {
        let Some(flood) = &mut self.flood else { return Ok(()) };
        flood.count(chat).map_err(Refusal::too_fast)
    }

    /// The text of a call as Telegram understands it.
    fn words(&mut self, method: &str, args: &Args) -> Result<Parsed, Refusal> {
        let source = text(args, "text");
        let parsed = match text(args, "parse_mode").to_lowercase().as_str() {
            "" => Ok(html::plain(&source)),
            "html" => html::parse(&source).map_err(|why| format!("can't parse entities: {why}")),
            other => Err(format!("unsupported parse_mode {other}")),
        };
        let too_long = if method == "sendMessage" { "message is too long" } else { "MESSAGE_TOO_LONG" };
        let checked = parsed.and_then(|parsed| match html::units(&parsed.text) {
            0 => Err("message text is empty".into()),
            1..=4096 => Ok(parsed),
            _ => Err(too_long.into()),
        });
        checked.map_err(|why| {
            self.violation(method, args, &why);
            bad(&why)
        })
    }

    fn send(&mut self, args: &Args) -> Answer {
        let chat = number(args, "chat_id").ok_or_else(|| bad("chat not found"))?;
        let words = self.words("sendMessage", args)?;
        self.writable(chat)?;
        let topic = number(args, "message_thread_id");
        let known = &self.chats[&chat];
        if topic.is_some_and(|topic| !known.topics.contains(&topic)) {
            return Err(bad("message thread not found"));
        }
        if topic.is_some_and(|topic| known.closed_topics.contains(&topic)) {
            return Err(bad("TOPIC_CLOSED"));
        }
        let reply = args.get("reply_parameters").and_then(Value::as_object).unwrap_or(args);
        let asked = number(reply, "message_id").or_else(|| number(args, "reply_to_message_id"));
        let reply_to = asked.filter(|id| known.message(*id).is_some());
        if asked.is_some() && reply_to.is_none() && !flag(reply, "allow_sending_without_reply") {
            return Err(bad("message to be replied not found"));
        }
        self.polite(chat)?;
        let markup = args.get("reply_markup");
        let message = Message {
            words,
            keyboard: shown_keyboard(markup),
            reply_to,
            topic,
            silent: flag(args, "disable_notification"),
            asks: markup.is_some_and(|markup| markup["force_reply"] == true),
            ..Message::default()
        };
        let id = self.post(chat, message);
        Ok(self.message_json(chat, id, true))
    }

    fn edit(&mut self, method: &str, args: &Args) -> Answer {
        let (chat, id) = (number(args, "chat_id").unwrap_or(0), number(args, "message_id").unwrap_or(0));
        let words = if method == "editMessageText" { Some(self.words(method, args)?) } else { None };
        self.writable(chat)?;
        let old = self.chats[&chat].message(id).ok_or_else(|| bad("message to edit not found"))?;
        if old.from != From::Bot || old.frozen {
            return Err(bad("message can't be edited"));
        }
        if old.topic.is_some_and(|topic| self.chats[&chat].closed_topics.contains(&topic)) {
            return Err(bad("TOPIC_CLOSED"));
        }
        let keyboard = shown_keyboard(args.get("reply_markup"));
        let words = words.unwrap_or_else(|| old.words.clone());
        if old.words.text == words.text && old.words.entities == words.entities && old.keyboard == keyboard {
            return Err(bad(
                "message is not modified: specified new message content and reply markup are exactly the same as a \
                 current content and reply markup of the message",
            ));
        }
        self.polite(chat)?;
        if let Some(message) = self.chats.get_mut(&chat).and_then(|chat| chat.message_mut(id)) {
            (message.words, message.keyboard) = (words, keyboard);
            message.edits += 1;
        }
        Ok(self.message_json(chat, id, true))
    }

    fn delete(&mut self, args: &Args) -> Answer {
        let (chat, id) = (number(args, "chat_id").unwrap_or(0), number(args, "message_id").unwrap_or(0));
        self.writable(chat)?;
        let message = self.chats.get_mut(&chat).and_then(|chat| chat.message_mut(id));
        let message = message.ok_or_else(|| bad("message to delete not found"))?;
        if message.frozen || (chat < 0 && message.from != From::Bot) {
            return Err(bad("message can't be deleted"));
        }
        message.deleted = true;
        Ok(true.into())
    }

    fn answer(&mut self, args: &Args) -> Answer {
        let words = text(args, "text");
        if words.chars().count() > 200 {
            self.violation("answerCallbackQuery", args, "MESSAGE_TOO_LONG");
            return Err(bad("MESSAGE_TOO_LONG"));
        }
        let number = text(args, "callback_query_id").strip_prefix("tap-").and_then(|id| id.parse::<usize>().ok());
        let tap = number.and_then(|number| self.taps.get_mut(number));
        let open = tap.filter(|tap| tap.answer.is_none() && !tap.too_old);
        let tap = open.ok_or_else(|| bad("query is too old and response timeout expired or query ID is invalid"))?;
        tap.answer = Some((words, flag(args, "show_alert")));
        Ok(true.into())
    }
}

fn whole_me() -> Value {
    let mut me = me();
    let more = json!({
        "can_join_groups": true, "can_read_all_group_messages": false, "supports_inline_queries": false,
        "can_connect_to_business": false, "has_main_web_app": false,
    });
    for (key, value) in more.as_object().into_iter().flatten() {
        me[key] = value.clone();
    }
    me
}

/// The buttons that stay below a message.
fn shown_keyboard(markup: Option<&Value>) -> Option<Value> {
    let rows = markup?.get("inline_keyboard")?.as_array()?;
    let shown: Vec<&Value> = rows.iter().filter(|row| row.as_array().is_some_and(|row| !row.is_empty())).collect();
    (!shown.is_empty()).then(|| json!({ "inline_keyboard": shown }))
}

pub fn number(args: &Args, key: &str) -> Option<i64> {
    args.get(key).and_then(Value::as_i64)
}

fn text(args: &Args, key: &str) -> String {
    args.get(key).and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn flag(args: &Args, key: &str) -> bool {
    args.get(key).and_then(Value::as_bool).unwrap_or(false)
}
