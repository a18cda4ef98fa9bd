//! The Bot API's rules for what a call may contain. What Telegram would take, but no caller can mean, is a violation, too.

use serde_json::{Map, Value};

/// Methods with their fields: the name, the kind, and `!` where it must be there.
const METHODS: &[(&str, &str)] = &[
    ("getMe", ""),
    ("getUpdates", "offset:int limit:int timeout:int allowed_updates:list"),
    (
        "setWebhook",
        "url:text! ip_address:text max_connections:int allowed_updates:list drop_pending_updates:flag secret_token:text",
    ),
    ("deleteWebhook", "drop_pending_updates:flag"),
    ("getWebhookInfo", ""),
    (
        "sendMessage",
        "chat_id:chat! message_thread_id:int text:text! parse_mode:text entities:list link_preview_options:object \
         disable_notification:flag protect_content:flag reply_parameters:object reply_markup:object \
         reply_to_message_id:int allow_sending_without_reply:flag",
    ),
    (
        "editMessageText",
        "chat_id:chat! message_id:int! text:text! parse_mode:text entities:list link_preview_options:object \
         reply_markup:object",
    ),
    ("editMessageReplyMarkup", "chat_id:chat! message_id:int! reply_markup:object"),
    ("deleteMessage", "chat_id:chat! message_id:int!"),
    ("answerCallbackQuery", "callback_query_id:text! text:text show_alert:flag url:text cache_time:int"),
    ("setMyCommands", "commands:list! scope:object language_code:text"),
    ("sendChatAction", "chat_id:chat! message_thread_id:int action:text!"),
];

const REPLY: &str = "message_id:int! chat_id:chat allow_sending_without_reply:flag";
const PREVIEW: &str = "is_disabled:flag url:text prefer_small_media:flag prefer_large_media:flag show_above_text:flag";
const KEYBOARD: &str = "inline_keyboard:list!";
const QUESTION: &str = "force_reply:flag! input_field_placeholder:text selective:flag";
const BUTTON: &str = "text:text! url:text callback_data:text";
const COMMAND: &str = "command:text! description:text!";

/// What is wrong with a call. Telegram refuses the first, and takes no notice of the second.
#[derive(Debug, PartialEq, Eq)]
pub enum Wrong {
    Refused(String),
    Overlooked(String),
}

/// The name of a method as it is documented.
pub fn method(name: &str) -> Option<&'static str> {
    METHODS.iter().map(|(known, _)| *known).find(|known| known.eq_ignore_ascii_case(name))
}

/// Looks at every field of a call.
pub fn check(method: &str, args: &Map<String, Value>) -> Vec<Wrong> {
    let mut wrong = Vec::new();
    let spec = METHODS.iter().find(|(known, _)| *known == method).map_or("", |(_, spec)| spec);
    fields(method, spec, args, &mut wrong);
    for (key, spec) in [("reply_parameters", REPLY), ("link_preview_options", PREVIEW)] {
        if let Some(object) = args.get(key).and_then(Value::as_object) {
            fields(key, spec, object, &mut wrong);
        }
    }
    for command in list(args, "commands") {
        command_rules(command, &mut wrong);
    }
    if let Some(markup) = args.get("reply_markup").and_then(Value::as_object) {
        let question = method == "sendMessage" && markup.contains_key("force_reply");
        fields("reply_markup", if question { QUESTION } else { KEYBOARD }, markup, &mut wrong);
        keyboard(markup, &mut wrong);
    }
    wrong
}

fn list<'a>(args: &'a Map<String, Value>, key: &str) -> impl Iterator<Item = &'a Value> {
    args.get(key).and_then(Value::as_array).into_iter().flatten()
}

fn fields(place: &str, spec: &str, args: &Map<String, Value>, wrong: &mut Vec<Wrong>) {
    let spec: Vec<(&str, &str)> = spec.split_whitespace().filter_map(|field| field.split_once(':')).collect();
    for (key, value) in args {
        match spec.iter().find(|(known, _)| known == key) {
            None => wrong.push(Wrong::Overlooked(format!("{place} has no field {key}"))),
            Some((_, kind)) if !fits(value, kind.trim_end_matches('!')) => {
                wrong.push(Wrong::Refused(format!("{place}.{key} is {value}")));
            }
            Some(_) => {}
        }
    }
    for (key, kind) in spec {
        if kind.ends_with('!') && !args.contains_key(key) {
            wrong.push(Wrong::Refused(format!("{place}.{key} is missing")));
        }
    }
}

fn fits(value: &Value, kind: &str) -> bool {
    match kind {
        "int" => value.is_i64(),
        "chat" => value.is_i64() || value.as_str().is_some_and(|name| name.starts_with('@')),
        "flag" => value.is_boolean(),
        "list" => value.is_array(),
        "object" => value.is_object(),
        _ => value.is_string(),
    }
}

fn keyboard(markup: &Map<String, Value>, wrong: &mut Vec<Wrong>) {
    let mut count = 0;
    for row in list(markup, "inline_keyboard") {
        let row = row.as_array().map_or(&[][..], Vec::as_slice);
        if row.is_empty() || row.len() > 8 {
            wrong.push(Wrong::Overlooked(format!("a row of {} buttons", row.len())));
        }
        count += row.len();
        for button in row {
            let Some(button) = button.as_object() else {
                wrong.push(Wrong::Refused(format!("{button} is no button")));
                continue;
            };
            fields("button", BUTTON, button, wrong);
            button_rules(button, wrong);
        }
    }
    if count > 100 {
        wrong.push(Wrong::Refused(format!("reply markup is too long: {count} buttons")));
    }
}

fn button_rules(button: &Map<String, Value>, wrong: &mut Vec<Wrong>) {
    let text = |key: &str| button.get(key).and_then(Value::as_str);
    if text("text").is_none_or(|label| label.trim().is_empty()) {
        wrong.push(Wrong::Refused("inline keyboard button text is empty".into()));
    }
    match (text("callback_data"), text("url")) {
        (Some(data), None) if (1..=64).contains(&data.len()) => {}
        (Some(_), None) => wrong.push(Wrong::Refused("BUTTON_DATA_INVALID".into())),
        (None, Some(url)) if is_address(url) => {}
        (None, Some(url)) => {
            wrong.push(Wrong::Refused(format!("inline keyboard button URL '{url}' is invalid: Wrong HTTP URL")));
        }
        (None, None) | (Some(_), Some(_)) => wrong.push(Wrong::Refused(
            "can't parse inline keyboard button: Text buttons are unallowed in the inline keyboard".into(),
        )),
    }
}

/// Telegram opens `tg:` and names with a dot; `localhost` is none.
fn is_address(url: &str) -> bool {
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    let host = rest.map(|rest| rest.split(['/', '?', '#', ':']).next().unwrap_or_default());
    url.starts_with("tg://") || host.is_some_and(|host| host.trim_matches('.').contains('.') && !host.contains(' '))
}

fn command_rules(command: &Value, wrong: &mut Vec<Wrong>) {
    let Some(fields_of) = command.as_object() else {
        wrong.push(Wrong::Refused(format!("{command} is no command")));
        return;
    };
    fields("command", COMMAND, fields_of, wrong);
    let name = command["command"].as_str().unwrap_or_default();
    let legal = name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
    if !legal || !(1..=32).contains(&name.len()) {
        wrong.push(Wrong::Refused(format!("BOT_COMMAND_INVALID {name}")));
    }
    let length = command["description"].as_str().unwrap_or_default().chars().count();
    if !(1..=256).contains(&length) {
        wrong.push(Wrong::Refused(format!("BOT_COMMAND_DESCRIPTION_INVALID {name}")));
    }
}
