//! What is answered in place of a page: what happened, what was not touched, and what to do.

use askama::Template;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Redirect, Response};

use super::frame::{Frame, Looks};
use super::viewer::Viewer;
use super::words::missing::{self, Missing};
use super::words::release::ReleaseWords;
use crate::domain::cause::Cause;
use crate::domain::refusal::Refusal;
use crate::domain::rule::Invalid;
use crate::engine::Failure;
use crate::store::StoreError;
use crate::web::problem::Problem;
use crate::wording::Language;

/// Why there is no page.
#[derive(Debug)]
pub(super) enum Fault {
    /// The browser is not signed in.
    SignIn,
    /// They are not any more, and have written this into a form.
    SignInAgain(Vec<String>),
    /// The rules do not allow it.
    Refused(Refusal),
    /// What the address names is not there.
    Missing(Missing),
    /// Anything else.
    Problem(Box<Problem>),
}

impl From<Failure> for Fault {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Refused(refusal) => Self::Refused(refusal),
            Failure::Store(error) => error.into(),
        }
    }
}

impl From<Refusal> for Fault {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<Invalid> for Fault {
    fn from(invalid: Invalid) -> Self {
        Self::Refused(invalid.into())
    }
}

impl From<Missing> for Fault {
    fn from(missing: Missing) -> Self {
        Self::Missing(missing)
    }
}

impl From<Problem> for Fault {
    fn from(problem: Problem) -> Self {
        Self::Problem(Box::new(problem))
    }
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        Problem::from(error).into()
    }
}

impl From<askama::Error> for Fault {
    fn from(error: askama::Error) -> Self {
        tracing::error!(%error, "a page could not be rendered");
        Problem::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            "something went wrong inside RMM; it has been logged",
        )
        .into()
    }
}

/// A fault on its way to the page that tells it.
#[derive(Clone)]
pub(super) struct Shown(std::sync::Arc<Fault>);

impl From<Fault> for Shown {
    fn from(fault: Fault) -> Self {
        Self(std::sync::Arc::new(fault))
    }
}

impl IntoResponse for Fault {
    fn into_response(self) -> Response {
        let mut response = StatusCode::INTERNAL_SERVER_ERROR.into_response();
        response.extensions_mut().insert(Shown::from(self));
        response
    }
}

/// What a fault is to people.
pub(super) struct Told {
    pub status: StatusCode,
    pub sentence: String,
    pub details: Vec<String>,
}

impl Told {
    /// It is told beside the form that was sent, which can be sent again: things stand otherwise by now, or it lacks something.
    pub(super) fn is_for_its_form(&self) -> bool {
        matches!(self.status, StatusCode::CONFLICT | StatusCode::UNPROCESSABLE_ENTITY)
    }
}

impl Fault {
    /// What happened, and what to do.
    pub(super) fn told(&self, language: Language) -> Told {
        match self {
            Self::SignIn | Self::SignInAgain(_) => {
                let sentence = super::words::of(language).signed_out.to_owned();
                Told { status: StatusCode::UNAUTHORIZED, sentence, details: Vec::new() }
            }
            Self::Refused(refusal) => Told {
                status: StatusCode::from_u16(refusal.code.http_status()).unwrap_or(StatusCode::CONFLICT),
                sentence: in_the_way(&refusal.cause, language),
                details: language.details(refusal),
            },
            Self::Missing(missing) => {
                Told { status: StatusCode::NOT_FOUND, sentence: missing.sentence(language), details: Vec::new() }
            }
            Self::Problem(problem) => Told {
                status: StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
                sentence: match problem.cause() {
                    Some(cause) => in_the_way(&cause, language),
                    None => missing::problem(language, problem),
                },
                details: problem.details.clone(),
            },
        }
    }
}

/// What is in the way, with fields as people call them.
fn in_the_way(cause: &Cause, language: Language) -> String {
    if let Cause::Invalid(invalid) = cause {
        return format!("{}: {}", missing::field(language, &invalid.field), language.rule(&invalid.rule));
    }
    language.refusal(cause)
}

#[derive(Template)]
#[template(path = "pages/fault.html")]
struct FaultPage<'a> {
    frame: Frame,
    heading: &'a str,
    sentence: String,
    details: Vec<String>,
    back: &'a str,
    /// Where the way in is, for who is not signed in any more.
    way_in: Option<String>,
    /// What was written into the form.
    written: Vec<String>,
    own: &'static ReleaseWords,
}

impl Shown {
    /// The page. Who only wanted to look and is not signed in comes back there after signing in.
    pub(super) fn page(&self, looks: &Looks, viewer: Option<&Viewer>, path: &str, is_look: bool) -> Response {
        let words = looks.words();
        if matches!(*self.0, Fault::SignIn) && is_look {
            return Redirect::to(&way_in(path)).into_response();
        }
        let Told { status, sentence, details } = self.0.told(looks.language);
        let retry_after = if let Fault::Problem(problem) = &*self.0 { problem.retry_after } else { None };
        let heading = match status {
            StatusCode::NOT_FOUND => words.not_here,
            StatusCode::UNAUTHORIZED => words.sign_in,
            StatusCode::FORBIDDEN => words.not_allowed,
            status if status.is_server_error() => words.not_now,
            _ => words.not_done,
        };
        let page = FaultPage {
            frame: viewer.map_or_else(|| Frame::outside(looks, heading), |viewer| Frame::inside(viewer, "", heading)),
            heading,
            sentence: looks.sentence(&sentence),
            details: details.iter().map(|detail| looks.sentence(detail)).collect(),
            back: match path.split_once('?') {
                // The same page without what was asked of it.
                Some((page, _)) if is_look => page,
                _ if is_look => "/",
                _ => parent(path),
            },
            way_in: matches!(*self.0, Fault::SignIn | Fault::SignInAgain(_)).then(|| way_in(parent(path))),
            written: if let Fault::SignInAgain(written) = &*self.0 { written.clone() } else { Vec::new() },
            own: super::words::release::of(looks.language),
        };
        let mut response = match page.render() {
            Ok(html) => (status, Html(html)).into_response(),
            Err(_) => (status, sentence).into_response(),
        };
        if let Some(seconds) = retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

/// What a page tells whose form was refused.
pub(super) struct Refused {
    pub sentence: String,
    pub details: Vec<String>,
    /// What was written, where its form is there no more.
    pub lost: Option<String>,
}

impl Refused {
    pub fn of(told: &Told, looks: &Looks, lost: Option<&str>) -> Self {
        Self {
            sentence: looks.clause(&told.sentence),
            details: told.details.iter().map(|detail| looks.sentence(detail)).collect(),
            lost: lost.filter(|text| !text.trim().is_empty()).map(str::to_owned),
        }
    }
}

/// The way in, and from there to a page.
fn way_in(page: &str) -> String {
    format!("/login?to={}", percent_encoding::utf8_percent_encode(page, percent_encoding::NON_ALPHANUMERIC))
}

/// The page on which a form stood.
pub(super) fn parent(path: &str) -> &str {
    path.rsplit_once('/').map_or("/", |(parent, _)| if parent.is_empty() { "/" } else { parent })
}
