//! The keys of `rmm.toml`: one tree that the reader follows, and that the test of the example walks.
//!
//! A key that is not here is an unknown key. What the values mean is not told here.

use crate::domain::fault::config::Later;

/// A key and what may stand behind it.
#[derive(Debug)]
pub(super) struct Key {
    pub name: &'static str,
    pub shape: Shape,
}

/// What stands behind a key.
#[derive(Debug, Clone, Copy)]
pub(super) enum Shape {
    /// A plain value or a list of plain values.
    Value,
    /// A reference to a secret. Lines with anything else behind the key are never printed.
    Secret,
    /// A table with known keys.
    Section(&'static [Key]),
    /// `[[…]]`: any number of tables with known keys.
    List(&'static [Key]),
    /// A table whose keys are names that the operator chooses, each a table with known keys.
    Named(&'static [Key]),
    /// A table whose keys are names that the operator chooses, each a plain value.
    Free,
    /// Part of the contract, and not in this version: what it is for.
    Later(Later),
}

const fn value(name: &'static str) -> Key {
    Key { name, shape: Shape::Value }
}

const fn secret(name: &'static str) -> Key {
    Key { name, shape: Shape::Secret }
}

const fn later(name: &'static str, what: Later) -> Key {
    Key { name, shape: Shape::Later(what) }
}

pub(super) static ROOT: &[Key] = &[
    Key { name: "server", shape: Shape::Section(SERVER) },
    Key { name: "local", shape: Shape::Section(LOCAL) },
    Key { name: "backup", shape: Shape::Section(BACKUP) },
    Key { name: "logs", shape: Shape::Section(LOGS) },
    Key { name: "links", shape: Shape::Section(LINKS) },
    Key { name: "telemetry", shape: Shape::Section(TELEMETRY) },
    Key { name: "people", shape: Shape::List(PERSON) },
    Key { name: "hosts", shape: Shape::List(HOST) },
    Key { name: "services", shape: Shape::List(SERVICE) },
    Key { name: "telegram", shape: Shape::Section(TELEGRAM) },
    Key { name: "ai", shape: Shape::Section(AI) },
    Key { name: "github", shape: Shape::Section(GITHUB) },
];

/// Plain values all of them, because each can be overridden by `RMM__SERVER__…`.
pub(super) static SERVER: &[Key] = &[
    value("listen"),
    value("public_url"),
    value("trusted_proxies"),
    value("data_dir"),
    value("language"),
    value("time_zone"),
    value("edit_services"),
];

static LOCAL: &[Key] = &[value("user"), value("home")];

static BACKUP: &[Key] = &[
    value("folder"),
    value("every"),
    value("keep"),
    value("test_every"),
    value("pipe"),
    value("open"),
    value("send"),
    value("time_limit"),
];

static LOGS: &[Key] = &[value("keep")];

static LINKS: &[Key] = &[value("trace"), value("logs")];

static AI: &[Key] = &[
    value("url"),
    value("ca"),
    value("model"),
    secret("key"),
    value("timeout"),
    value("max_input"),
    value("max_output"),
];

static TELEMETRY: &[Key] = &[
    value("endpoint"),
    value("ca"),
    value("sample"),
    value("logs"),
    value("service_name"),
    Key { name: "headers", shape: Shape::Free },
    Key { name: "resource", shape: Shape::Free },
];

static PERSON: &[Key] = &[
    value("name"),
    value("telegram_id"),
    value("telegram"),
    value("github"),
    value("role"),
    later("groups", Later::Groups),
];

static TELEGRAM: &[Key] = &[
    secret("token"),
    value("chat"),
    value("topic"),
    value("alerts_chat"),
    value("alerts_topic"),
    Key { name: "chats", shape: Shape::List(CHAT) },
    value("remind_after"),
    value("templates"),
    value("api_url"),
    secret("webhook_secret"),
];

static GITHUB: &[Key] = &[
    secret("token"),
    value("app_id"),
    secret("private_key"),
    secret("webhook_secret"),
    value("api_url"),
    value("oidc_audience"),
    value("oidc_issuer"),
    value("read_deliveries"),
    value("ca"),
    value("deployments"),
    value("commit_status"),
    value("pull_request_comment"),
];

static CHAT: &[Key] = &[value("id"), value("topic"), value("notices"), value("services"), value("cards")];

static HOST: &[Key] = &[
    value("name"),
    value("address"),
    value("user"),
    secret("password"),
    secret("key"),
    secret("passphrase"),
    value("host_key"),
    value("jump"),
    Key { name: "limits", shape: Shape::Section(LIMITS) },
];

static LIMITS: &[Key] = &[value("connect"), value("auth"), value("open"), value("keepalive"), value("idle")];

static SERVICE: &[Key] = &[
    value("name"),
    value("was"),
    value("repository"),
    value("repository_ca"),
    value("supersede"),
    value("candidates"),
    value("tags"),
    Key { name: "oidc", shape: Shape::Section(OIDC) },
    Key { name: "approvals", shape: Shape::Section(APPROVALS) },
    Key { name: "surfaces", shape: Shape::List(SURFACE) },
    Key { name: "environments", shape: Shape::Section(ENVIRONMENTS) },
];

static OIDC: &[Key] = &[value("repository_id"), value("workflow")];

static APPROVALS: &[Key] = &[value("required"), value("minimum"), value("forbid_self"), value("auto_promote")];

macro_rules! surface {
    ($($first:expr),*) => {
        &[
            $($first,)*
            value("recipe"),
            value("hosts"),
            value("order"),
            value("directory"),
            value("checkout"),
            value("dirty"),
            value("project"),
            value("keep"),
            value("min_free"),
            value("before_deploy"),
            value("deploy"),
            value("after_deploy"),
            value("migrate_up"),
            value("migrate_down"),
            Key { name: "health", shape: Shape::Section(HEALTH) },
            Key { name: "env", shape: Shape::Free },
            value("logs"),
            value("step_timeout"),
        ]
    };
}

static SURFACE: &[Key] = surface!(value("name"));
static SURFACE_OVERRIDE: &[Key] = surface!();

static HEALTH: &[Key] = &[
    value("url"),
    value("tcp"),
    value("command"),
    value("via"),
    value("status"),
    value("body"),
    value("ca"),
    value("wait"),
    value("attempts"),
    value("interval"),
    value("timeout"),
];

static ENVIRONMENTS: &[Key] = &[
    Key { name: "stage", shape: Shape::Section(ENVIRONMENT) },
    Key { name: "production", shape: Shape::Section(ENVIRONMENT) },
    later("preview", Later::Previews),
];

static ENVIRONMENT: &[Key] = &[
    value("driver"),
    value("hosts"),
    value("order"),
    value("run_timeout"),
    value("report_timeout"),
    Key { name: "surfaces", shape: Shape::Named(SURFACE_OVERRIDE) },
    value("workflow"),
    value("rollback_workflow"),
    value("protection_rule"),
];
