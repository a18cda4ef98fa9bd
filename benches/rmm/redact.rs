//! How fast the output of a step passes the redactor, which knows twenty secrets: against `sed` with as many substitutions.

use std::fs::File;
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::ensure;
use rmm::engine::redact::{HIDDEN, Redactor};
use secrecy::{ExposeSecret, SecretString};

use crate::machine;
use crate::table::{Table, median};

const SECRETS: usize = 20;
const BYTES: usize = 16 << 20;
/// What is read of a step's output at once.
const PIECE: usize = 64 << 10;
/// One line in so many has a secret in it.
const LINES_PER_SECRET: usize = 500;
const ROUNDS: u32 = 5;

pub fn measure(table: &mut Table) -> anyhow::Result<()> {
    let secrets: Vec<SecretString> = (0..SECRETS).map(secret).collect();
    let (text, printed) = output(&secrets);
    let redactor = Redactor::new(secrets.iter());
    let times = (0..ROUNDS).map(|_| redacted(&redactor, &text, printed));
    let own = median(times.collect::<Result<_, _>>()?);
    let directory = tempfile::Builder::new().prefix("redact-").tempdir_in(machine::directory())?;
    let file = directory.path().join("output");
    std::fs::write(&file, &text)?;
    let script: String = secrets.iter().map(|secret| format!("s|{}|{HIDDEN}|g\n", secret.expose_secret())).collect();
    let sed = || -> anyhow::Result<f64> {
        let mut command = Command::new("sed");
        command.arg(&script).env("LC_ALL", "C").stdin(File::open(&file)?).stdout(Stdio::null());
        let began = Instant::now();
        ensure!(command.status()?.success(), "sed failed");
        Ok(began.elapsed().as_secs_f64())
    };
    let sed = median((0..ROUNDS).map(|_| sed()).collect::<Result<_, _>>()?);
    let rate = |seconds: f64| format!("{:.0} MB/s", text.len() as f64 / 1e6 / seconds);
    table.note("redactor: output of a step, twenty secrets in all their spellings", rate(own));
    table.note("  `sed` with twenty substitutions, each secret as it is", rate(sed));
    Ok(())
}

/// Takes a text as a step's output is taken, piece by piece; how many seconds it took.
fn redacted(redactor: &Redactor, text: &[u8], printed: usize) -> anyhow::Result<f64> {
    let (mut pending, mut kept) = (Vec::new(), Vec::with_capacity(text.len()));
    let began = Instant::now();
    for piece in text.chunks(PIECE) {
        pending.extend_from_slice(piece);
        let (ready, held) = redactor.piece(&pending);
        kept.extend_from_slice(&ready);
        pending.drain(..pending.len() - held);
    }
    kept.extend_from_slice(&redactor.last(&pending));
    let took = began.elapsed().as_secs_f64();
    let hidden = kept.windows(HIDDEN.len()).filter(|part| *part == HIDDEN.as_bytes()).count();
    ensure!(hidden == printed, "{hidden} of {printed} secrets are hidden");
    Ok(took)
}

/// Letters and digits as password generators make them.
fn secret(number: usize) -> SecretString {
    const SIGNS: &[u8] = b"ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789+/";
    let mut state = number as u64 + 1;
    let signs = (0..24).map(|_| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        char::from(SIGNS[(state >> 33) as usize % SIGNS.len()])
    });
    SecretString::from(signs.collect::<String>())
}

/// Lines as programs print them, and how many secrets are in them.
fn output(secrets: &[SecretString]) -> (Vec<u8>, usize) {
    let (mut text, mut printed) = (String::with_capacity(BYTES + 256), 0);
    for number in 0.. {
        if text.len() >= BYTES {
            break;
        }
        let second = number % 60;
        match number % 4 {
            0 => text.push_str(&format!(
                "2030-01-02T03:04:{second:02}Z INFO shop::web request{{id={number:08x}}} GET /basket 200 {second} ms\n"
            )),
            1 => text.push_str(&format!("#{number} [build {second}/60] RUN npm ci --omit=dev && npm run build\n")),
            2 => text.push_str(&format!(
                "{{\"level\":\"info\",\"msg\":\"migrated\",\"table\":\"orders_{second}\",\"rows\":{number}}}\n"
            )),
            _ => text
                .push_str("  Downloading https://registry.example/packages/left-pad/-/left-pad-1.3.0.tgz (12.4 kB)\n"),
        }
        if number % LINES_PER_SECRET == 0 {
            text.push_str(&format!("DATABASE_PASSWORD={}\n", secrets[printed % secrets.len()].expose_secret()));
            printed += 1;
        }
    }
    (text.into_bytes(), printed)
}
