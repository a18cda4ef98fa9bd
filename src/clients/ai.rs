//! Asks a model for a guess, at any endpoint that speaks as OpenAI's does.
//!
//! Must not: follow where the endpoint leads, read more of an answer than fits into a message many times over, try again, or make
//! anything of what the model says but text.

use std::time::Duration;

use reqwest::{Client, Url};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::json;

use super::endpoint;
use crate::domain::fault::model::ModelFault;

/// Of an answer, in bytes.
const MOST_ANSWER: usize = 256 * 1024;
/// How long the way there may take to open.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// A model behind an endpoint.
pub struct Model {
    client: Client,
    url: Url,
    name: String,
    key: Option<SecretString>,
}

impl Model {
    /// A model at an address, which is called as it is. `ca`: authorities that are trusted beside the public ones, in PEM format.
    /// `timeout`: for one answer, from the call to its last byte.
    ///
    /// # Errors
    /// When the address, the authorities or the HTTP client are unusable.
    pub fn new(
        url: &str,
        ca: Option<&str>,
        name: &str,
        key: Option<SecretString>,
        timeout: Duration,
    ) -> Result<Self, ModelFault> {
        let url = Url::parse(url).map_err(|error| ModelFault::BadAddress { said: error.to_string() })?;
        let builder = endpoint::builder(&url, ca).map_err(|said| ModelFault::NotAsked { said })?;
        let builder = builder.connect_timeout(CONNECT_TIMEOUT).timeout(timeout);
        let client = builder.build().map_err(|error| silent(&error))?;
        Ok(Self { client, url, name: name.to_owned(), key })
    }

    /// The name of the model.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What the model says. `task`: what it is to do; `data`: what with.
    ///
    /// # Errors
    /// Why it says nothing.
    pub async fn ask(&self, task: &str, data: &str) -> Result<String, ModelFault> {
        let messages = json!([{"role": "system", "content": task}, {"role": "user", "content": data}]);
        let body = json!({"model": self.name, "stream": false, "messages": messages});
        let mut request = self.client.post(self.url.clone()).json(&body);
        if let Some(key) = &self.key {
            request = request.bearer_auth(key.expose_secret());
        }
        let mut answer = request.send().await.map_err(|error| silent(&error))?;
        let status = answer.status();
        if !status.is_success() {
            // What it says beside that may be long, or a page.
            return Err(ModelFault::Status { status: status.as_u16() });
        }
        let mut body = Vec::new();
        while let Some(part) = answer.chunk().await.map_err(|error| silent(&error))? {
            if body.len() + part.len() > MOST_ANSWER {
                return Err(ModelFault::TooLong { most: MOST_ANSWER / 1024 });
            }
            body.extend_from_slice(&part);
        }
        let read: Completion = serde_json::from_slice(&body).map_err(|_| ModelFault::Foreign)?;
        let said = read.choices.into_iter().next().and_then(|choice| choice.message.content).unwrap_or_default();
        if said.trim().is_empty() {
            return Err(ModelFault::Empty);
        }
        Ok(said)
    }
}

/// As much of an answer as is used.
#[derive(Deserialize)]
struct Completion {
    choices: Vec<Choice>,
}

#[derive(Deserialize)]
struct Choice {
    message: Message,
}

#[derive(Deserialize)]
struct Message {
    content: Option<String>,
}

fn silent(error: &reqwest::Error) -> ModelFault {
    if error.is_timeout() { ModelFault::Late } else { ModelFault::NotAsked { said: endpoint::bottom(error) } }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use axum::Router;
    use axum::body::Body;
    use axum::http::HeaderMap;
    use axum::response::Redirect;
    use axum::routing::post;
    use bytes::Bytes;
    use futures_util::stream;

    use super::*;

    async fn at(answer: Router) -> String {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/v1/chat/completions", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, answer).await });
        url
    }

    async fn asked(answer: Router, timeout: Duration) -> Result<String, ModelFault> {
        let model = Model::new(&at(answer).await, None, "m", Some("k-1".into()), timeout).unwrap();
        model.ask("guess", "exit 1").await
    }

    fn says(status: u16, body: &'static str) -> Router {
        let status = axum::http::StatusCode::from_u16(status).unwrap();
        Router::new().route("/v1/chat/completions", post(move || async move { (status, body) }))
    }

    const LONG: Duration = Duration::from_secs(60);

    #[tokio::test]
    async fn a_model_is_asked_as_openai_is() {
        let answer = |headers: HeaderMap, body: String| async move {
            assert_eq!(headers["authorization"], "Bearer k-1");
            let asked: serde_json::Value = serde_json::from_str(&body).unwrap();
            assert_eq!(
                (asked["model"].as_str(), asked["messages"][1]["content"].as_str()),
                (Some("m"), Some("exit 1"))
            );
            assert!(asked.get("tools").is_none());
            r#"{"choices": [{"message": {"role": "assistant", "content": "the disk is full"}}], "usage": {}}"#
        };
        let router = Router::new().route("/v1/chat/completions", post(answer));
        assert_eq!(asked(router, LONG).await.unwrap(), "the disk is full");
    }

    #[tokio::test]
    async fn whatever_else_it_answers_is_no_guess() {
        for (status, body, why) in [
            (500, "oh no", ModelFault::Status { status: 500 }),
            (200, "<html>", ModelFault::Foreign),
            (200, r#"{"choices": []}"#, ModelFault::Empty),
            (200, r#"{"choices": [{"message": {"content": null, "tool_calls": []}}]}"#, ModelFault::Empty),
            (200, r#"{"choices": [{"message": {"content": " \n"}}]}"#, ModelFault::Empty),
        ] {
            assert_eq!(asked(says(status, body), LONG).await, Err(why), "{body}");
        }
        let away = Model::new("http://127.0.0.1:1/v1", None, "m", None, LONG).unwrap();
        assert!(away.ask("guess", "x").await.is_err());
    }

    #[tokio::test]
    async fn a_redirect_is_not_followed() {
        let lead = || async { Redirect::temporary("/elsewhere") };
        let elsewhere = || async { panic!("it was followed") as &str };
        let router = Router::new().route("/v1/chat/completions", post(lead)).route("/elsewhere", post(elsewhere));
        assert_eq!(asked(router, LONG).await, Err(ModelFault::Status { status: 307 }));
    }

    #[tokio::test]
    async fn an_answer_without_end_is_not_read_to_its_end() {
        let endless = || async {
            let piece = Bytes::from(vec![b' '; 64 * 1024]);
            Body::from_stream(stream::repeat_with(move || Ok::<_, Infallible>(piece.clone())))
        };
        let router = Router::new().route("/v1/chat/completions", post(endless));
        assert_eq!(asked(router, LONG).await, Err(ModelFault::TooLong { most: 256 }));
    }

    #[tokio::test]
    async fn one_that_hangs_or_drips_has_its_time() {
        let hang = || async { std::future::pending::<&str>().await };
        let router = Router::new().route("/v1/chat/completions", post(hang));
        let late = Err(ModelFault::Late);
        assert_eq!(asked(router, Duration::from_millis(50)).await, late);
        let drip = || async { Body::from_stream(stream::pending::<Result<Bytes, Infallible>>()) };
        let router = Router::new().route("/v1/chat/completions", post(drip));
        assert_eq!(asked(router, Duration::from_millis(50)).await, late);
    }
}
