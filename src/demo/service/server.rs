//! The running guestbook: what it answers over HTTP. It reads its code once, and its database for every request.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use rusqlite::{Connection, OpenFlags};
use serde::Serialize;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{sleep, timeout};

use super::process::{PidFile, bind};
use super::{Definition, Environment, Migration, PaymentMode, Site, applied, database, migrations, say};

const REQUEST_TIME: Duration = Duration::from_secs(5);
const MAX_REQUEST: usize = 8 * 1024;

/// What a process serves for its whole life. It is read once: a checkout alone must not change what runs.
struct App {
    definition: Definition,
    migrations: BTreeMap<i64, Migration>,
    data: PathBuf,
    environment: Environment,
}

#[derive(Debug, Serialize)]
struct Health {
    version: String,
    environment: Environment,
    /// The highest migration applied, 0 for none.
    schema: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<String>,
}

/// What the database says right now.
#[derive(Default)]
struct Look {
    schema: i64,
    guests: Vec<String>,
    problem: Option<String>,
}

impl App {
    fn look(&self) -> Look {
        let mut look = Look::default();
        if let Err(error) = self.look_into(&mut look) {
            look.problem = Some(format!("{error:#}"));
        }
        look
    }

    fn look_into(&self, look: &mut Look) -> Result<()> {
        let path = database(&self.data);
        ensure!(path.exists(), "there is no database: the migrations have not run");
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let db = Connection::open_with_flags(&path, flags).context("the database cannot be opened")?;
        db.busy_timeout(Duration::from_secs(2)).context("SQLite refuses to wait for other users of the database")?;
        let applied = applied(&db)?;
        look.schema = applied.last_key_value().map_or(0, |(number, _)| *number);

        let version = &self.definition.version;
        if let Some((_, missing)) = self.migrations.iter().find(|(number, _)| !applied.contains_key(number)) {
            bail!("the schema is older than version {version} needs: {} is not applied", missing.name);
        }
        if let Some((_, extra)) = applied.iter().find(|(number, _)| !self.migrations.contains_key(number)) {
            bail!("the schema is newer than version {version} knows: {extra} is applied");
        }
        let mut query = db.prepare(&self.definition.page.guests).context("the guests cannot be read")?;
        let guests = query.query_map([], |row| row.get(0)).context("the guests cannot be read")?;
        look.guests = guests.collect::<rusqlite::Result<_>>().context("the guests cannot be read")?;

        let mode = self.definition.payments.as_ref().map(|payments| match self.environment {
            Environment::Stage => payments.stage,
            Environment::Production => payments.production,
        });
        match mode {
            None | Some(PaymentMode::Sandbox) => {}
            Some(PaymentMode::Live) => ensure!(
                std::env::var_os("GUESTBOOK_PAYMENT_KEY").is_some(),
                "payments are live in {}, but GUESTBOOK_PAYMENT_KEY is not set on this server",
                self.environment.name()
            ),
        }
        Ok(())
    }

    fn answer(&self, request: &[u8]) -> Response {
        let line = request.split(|byte| *byte == b'\r').next().unwrap_or_default();
        let line = String::from_utf8_lossy(line);
        let mut words = line.split(' ');
        let (method, target, protocol) = (words.next(), words.next(), words.next());
        let (Some(method), Some(target), Some("HTTP/1.1" | "HTTP/1.0")) = (method, target, protocol) else {
            return Response::text(400, "this is not HTTP/1.1");
        };
        if !matches!(method, "GET" | "HEAD") {
            return Response::text(405, "only GET and HEAD are served");
        }
        let mut response = match target.split('?').next().unwrap_or_default() {
            "/" => self.page(),
            "/health" => self.health(),
            "/version" => Response::text(200, &self.definition.version),
            _ => Response::text(404, "there is no such page"),
        };
        response.head_only = method == "HEAD";
        response
    }

    fn health(&self) -> Response {
        let Look { schema, problem, .. } = self.look();
        let status = if problem.is_none() { 200 } else { 500 };
        let health =
            Health { version: self.definition.version.clone(), environment: self.environment, schema, problem };
        match serde_json::to_string(&health) {
            Ok(json) => Response::new(status, "application/json", json),
            Err(error) => Response::text(500, &error.to_string()),
        }
    }

    fn page(&self) -> Response {
        let look = self.look();
        let title = escape(&self.definition.page.title);
        let (version, environment) = (escape(&self.definition.version), self.environment.name());
        let guests: String = look.guests.iter().map(|guest| format!("<li>{}</li>\n", escape(guest))).collect();
        let problem =
            look.problem.as_ref().map(|text| format!("<p><strong>{}</strong></p>\n", escape(text))).unwrap_or_default();
        let body = format!(
            "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<title>{title}</title>\n<h1>{title}</h1>\n\
             <p>Version {version} in {environment}, schema {}.</p>\n{problem}<ul>\n{guests}</ul>\n</html>\n",
            look.schema
        );
        Response::new(if problem.is_empty() { 200 } else { 500 }, "text/html; charset=utf-8", body)
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;").replace('\'', "&#39;")
}

struct Response {
    status: u16,
    kind: &'static str,
    body: String,
    head_only: bool,
}

impl Response {
    const fn new(status: u16, kind: &'static str, body: String) -> Self {
        Self { status, kind, body, head_only: false }
    }

    fn text(status: u16, line: &str) -> Self {
        Self::new(status, "text/plain; charset=utf-8", format!("{line}\n"))
    }

    fn into_bytes(self) -> Vec<u8> {
        let reason = match self.status {
            200 => "OK",
            400 => "Bad Request",
            404 => "Not Found",
            405 => "Method Not Allowed",
            _ => "Internal Server Error",
        };
        let Self { status, kind, body, head_only } = self;
        let length = body.len();
        let head = format!(
            "HTTP/1.1 {status} {reason}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n\
             Cache-Control: no-store\r\nConnection: close\r\n\r\n"
        );
        (if head_only { head } else { head + &body }).into_bytes()
    }
}

pub(super) async fn serve(site: &Site) -> Result<()> {
    let (code, data) = (&site.code.code, &site.data.data);
    let app = Arc::new(App {
        definition: Definition::read(code)?,
        migrations: migrations(code)?,
        data: data.clone(),
        environment: site.environment,
    });
    std::fs::create_dir_all(data).with_context(|| format!("cannot create the folder {}", data.display()))?;
    // All handlers stand before the pid is written. A hangup of the terminal is no reason to end.
    let mut terminate = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot listen for SIGINT")?;
    let _hangup = signal(SignalKind::hangup()).context("cannot listen for SIGHUP")?;
    let mut pid_file = PidFile::take(data).await?;
    let listener = bind(site.port).await?;
    // The port is bound before the pid can be read.
    pid_file.write()?;
    say(format!("guestbook {} ({}) on port {}", app.definition.version, site.environment.name(), site.port));
    loop {
        tokio::select! {
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
            connection = listener.accept() => match connection {
                Ok((stream, _)) => {
                    let app = Arc::clone(&app);
                    // Each connection has its own time limit, so the tasks cannot pile up for ever.
                    tokio::spawn(async move { let _ = timeout(REQUEST_TIME, converse(stream, app)).await; });
                }
                // Out of file descriptors, most likely: do not spin until some are free.
                Err(_) => sleep(Duration::from_millis(50)).await,
            },
        }
    }
    say("ended on request");
    Ok(())
}

async fn converse(mut stream: TcpStream, app: Arc<App>) -> Result<()> {
    let mut request = Vec::new();
    while request.len() < MAX_REQUEST && !request.windows(4).any(|bytes| bytes == b"\r\n\r\n") {
        if stream.read_buf(&mut request).await? == 0 {
            break;
        }
    }
    // SQLite blocks.
    let response = tokio::task::spawn_blocking(move || app.answer(&request).into_bytes()).await?;
    stream.write_all(&response).await?;
    stream.shutdown().await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn html_from_the_database_is_text() {
        assert_eq!(escape("<b a='\"'>&"), "&lt;b a=&#39;&quot;&#39;&gt;&amp;");
    }
}
