//! A server that listens in the fuzz target's own process.

use super::BODY_BYTES;
use recipients_api_adapter::server::{self, ServerOptions, Setup};
use recipients_campaigns::{Campaigns, Money, Options, Settings};
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

pub struct Server {
    pub address: SocketAddr,
    pub key: String,
    /// Where uploads are kept.
    pub files: PathBuf,
}

pub fn server() -> &'static Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    SERVER.get_or_init(|| {
        let name = format!("recipients-fuzz-{}", std::process::id());
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
            let options = ServerOptions { body_bytes: BODY_BYTES, file_bytes: 30_000, ..ServerOptions::default() };
            let setup = Setup { options, ..Setup::default() };
            server::run(&campaigns, listener, setup, &Arc::new(AtomicBool::new(false))).unwrap();
        });
        Server { address, key, files: folder.join("fuzz.db-files") }
    })
}

/// The status and the body of an answer; nothing if the server hung up on what is no request. Whoever
/// has said everything must not wait.
pub fn ask(request: &[u8]) -> Option<(u16, Vec<u8>)> {
    let stream = TcpStream::connect(server().address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    // The server may hang up before it has read all of it.
    let _ = (&stream).write_all(request);
    let _ = stream.shutdown(Shutdown::Write);
    let mut reader = BufReader::new(&stream);
    let mut line = Vec::new();
    if let Err(error) = reader.read_until(b'\n', &mut line) {
        assert!(!matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut), "no answer");
        return None;
    }
    let status = line.split(|&byte| byte == b' ').nth(1)?;
    let status = std::str::from_utf8(status).ok()?.parse().expect("a status");
    while !line.trim_ascii().is_empty() {
        line.clear();
        reader.read_until(b'\n', &mut line).ok()?;
    }
    let mut answer = Vec::new();
    reader.read_to_end(&mut answer).ok()?;
    Some((status, answer))
}

/// A request that is sent by POST.
pub fn post(kind: &str, body: &[u8]) -> Vec<u8> {
    let mut head = format!("POST /service/campaign/list?apiKey={} HTTP/1.1\r\nhost: fuzz\r\n", server().key);
    head.push_str(&format!("connection: close\r\ncontent-type: {kind}\r\ncontent-length: {}\r\n\r\n", body.len()));
    [head.as_bytes(), body].concat()
}
