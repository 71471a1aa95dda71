//! Any multipart body to a server that listens: an envelope or a plain refusal, no file is left behind,
//! and parts that are texts are taken as the same texts in a form.
#![no_main]

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use recipients_api_adapter::server::{self, ServerOptions, Setup};
use recipients_campaigns::{Campaigns, Money, Options, Settings};
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

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

struct Server {
    address: SocketAddr,
    key: String,
    /// Where uploads are kept.
    files: PathBuf,
}

fn server() -> &'static Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    SERVER.get_or_init(|| {
        let name = format!("recipients-fuzz-multipart-{}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        // Another run had the same number once.
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).unwrap();
        let campaigns = Campaigns::open(&folder.join("fuzz.db"), Options::default()).unwrap();
        let campaigns = Arc::new(campaigns);
        campaigns.take_charge().unwrap();
        let key = campaigns.add_account("fuzz", &Settings::default(), Money(0)).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            let options = ServerOptions { body_bytes: 20_000, file_bytes: 30_000, ..ServerOptions::default() };
            let setup = Setup { options, ..Setup::default() };
            server::run(&campaigns, listener, setup, &Arc::new(AtomicBool::new(false))).unwrap();
        });
        Server { address, key, files: folder.join("fuzz.db-files") }
    })
}

/// The status and the body of an answer; nothing if the server hung up on what is no request. Whoever
/// has said everything must not wait.
fn ask(kind: &str, body: &[u8]) -> Option<(u16, Vec<u8>)> {
    let server = server();
    let stream = TcpStream::connect(server.address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let mut head = format!("POST /service/campaign/list?apiKey={} HTTP/1.1\r\nhost: fuzz\r\n", server.key);
    head.push_str(&format!("connection: close\r\ncontent-type: {kind}\r\ncontent-length: {}\r\n\r\n", body.len()));
    // The server may hang up before it has read all of it.
    let _ = (&stream).write_all(&[head.as_bytes(), body].concat());
    let mut reader = BufReader::new(&stream);
    let mut line = String::new();
    if let Err(error) = reader.read_line(&mut line) {
        assert!(!matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut), "no answer");
        return None;
    }
    let status = line.split(' ').nth(1)?.parse().expect("a status");
    while line.trim() != "" {
        line.clear();
        reader.read_line(&mut line).ok()?;
    }
    let mut answer = Vec::new();
    reader.read_to_end(&mut answer).ok()?;
    Some((status, answer))
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
    let found = ask(&kind, &body);
    let answer = found.as_ref().map(parse);
    if let Input::Parts(parts) = &input
        && parts.iter().all(Part::is_plain)
        && body.len() < 16_000
    {
        let end = format!("\r\n--{BOUNDARY}");
        let is_cut = |part: &Part| part.content.windows(end.len()).any(|window| window == end.as_bytes());
        if !parts.iter().any(is_cut) {
            let form = ask("application/x-www-form-urlencoded", form(parts).as_bytes()).map(|found| parse(&found));
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
