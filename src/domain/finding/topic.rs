//! What is looked at.

macro_rules! topics {
    ($($(#[$about:meta])* $topic:ident = $name:literal,)+) => {
        /// What is looked at. Its name is public: the API, the record of checks and `--json` say it.
        #[derive(Debug, Clone, PartialEq, Eq)]
        #[expect(missing_docs, reason = "the names say it")]
        pub enum Topic {
            $($(#[$about])* $topic,)+
            /// What only an RMM of another version looks at.
            Other(String),
        }

        impl Topic {
            /// All but [`Topic::Other`].
            pub const ALL: &[Self] = &[$(Self::$topic,)+];

            /// Its name, one word or two.
            #[must_use]
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$topic => $name,)+
                    Self::Other(name) => name,
                }
            }
        }
    };
}

topics! {
    // Of a host.
    Reachable = "reachable",
    Jump = "jump",
    Key = "key",
    Login = "login",
    Shell = "shell",
    RunFiles = "run files",
    Git = "git",
    Repository = "repository",
    Docker = "docker",
    Compose = "compose",
    DiskSpace = "disk space",
    Clock = "clock",
    Directory = "directory",
    /// The place of a surface.
    Place = "place",
    /// What health checks ask through the host.
    Forwarding = "forwarding",
    /// What health checks ask from RMM's own machine.
    Health = "health",
    /// Who else works on a service there.
    Holder = "holder",
    OwnGit = "RMM's git",
    LeadsTo = "leads to",
    Check = "check",
    Hosts = "hosts",

    // Of RMM and its machine.
    Config = "config",
    Secret = "secret",
    Database = "database",
    Disk = "disk",
    OpenFiles = "open files",
    Running = "running",
    Ready = "ready",
    Version = "version",
    Record = "record",
    Chats = "chats",
    Backups = "backups",
    Restore = "restore",
    Address = "address",
    /// Whether what is sent to RMM's address comes to it.
    Webhooks = "webhooks",
    Certificate = "certificate",
    Model = "model",
    Updates = "updates",

    // Of GitHub.
    Actions = "actions",
    Contents = "contents",
    Marks = "marks",
    Permission = "permission",
    Oidc = "oidc",
    Workflow = "workflow",
    TagWorkflow = "tag workflow",
    Webhook = "webhook",
    Deliveries = "deliveries",
}

impl Topic {
    /// The one with this name.
    #[must_use]
    pub fn named(name: &str) -> Self {
        let known = Self::ALL.iter().find(|topic| topic.as_str() == name).cloned();
        known.unwrap_or_else(|| Self::Other(name.to_owned()))
    }
}

/// The thing that findings are about.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it; with the address of the other side")]
pub enum About {
    Machine,
    PublicAddress,
    Running,
    Backups,
    Hosts,
    Host(String),
    GitHub(String),
    Telegram(String),
    Analysis(String),
    /// What has a name of its own.
    Named(String),
}
