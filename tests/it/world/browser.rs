//! A browser without a script: it keeps cookies, reads pages and sends their forms.

use std::collections::BTreeMap;

use reqwest::header::{LOCATION, SET_COOKIE};
use scraper::{Html, Selector};

use super::World;

/// A browser at the dashboard, signed in or not.
pub struct Browser<'w> {
    world: &'w World,
    cookies: BTreeMap<String, String>,
}

/// A page.
pub struct Page {
    pub status: u16,
    /// Where it leads on to.
    pub location: Option<String>,
    pub html: String,
    pub headers: reqwest::header::HeaderMap,
}

impl<'w> Browser<'w> {
    pub fn of(world: &'w World) -> Self {
        Self { world, cookies: BTreeMap::new() }
    }

    /// A browser in which a person (none: the operator) is signed in.
    pub async fn signed_in(world: &'w World, person: Option<&str>) -> Self {
        let mut browser = Self::of(world);
        let link = browser.link(person).await;
        let page = browser.send("/login", &[("code", &link)]).await;
        assert_eq!((page.status, page.location.as_deref()), (303, Some("/")), "{}", page.html);
        browser
    }

    /// A link that signs a person in.
    pub async fn link(&self, person: Option<&str>) -> String {
        let body = serde_json::json!({ "person": person });
        let made = self.world.operator().post("/api/v1/login-links", &body).await.with_status(201);
        made.json()["url"].as_str().unwrap().to_owned()
    }

    pub fn cookie(&self, name: &str) -> Option<&str> {
        self.cookies.get(name).map(String::as_str)
    }

    pub fn set_cookie(&mut self, name: &str, value: &str) {
        self.cookies.insert(name.to_owned(), value.to_owned());
    }

    /// Opens a page.
    pub async fn open(&mut self, path: &str) -> Page {
        self.request("GET", path, None, &[]).await
    }

    /// Sends fields as they are.
    pub async fn send(&mut self, path: &str, fields: &[(&str, &str)]) -> Page {
        self.send_from(path, fields, &[]).await
    }

    /// Sends fields, with headers.
    pub async fn send_from(&mut self, path: &str, fields: &[(&str, &str)], headers: &[(&str, &str)]) -> Page {
        let body = serde_urlencoded::to_string(fields).unwrap();
        self.request("POST", path, Some(body), headers).await
    }

    /// Fills in the form of a page that leads to `action`, and sends it.
    pub async fn submit(&mut self, page: &Page, action: &str, filled_in: &[(&str, &str)]) -> Page {
        let fields = page.hidden(action);
        let mut all: Vec<_> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        all.extend(filled_in);
        self.send(action, &all).await
    }

    /// What a request is answered with; its body, which may have no end, is not read.
    pub async fn status(
        &self,
        method: &str,
        path: &str,
        fields: Option<&[(&str, &str)]>,
        headers: &[(&str, &str)],
    ) -> u16 {
        let body = fields.map(|fields| serde_urlencoded::to_string(fields).unwrap());
        self.answer(method, path, body, headers).await.status().as_u16()
    }

    /// A stream: what comes by it, piece by piece, until it ends.
    pub async fn stream(&self, path: &str) -> reqwest::Response {
        self.answer("GET", path, None, &[]).await
    }

    async fn request(&mut self, method: &str, path: &str, body: Option<String>, headers: &[(&str, &str)]) -> Page {
        let response = self.answer(method, path, body, headers).await;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        for set in headers.get_all(SET_COOKIE) {
            let (pair, rest) = set.to_str().unwrap().split_once(';').unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            if rest.contains("Max-Age=0") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        let location = headers.get(LOCATION).map(|value| value.to_str().unwrap().to_owned());
        Page { status, location, html: response.text().await.unwrap(), headers }
    }

    async fn answer(
        &self,
        method: &str,
        path: &str,
        body: Option<String>,
        headers: &[(&str, &str)],
    ) -> reqwest::Response {
        let client = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none());
        let url = format!("http://{}{path}", self.world.address());
        let mut request = client.build().unwrap().request(method.parse().unwrap(), url);
        let cookies: Vec<_> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        request = request.header("cookie", cookies.join("; ")).header("accept", "text/html");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(body) = body {
            request = request.header("content-type", "application/x-www-form-urlencoded").body(body);
        }
        request.send().await.expect("an answer")
    }
}

impl Page {
    /// The text of what a selector finds, each with single blanks.
    pub fn texts(&self, selector: &str) -> Vec<String> {
        let document = Html::parse_document(&self.html);
        let found = Selector::parse(selector).unwrap();
        let text = |element: scraper::ElementRef<'_>| element.text().collect::<Vec<_>>().join(" ");
        document.select(&found).map(|element| text(element).split_whitespace().collect::<Vec<_>>().join(" ")).collect()
    }

    /// The text of the first that a selector finds.
    pub fn text(&self, selector: &str) -> String {
        self.texts(selector).into_iter().next().unwrap_or_else(|| panic!("no {selector} in {}", self.html))
    }

    /// Whether a selector finds anything.
    pub fn has(&self, selector: &str) -> bool {
        !self.texts(selector).is_empty()
    }

    /// An attribute of the first that a selector finds.
    pub fn attribute(&self, selector: &str, name: &str) -> String {
        let document = Html::parse_document(&self.html);
        let found = Selector::parse(selector).unwrap();
        let element = document.select(&found).next().unwrap_or_else(|| panic!("no {selector} in {}", self.html));
        element.value().attr(name).unwrap_or_default().to_owned()
    }

    /// The text of the first that a selector finds, with its lines.
    pub fn text_as_it_is(&self, selector: &str) -> String {
        let document = Html::parse_document(&self.html);
        let found = Selector::parse(selector).unwrap();
        let element = document.select(&found).next().unwrap_or_else(|| panic!("no {selector} in {}", self.html));
        element.text().collect()
    }

    /// The hidden fields of a form that asks for another page.
    pub fn carried(&self) -> Vec<(String, String)> {
        let document = Html::parse_document(&self.html);
        let found = Selector::parse("form:not([method]):not([role]) input[type=hidden]").unwrap();
        let attribute = |input: &scraper::ElementRef<'_>, name| input.value().attr(name).unwrap_or_default().to_owned();
        document.select(&found).map(|input| (attribute(&input, "name"), attribute(&input, "value"))).collect()
    }

    /// The word that the page's forms carry.
    pub fn csrf(&self) -> String {
        self.attribute("input[name=csrf]", "value")
    }

    /// The hidden fields of the form that leads to `action`.
    fn hidden(&self, action: &str) -> Vec<(String, String)> {
        let document = Html::parse_document(&self.html);
        let found = Selector::parse(&format!("form[action='{action}'] input[type=hidden]")).unwrap();
        let attribute = |input: &scraper::ElementRef<'_>, name| input.value().attr(name).unwrap_or_default().to_owned();
        let fields: Vec<_> =
            document.select(&found).map(|input| (attribute(&input, "name"), attribute(&input, "value"))).collect();
        assert!(!fields.is_empty(), "no form leads to {action} in {}", self.html);
        fields
    }
}
