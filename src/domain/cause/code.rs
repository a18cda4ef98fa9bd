//! The stable names of what is refused, with the HTTP status that answers each.

use serde::{Deserialize, Serialize};

macro_rules! codes {
    ($($(#[$doc:meta])* $variant:ident = $text:literal / $status:literal,)*) => {
        /// The stable name of a reason to refuse, with the HTTP status that answers it.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
        #[serde(rename_all = "snake_case")]
        pub enum Code { $($(#[$doc])* $variant,)* }

        impl Code {
            /// All of them.
            pub const ALL: &[Code] = &[$(Code::$variant),*];

            /// The name in the contract.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Code::$variant => $text,)* }
            }

            /// The HTTP status of an answer with this code.
            #[must_use]
            pub const fn http_status(self) -> u16 {
                match self { $(Code::$variant => $status,)* }
            }
        }
    };
}

impl Code {
    /// Whether it says that this person may not, however things stand.
    #[must_use]
    pub const fn is_of_rights(self) -> bool {
        self.http_status() == 403
    }
}

codes! {
    /// A field breaks its rule.
    Invalid = "invalid" / 422,
    /// No token, or one that opens nothing.
    Unauthorized = "unauthorized" / 401,
    /// The actor lacks the right.
    Forbidden = "forbidden" / 403,
    /// There is no such thing, or the actor may not know of it.
    NotFound = "not_found" / 404,
    /// The life cycle has no such move from here.
    IllegalTransition = "illegal_transition" / 409,
    /// The request was made for an earlier revision of the release.
    StaleRevision = "stale_revision" / 409,
    /// A CI report about an environment that RMM runs itself.
    NotReportedByCi = "not_reported_by_ci" / 409,
    /// The same CI run again, for a release that has ended.
    AlreadyEnded = "already_ended" / 409,
    /// A CI report of an old attempt or of another CI run.
    StaleReport = "stale_report" / 409,
    /// Which CI run it is that reports is not known yet; the report is to be repeated.
    ReporterNotKnown = "reporter_not_known" / 503,
    /// Another release occupies stage.
    StageBusy = "stage_busy" / 409,
    /// The service is not in the configuration any more.
    ServiceRetired = "service_retired" / 409,
    /// The definition of the service in the dashboard does not hold, so that it is put aside.
    ServiceAside = "service_aside" / 409,
    /// The service stands in the file, and is changed there.
    DefinedInFile = "defined_in_file" / 409,
    /// Something of the service is under way.
    ServiceBusy = "service_busy" / 409,
    /// Stage must be repaired by an admin first.
    StageDirty = "stage_dirty" / 409,
    /// Another CI run owns an active release of the same tag.
    AlreadyActive = "already_active" / 409,
    /// The tag points at another commit than the release that production is being brought to.
    TagMoved = "tag_moved" / 409,
    /// It is not known what the environment runs; an admin has to say it first.
    EnvironmentUnknown = "environment_unknown" / 409,
    /// Gates of production are not met.
    GatesUnmet = "gates_unmet" / 409,
    /// The person is not in the approver list.
    NotListed = "not_listed" / 403,
    /// The initiator may not approve his own release here.
    SelfApproval = "self_approval" / 403,
    /// The vote is closed, or not open yet.
    VoteClosed = "vote_closed" / 409,
    /// Another run works on production.
    ProductionBusy = "production_busy" / 409,
    /// Production no longer runs this release.
    NotInProduction = "not_in_production" / 409,
    /// There is no good version to go back to, or the one asked for is none.
    NoGoodVersion = "no_good_version" / 409,
    /// A run whose end is not known stands in the way; repeat with `force` to go on anyway.
    RunUnknown = "run_unknown" / 409,
    /// The run has nothing that could be resolved.
    NothingToResolve = "nothing_to_resolve" / 409,
    /// Artifacts and previews are fixed once people test.
    ArtifactsFixed = "artifacts_fixed" / 409,
    /// What was approved is not what would run now.
    ContentChanged = "content_changed" / 409,
    /// The host has shown no key yet.
    KeyNotSeen = "key_not_seen" / 409,
    /// The host has shown another key than the one that was to be trusted.
    KeyDiffers = "key_differs" / 409,
    /// The configuration says which key the host must show.
    KeyPinned = "key_pinned" / 409,
    /// There is no key that could be trusted.
    NothingToTrust = "nothing_to_trust" / 409,
    /// The run is being ended, so nothing more starts in it.
    RunEnding = "run_ending" / 409,
}
