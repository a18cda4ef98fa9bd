//! Hands spans and lines of the log to a collector: OTLP over HTTP, in batches, on threads of its own.
//!
//! A collector that is away, slow or answers nonsense loses what it was sent, and nothing else suffers.
//! What waits for it is bounded, and so is what is read of its answers. That it fails is logged once, and that it works again.

use std::collections::HashMap;
use std::error::Error;
use std::fmt::Debug;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use opentelemetry::KeyValue;
use opentelemetry_http::{HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{LogExporter, Protocol, SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::logs::{BatchLogProcessor, LogBatch, SdkLoggerProvider};
use opentelemetry_sdk::trace::{BatchSpanProcessor, Sampler, SdkTracerProvider, SpanData};
use secrecy::ExposeSecret;
use tokio::runtime::Handle;

use super::settings::{Sampling, Settings};

/// More of an answer than this is not read. What a collector has to say is a few bytes.
const LONGEST_ANSWER: usize = 64 * 1024;
/// How long the last batch of a server may take at the end.
pub const END_TIMEOUT: Duration = Duration::from_secs(3);

type AnyError = Box<dyn Error + Send + Sync>;
/// Makes the HTTP client for an address.
pub type MakeClient<'a> = &'a dyn Fn(&str) -> Result<reqwest::Client, String>;

/// What exports; nothing where nothing is exported.
#[derive(Debug, Clone, Default)]
pub struct Exports {
    pub(super) spans: Option<SdkTracerProvider>,
    pub(super) lines: Option<SdkLoggerProvider>,
}

impl Exports {
    /// What these settings ask for, by a client for each address. Answers are waited for on `runtime`: the threads of the batches have
    /// none.
    ///
    /// # Errors
    /// When the address cannot be used.
    pub(super) fn start(settings: &Settings, client: MakeClient<'_>, runtime: &Handle) -> Result<Self, AnyError> {
        let resource = resource(settings);
        let spans = settings.traces.as_ref().map(|endpoint| -> Result<_, AnyError> {
            let exporter = SpanExporter::builder()
                .with_http()
                .with_http_client(Wire { client: client(endpoint)?, runtime: runtime.clone() })
                .with_protocol(Protocol::HttpBinary)
                .with_endpoint(endpoint)
                .with_headers(headers(settings))
                .with_timeout(settings.timeout)
                .build()?;
            let told = Told::new(exporter, "spans", endpoint);
            Ok(SdkTracerProvider::builder()
                .with_span_processor(BatchSpanProcessor::builder(told).build())
                .with_sampler(sampler(settings.sampling))
                .with_resource(resource.clone())
                .build())
        });
        let lines = settings.logs.as_ref().map(|endpoint| -> Result<_, AnyError> {
            let exporter = LogExporter::builder()
                .with_http()
                .with_http_client(Wire { client: client(endpoint)?, runtime: runtime.clone() })
                .with_protocol(Protocol::HttpBinary)
                .with_endpoint(endpoint)
                .with_headers(headers(settings))
                .with_timeout(settings.timeout)
                .build()?;
            let told = Told::new(exporter, "lines of the log", endpoint);
            Ok(SdkLoggerProvider::builder()
                .with_log_processor(BatchLogProcessor::builder(told).build())
                .with_resource(resource.clone())
                .build())
        });
        Ok(Self { spans: spans.transpose()?, lines: lines.transpose()? })
    }

    /// Hands over what is left, within `limit` for each kind. Must be called where the runtime still runs.
    pub async fn end(self, limit: Duration) {
        let ending = tokio::task::spawn_blocking(move || {
            // What was not taken by now is lost, and that has been said.
            self.spans.iter().for_each(|spans| drop(spans.shutdown_with_timeout(limit)));
            self.lines.iter().for_each(|lines| drop(lines.shutdown_with_timeout(limit)));
        });
        let _ = tokio::time::timeout(limit * 2, ending).await;
    }
}

fn headers(settings: &Settings) -> HashMap<String, String> {
    settings.headers.iter().map(|(name, value)| (name.clone(), value.expose_secret().to_owned())).collect()
}

fn resource(settings: &Settings) -> Resource {
    let said = settings.resource.iter().map(|(name, value)| KeyValue::new(name.clone(), value.clone()));
    Resource::builder()
        .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
        .with_attributes(said)
        .with_service_name(settings.service.clone())
        .build()
}

fn sampler(sampling: Sampling) -> Sampler {
    match sampling {
        Sampling::Parent(share) => Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(share))),
        Sampling::Share(share) => Sampler::TraceIdRatioBased(share),
    }
}

/// One request to the collector and its answer.
#[derive(Debug)]
struct Wire {
    client: reqwest::Client,
    runtime: Handle,
}

type Answered<'a> = Pin<Box<dyn Future<Output = Result<Response<Bytes>, HttpError>> + Send + 'a>>;

impl HttpClient for Wire {
    fn send_bytes<'life, 'sent>(&'life self, request: Request<Bytes>) -> Answered<'sent>
    where
        'life: 'sent,
        Self: 'sent,
    {
        let sending = self.runtime.spawn(send(self.client.clone(), request));
        Box::pin(async move { sending.await? })
    }
}

async fn send(client: reqwest::Client, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
    let mut answer = client.execute(request.try_into()?).await?;
    let mut read = BytesMut::new();
    while let Some(piece) = answer.chunk().await? {
        if read.len() + piece.len() > LONGEST_ANSWER {
            return Err(format!("its answer is longer than {LONGEST_ANSWER} bytes").into());
        }
        read.extend_from_slice(&piece);
    }
    Ok(Response::builder().status(answer.status()).body(read.freeze())?)
}

/// Says once that a collector does not take what it is sent, and once that it does again.
#[derive(Debug)]
struct Told<E> {
    inner: E,
    what: &'static str,
    endpoint: String,
    failing: AtomicBool,
}

impl<E> Told<E> {
    fn new(inner: E, what: &'static str, endpoint: &str) -> Self {
        // A query may hold a key.
        let endpoint = endpoint.split(['?', '#']).next().unwrap_or_default().to_owned();
        Self { inner, what, endpoint, failing: AtomicBool::new(false) }
    }

    fn tell(&self, done: OTelSdkResult) -> OTelSdkResult {
        let Self { what, endpoint, .. } = self;
        let failed = done.is_err();
        let before = self.failing.swap(failed, Ordering::Relaxed);
        match &done {
            Err(error) if !before => {
                let said: String = error.to_string().chars().take(300).collect();
                tracing::warn!(
                    endpoint,
                    error = said,
                    "{what} are not taken by the collector; they are lost until it takes them"
                );
            }
            Ok(()) if before => tracing::warn!(endpoint, "{what} are taken by the collector again"),
            Ok(()) | Err(_) => {}
        }
        done
    }
}

impl<E: opentelemetry_sdk::trace::SpanExporter> opentelemetry_sdk::trace::SpanExporter for Told<E> {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        self.tell(self.inner.export(batch).await)
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.inner.shutdown_with_timeout(timeout)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.inner.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.inner.set_resource(resource);
    }
}

impl<E: opentelemetry_sdk::logs::LogExporter> opentelemetry_sdk::logs::LogExporter for Told<E> {
    async fn export(&self, batch: LogBatch<'_>) -> OTelSdkResult {
        self.tell(self.inner.export(batch).await)
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.inner.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.inner.set_resource(resource);
    }
}
