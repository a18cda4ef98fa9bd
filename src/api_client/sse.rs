//! Server-sent events (WHATWG HTML, 9.2): read from a stream that may break anywhere.

/// A server-sent event.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Message {
    /// What kind it is.
    pub event: String,
    /// The place to go on from.
    pub id: String,
    /// The message itself.
    pub data: String,
}

/// Puts server-sent events together from pieces that end anywhere.
#[derive(Debug, Default)]
pub struct Reader {
    rest: Vec<u8>,
    message: Message,
}

impl Reader {
    /// Takes the next piece; the messages that are complete with it.
    pub fn take(&mut self, piece: &[u8]) -> Vec<Message> {
        self.rest.extend_from_slice(piece);
        let mut ready = Vec::new();
        let mut from = 0;
        while let Some(length) = self.rest[from..].iter().position(|byte| *byte == b'\n') {
            let line = String::from_utf8_lossy(&self.rest[from..from + length]).trim_end_matches('\r').to_owned();
            from += length + 1;
            if line.is_empty() {
                let message = std::mem::take(&mut self.message);
                if !message.data.is_empty() {
                    ready.push(message);
                }
                continue;
            }
            let (name, value) = line.split_once(':').unwrap_or((line.as_str(), ""));
            let value = value.strip_prefix(' ').unwrap_or(value);
            match name {
                "event" => self.message.event = value.to_owned(),
                "id" => self.message.id = value.to_owned(),
                "data" => {
                    if !self.message.data.is_empty() {
                        self.message.data.push('\n');
                    }
                    self.message.data.push_str(value);
                }
                // Heartbeats are comments.
                _ => {}
            }
        }
        self.rest.drain(..from);
        ready
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_put_together_from_any_pieces() {
        let text =
            ": hello\n\nevent: log\nid: 1-2\ndata: {\"a\":\ndata: \"ü\"}\n\nevent: x\r\nid: 2-2\r\ndata: 1\r\n\r\n";
        let whole = Reader::default().take(text.as_bytes());
        assert_eq!(whole.len(), 2);
        assert_eq!(whole[0], Message { event: "log".into(), id: "1-2".into(), data: "{\"a\":\n\"ü\"}".into() });
        for size in 1..text.len() {
            let mut reader = Reader::default();
            let found: Vec<_> = text.as_bytes().chunks(size).flat_map(|piece| reader.take(piece)).collect();
            assert_eq!(found, whole, "{size}");
        }
    }
}
