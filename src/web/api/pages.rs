//! Lists that come in pages, where the answer is the list itself: the header `Link` (RFC 8288) has the address of the next page.

use axum::http::HeaderName;
use axum::http::header::LINK;
use axum::response::AppendHeaders;

use crate::contract::ListPage;
use crate::domain::rule::{Invalid, Rule};

/// Things on one page at most, and where nobody asks for fewer.
const LARGEST: u32 = 200;

/// A page that is asked for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Page {
    /// At most this many.
    pub limit: u32,
    /// The number of the last one on the page before.
    pub after: Option<i64>,
    letter: char,
}

impl Page {
    /// `letter`: what cursors of this list begin with.
    ///
    /// # Errors
    /// [`Invalid`] for a limit or a cursor that cannot be.
    pub fn of(asked: &ListPage, letter: char) -> Result<Self, Invalid> {
        let limit = asked.limit.unwrap_or(LARGEST);
        if !(1..=LARGEST).contains(&limit) {
            return Err(Invalid::new("limit", Rule::Between { least: 1, most: LARGEST.into() }));
        }
        let wrong = || Invalid::new("cursor", Rule::Cursor);
        let number = |text: &str| text.strip_prefix(letter)?.parse().ok().filter(|number| *number > 0);
        let after = asked.cursor.as_deref().map(|text| number(text).ok_or_else(wrong)).transpose()?;
        Ok(Self { limit, after, letter })
    }

    /// One more than is shown tells whether there is another page.
    pub const fn wanted(self) -> u32 {
        self.limit + 1
    }

    /// Cuts what was found to the page; answers with the header that leads to the next one, if there is one.
    pub fn cut<T>(
        self,
        found: &mut Vec<T>,
        path: &str,
        number: impl Fn(&T) -> i64,
    ) -> Option<AppendHeaders<[(HeaderName, String); 1]>> {
        let more = found.len() > self.limit as usize;
        found.truncate(self.limit as usize);
        let last = number(found.last().filter(|_| more)?);
        let address = format!("<{path}?limit={}&cursor={}{last}>; rel=\"next\"", self.limit, self.letter);
        Some(AppendHeaders([(LINK, address)]))
    }
}
