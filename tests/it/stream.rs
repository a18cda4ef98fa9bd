//! The stream of events: who comes back with `Last-Event-ID` has missed nothing and hears nothing twice.

use std::time::Duration;

use serde_json::Value;

use crate::world::{Setup, TIMEOUT, World, eventually};

/// Something heard on the stream.
#[derive(Debug, Clone, PartialEq)]
pub struct Heard {
    pub id: String,
    pub name: String,
    pub data: Value,
}

/// A listener that remembers how far it came.
pub struct Listener<'w> {
    world: &'w World,
    response: Option<reqwest::Response>,
    pending: Vec<u8>,
    raw: Vec<u8>,
    last: String,
    pub heard: Vec<Heard>,
}

impl<'w> Listener<'w> {
    /// Listens from a place on.
    pub async fn from(world: &'w World, last: &str) -> Self {
        let mut listener = Self {
            world,
            response: None,
            pending: Vec::new(),
            raw: Vec::new(),
            last: last.to_owned(),
            heard: Vec::new(),
        };
        listener.connect().await;
        listener
    }

    /// Comes (back), as a browser does.
    pub async fn connect(&mut self) {
        let caller = self.world.operator();
        self.pending.clear();
        self.response = Some(
            eventually("the stream is open", async || {
                caller.send("GET", "/api/v1/stream", None, &[("last-event-id", &self.last)]).await
            })
            .await,
        );
    }

    /// Takes what comes next; false when the stream has ended.
    pub async fn listen(&mut self) -> bool {
        let Some(response) = &mut self.response else { return false };
        let Ok(Some(bytes)) = tokio::time::timeout(TIMEOUT, response.chunk()).await.expect("the stream is silent")
        else {
            self.response = None;
            return false;
        };
        self.raw.extend_from_slice(&bytes);
        self.pending.extend_from_slice(&bytes);
        while let Some(end) = self.pending.windows(2).position(|two| two == b"\n\n") {
            let block: Vec<u8> = self.pending.drain(..end + 2).collect();
            self.take(&String::from_utf8(block).unwrap());
        }
        true
    }

    fn take(&mut self, block: &str) {
        let field = |name: &str| block.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default().trim();
        if field("id:").is_empty() {
            return;
        }
        self.last = field("id:").to_owned();
        let data = serde_json::from_str(field("data:")).unwrap();
        self.heard.push(Heard { id: self.last.clone(), name: field("event:").to_owned(), data });
    }

    /// Listens until what was heard is enough.
    pub async fn until(&mut self, enough: impl Fn(&[Heard]) -> bool) {
        while !enough(&self.heard) {
            assert!(self.listen().await, "the stream has ended");
        }
    }

    /// The output of a run, as far as it was heard.
    pub fn output(&self, run: i64) -> String {
        let of_run = self.heard.iter().filter(|heard| heard.name == "log" && heard.data["run"] == run);
        of_run.map(|heard| heard.data["text"].as_str().unwrap()).collect()
    }

    pub fn heard_text(&self) -> &[u8] {
        &self.raw
    }

    /// The numbers of the events that were heard.
    fn numbers(&self) -> Vec<i64> {
        self.heard.iter().filter_map(|heard| heard.data["seq"].as_i64()).collect()
    }
}

#[tokio::test]
async fn nothing_is_lost_or_doubled_across_kills() {
    let chatty = "i=0; while test $i -lt 40; do echo \"$RMM_RUN $RMM_STEP line $i\"; i=$((i+1)); sleep 0.005; done";
    let setup =
        ["deploy", "migrate_up", "migrate_down"].iter().fold(Setup::new(), |setup, key| setup.surface(key, chatty));
    let world = World::new(setup).await;
    world.person("ann").await;
    world.ci().await;
    let mut listener = Listener::from(&world, "0-0").await;

    let story = async {
        let first = world.release("v1").await;
        world.until(first, "manual_testing").await;
        // RMM is dead now and then; who gets no answer asks again.
        for tag in ["v1", "v2"] {
            let release = eventually("it is created", async || {
                let body = serde_json::json!({ "service": "shop", "tag": tag, "commit": crate::world::commit_of(tag), "initiated_by": "ci" });
                world.ci().await.ask("POST", "/api/v1/releases", Some(body.to_string().into_bytes())).await
            })
            .await
            .json()["id"]
                .as_i64()
                .unwrap();
            world.until(release, "manual_testing").await;
            eventually("it is approved", async || {
                let path = format!("/api/v1/releases/{release}/approve");
                let answer = world.person("ann").await.ask("POST", &path, None).await?;
                matches!(answer.status, 200 | 409).then_some(())
            })
            .await;
            world.until(release, "deployed").await;
        }
        world.quiet().await;
    };
    let (over, mut overs) = tokio::sync::watch::channel(false);
    let tell = async {
        story.await;
        over.send_replace(true);
    };
    let kill = async {
        for lines in [10, 60, 100, 150, 220] {
            let log_lines = async || listener_lines(&world).await;
            tokio::select! {
                () = eventually("so much was printed", async || (log_lines().await >= lines).then_some(())) => {}
                _ = overs.wait_for(|over| *over) => return,
            }
            world.restart_after_kill().await;
        }
    };
    let listen = async {
        loop {
            let ended = listener.heard.iter().any(|heard| {
                heard.name == "release_moved" && heard.data["release"] == 2 && heard.data["data"]["to"] == "deployed"
            });
            if ended {
                return listener;
            }
            if !listener.listen().await {
                listener.connect().await;
            }
        }
    };
    let ((), (), listener) = tokio::join!(tell, kill, listen);

    let numbers = listener.numbers();
    assert_eq!(numbers, (1..=numbers.len() as i64).collect::<Vec<_>>(), "events are missing or doubled");
    let events = world.events().await;
    let told = listener.heard.iter().filter(|heard| heard.name != "log").map(|heard| &heard.data);
    assert!(told.eq(events.iter().take(numbers.len())), "the stream differs from the record");
    for run in 1..=5 {
        assert_eq!(listener.output(run), world.printed(run).await, "output of run {run}");
    }
}

/// How many lines the steps have printed that RMM has kept.
async fn listener_lines(world: &World) -> usize {
    let Ok(conn) = rusqlite::Connection::open_with_flags(world.database(), rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY)
    else {
        return 0;
    };
    let bytes = conn.query_row("SELECT coalesce(sum(size), 0) FROM log_chunks", [], |row| row.get::<_, i64>(0));
    bytes.map_or(0, |bytes| usize::try_from(bytes).unwrap_or(0) / 20)
}

#[tokio::test]
async fn without_a_place_the_stream_begins_now_and_a_wrong_place_is_refused() {
    let world = World::new(Setup::new().stage_by_ci()).await;
    world.release("v1").await;
    let operator = world.operator();
    let mut now = operator.send("GET", "/api/v1/stream", None, &[]).await.unwrap();
    let release = world.release("v2").await;
    let heard = tokio::time::timeout(Duration::from_secs(30), now.chunk()).await.unwrap().unwrap().unwrap();
    let heard = String::from_utf8_lossy(&heard).into_owned();
    assert!(heard.contains("release_created") && heard.contains(&format!("\"release\":{release}")), "{heard}");
    for wrong in ["x", "1", "1-x", "-", "99999999999999999999-1"] {
        let answer = operator.send("GET", "/api/v1/stream", None, &[("last-event-id", wrong)]).await.unwrap();
        assert_eq!(answer.status(), 422, "{wrong}");
    }
    operator.get("/api/v1/stream?release=99").await.refused(404, "not_found");
}
