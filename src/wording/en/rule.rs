//! What a value has to be.

use std::fmt;

use super::{list, reason, store};
use crate::domain::rule::Rule;

/// In English for errors of programs, too, such as those of JSON that is read.
impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&rule(self))
    }
}

/// The rule, behind the name of its field: begins small and has no full stop.
pub(in crate::wording) fn rule(rule: &Rule) -> String {
    use Rule as R;
    match rule {
        R::Said { text } => text.clone(),
        R::File { fault, denied: false } => store(fault),
        R::File { fault, denied: true } => {
            format!("{}; the copy is written by the user that RMM runs as", store(fault))
        }

        R::Given => "must be given".into(),
        R::ThisOr { other } => format!("this or {other} must be given"),
        R::Together { one, other } => format!("{one} and {other} go together"),
        R::Initiator => "must say who starts it, and must not be empty (only GitHub's id token says it by itself)".into(),
        R::CommitWithoutRepository { service } => {
            format!("must be given: {service} has no repository that could be asked for it")
        }
        R::AnyGate => "must name at least one gate".into(),
        R::ReleaseThere => "must be there with `release`".into(),
        R::NoReleaseThere => "goes only with `runs` = `release`".into(),

        R::NotEmpty => "must not be empty".into(),
        R::OneLine => "must be a single line".into(),
        R::AtMost { most } => format!("must be at most {most} characters long"),
        R::Utf8 => "must be UTF-8: a part of it could not be read (it is U+FFFD now)".into(),
        R::Visible { found } => {
            format!("must not contain control, invisible or direction-changing characters (found {found})")
        }
        R::NoBlankAround => "must not begin or end with a blank".into(),

        R::Identifier => {
            "must be 1 to 64 of the characters a-z, A-Z, 0-9, '-', '_' and '.', and begin with a letter or digit".into()
        }
        R::TagCharacters => {
            "must be 1 to 128 of the characters a-z, A-Z, 0-9, '.', '-', '_', '+' and '/', and begin with a letter or digit"
                .into()
        }
        R::TagOfGit => "must be a tag that git accepts: no '..', '//' or '/.', and no '/', '.' or '.lock' at an end".into(),
        R::FullCommit => "must be a full commit id: 40 or 64 lowercase hexadecimal digits".into(),
        R::Environment => "must be stage, production, or preview- and the number of a release".into(),
        R::Fingerprint => "must be SHA256: followed by 43 characters, as `ssh-keygen -lf KEY.pub` prints it".into(),
        R::Pattern { most } => format!(
            "must be 1 to {most} of the characters a-z, A-Z, 0-9, '.', '-', '_', '+' and '/', with '*' for any text and '?' \
             for one character"
        ),
        R::Workflow => "must be a workflow as GitHub names it, such as \"owner/name/.github/workflows/release.yaml\" for any \
                        ref, or with refs behind it: \"owner/name/.github/workflows/release.yaml@refs/tags/*\""
            .into(),

        R::Number => "must be a number".into(),
        R::AtLeast { least } => format!("must be at least {least}"),
        R::Between { least, most } => format!("must be between {least} and {most}"),
        R::DateAndTime => "must be a date and a time".into(),
        R::Ahead => "must lie ahead: this token would be expired when it is made".into(),

        R::WebAddress { most } => {
            format!("must be an http:// or https:// address of at most {most} plain ASCII characters")
        }
        R::NoLogin => "must not carry a user or a password: many can read it".into(),
        R::WebHost => "must have a host behind its //, and perhaps a port from 1 to 65535, such as \"https://example.com/\" or \
                       \"http://127.0.0.1:8080/health\""
            .into(),
        R::Repository => "must be \"owner/name\" on GitHub, an address of git such as \"https://host/app.git\" or \
                          \"git@host:app.git\", or a path that begins with \"/\", \"./\" or \"../\""
            .into(),
        R::RepositoryHost => "must have a host behind its //, and perhaps a port from 1 to 65535".into(),
        R::NoPassword => "must not carry a password: plans and logs show it".into(),

        R::Cursor => "must be the `next` of an earlier page".into(),
        R::EarlierPage => "must be that of an earlier page".into(),
        R::StreamId => "must be an id of this stream, such as 17-230".into(),
        R::EventNumber => "must be the number of an event, from 1".into(),
        R::Seal => "must be 64 hexadecimal digits".into(),

        R::NewRelease => "a new release is initiated (or stage_building)".into(),
        R::ReleaseNumber => "must be the number that POST /release answered".into(),
        R::RollbackTarget => "must be a tag or a release number as #12".into(),
        R::KnownSurface { surface, known } => format!("the service has no surface {surface}; it has {}", list(known)),
        R::SurfaceOnce => "names a surface twice".into(),
        R::Harmless { key, surface } => format!(
            "must be of letters, digits and . _ / : @ + = , ~ % - alone and not begin with '-': `{key}` of the surface \
             {surface} has it in a command that may read it once more, as an option or as a command"
        ),
        R::CommitOfTag { tag, commit } => format!("the repository says that {tag} is {commit}"),
        R::InRepository { why } => reason(why),
        R::GateStays { gate } => format!("{} cannot be bypassed", gate.as_str()),

        R::KnownPerson { person, near: None } => format!("there is no person {person} in the configuration"),
        R::KnownPerson { person, near: Some(near) } => {
            format!("there is no person {person} in the configuration; did you mean {near}?")
        }
        R::RoleOfToken => "must be one of a token".into(),
        R::RoleUpTo { person, role } => {
            format!("{person} is {}; a token that speaks for {person} cannot be more", role.as_str())
        }
        R::RoleOfPerson => "a token that speaks for a person is viewer, member or admin".into(),
        R::ServicesOfPerson => "a token that speaks for a person cannot be limited to services".into(),
        R::OwnName { name } => format!("{name} is the name of a person; name the token after what it is for"),
        R::NotOfGithub => {
            "must not begin with `github:`: so the record calls what comes with an id token of GitHub's".into()
        }
        R::UnlikeToken { name, other } => format!(
            "{name:?} and the valid token {other:?} look the same to people; call it otherwise, or revoke that one first"
        ),
        R::NewName { name } => format!("there is a valid token {name} already; revoke it first"),
    }
}
