//! Any multipart body to a server that listens: an envelope or a plain refusal, no file is left behind,
//! and parts that are texts are taken as the same texts in a form.
#![no_main]

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use served::{ask, post, server};
use std::time::Duration;

mod served;

/// What a body may have without its file.
const BODY_BYTES: usize = 20_000;

#[derive(Arbitrary, Debug)]
enum Input {
    /// Parts as a browser makes them.
    Parts(Vec<Part>),
    /// Parts with something of a body wrong.
    Broken(Vec<Part>, Vec<(u16, u8)>, Option<u16>),
    /// A content type and anything at all.
    Bytes(String, Vec<u8>),
}

#[derive(Arbitrary, Debug)]
struct Part {
    name: Name,
    file: Option<String>,
    kind: Option<String>,
    content: Vec<u8>,
}

#[derive(Arbitrary, Debug)]
enum Name {
    Known(u8),
    Any(String),
}

const NAMES: [&str; 8] = [
    "id", "criteria[id]", "criteria[text]", "pagination[pageSize]", "sort[id]", "recipients", "recipientsFile", "cardsFile",
];
const BOUNDARY: &str = "----b0undary";

impl Part {
    fn name(&self) -> String {
        match &self.name {
            Name::Known(at) => NAMES[usize::from(*at) % NAMES.len()].to_owned(),
            Name::Any(name) => name.clone(),
        }
    }

    /// Whether it stays what it is in a form: texts without what ends them in a body.
    fn is_plain(&self) -> bool {
        let name = self.name();
        self.file.is_none()
            && self.kind.is_none()
            && !name.is_empty()
            && name.chars().all(|sign| sign.is_ascii_alphanumeric() || matches!(sign, '[' | ']'))
            && std::str::from_utf8(&self.content).is_ok()
    }
}

fn multipart(parts: &[Part]) -> Vec<u8> {
    let mut body = Vec::new();
    for part in parts {
        body.extend_from_slice(format!("--{BOUNDARY}\r\ncontent-disposition: form-data; name=\"{}\"", part.name()).as_bytes());
        if let Some(file) = &part.file {
            body.extend_from_slice(format!("; filename=\"{file}\"").as_bytes());
        }
        if let Some(kind) = &part.kind {
            body.extend_from_slice(format!("\r\ncontent-type: {kind}").as_bytes());
        }
        body.extend_from_slice(b"\r\n\r\n");
        body.extend_from_slice(&part.content);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(format!("--{BOUNDARY}--\r\n").as_bytes());
    body
}

fn form(parts: &[Part]) -> String {
    let escape = |bytes: &[u8]| bytes.iter().map(|byte| format!("%{byte:02x}")).collect::<String>();
    let pairs = parts.iter().map(|part| format!("{}={}", escape(part.name().as_bytes()), escape(&part.content)));
    pairs.collect::<Vec<String>>().join("&")
}

fn parse((status, body): &(u16, Vec<u8>)) -> serde_json::Value {
    match status {
        200 => {
            let envelope: serde_json::Value = serde_json::from_slice(body).expect("an envelope");
            assert!(envelope["code"].is_number());
            envelope
        }
        400 | 413 | 431 => serde_json::Value::Null,
        other => panic!("status {other}"),
    }
}

fuzz_target!(|input: Input| {
    let ours = format!("multipart/form-data; boundary={BOUNDARY}");
    let (kind, body) = match &input {
        Input::Parts(parts) => (ours, multipart(parts)),
        Input::Broken(parts, changes, end) => {
            let mut body = multipart(parts);
            for &(at, byte) in changes {
                let at = usize::from(at) % body.len();
                body[at] = byte;
            }
            body.truncate(end.map_or(body.len(), usize::from));
            (ours, body)
        }
        Input::Bytes(boundary, body) => {
            let kept = boundary.chars().filter(|sign| matches!(sign, ' '..='~'));
            (format!("multipart/form-data; {}", kept.collect::<String>()), body.clone())
        }
    };
    let found = ask(&post(&kind, &body));
    let answer = found.as_ref().map(parse);
    if let Input::Parts(parts) = &input
        && parts.iter().all(Part::is_plain)
        && body.len() < 16_000
    {
        let end = format!("\r\n--{BOUNDARY}");
        let is_cut = |part: &Part| part.content.windows(end.len()).any(|window| window == end.as_bytes());
        if !parts.iter().any(is_cut) {
            let form = ask(&post("application/x-www-form-urlencoded", form(parts).as_bytes()));
            let form = form.as_ref().map(parse);
            assert_eq!(answer, form);
            assert!(answer.is_some_and(|answer| answer["code"].is_number()), "it was refused");
        }
    }
    // A list of campaigns wants no file. It is taken away before the answer, or soon after a refusal.
    let left = || std::fs::read_dir(&server().files).into_iter().flatten().count();
    for _ in 0..100 {
        if left() == 0 {
            return;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("{} files are left", left());
});
