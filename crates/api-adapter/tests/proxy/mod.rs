//! A proxy between a client and a server that breaks calls as it is told, on the real wire.
#![allow(dead_code, reason = "each test program uses a part of it")]

use serde_json::Value;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

/// What happens to a call.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Fault {
    None,
    /// The connection is dropped, and the server knows nothing.
    DropBefore,
    /// The server has done it, and the answer is dropped.
    DropAfter,
    /// The answer breaks off.
    Half,
    /// The answer comes twice.
    Twice,
    /// HTTP 500, and the server knows nothing.
    Status,
    /// HTTP 502, though the server has done it.
    StatusAfter,
    /// Code 10, and the server knows nothing.
    Locked,
    /// The same, and once more when the next call may be under way.
    LockedLate,
    /// The answer comes, and once more when the next call may be under way.
    Late,
    /// Code 30, and the server knows nothing.
    TooOften,
    /// An entry is missing.
    Few,
    /// The answer comes byte by byte, and too slowly to be waited for.
    Slow,
}

pub(crate) const FAULTS: [Fault; 10] = [
    Fault::DropBefore,
    Fault::DropAfter,
    Fault::Half,
    Fault::Twice,
    Fault::Status,
    Fault::StatusAfter,
    Fault::Locked,
    Fault::TooOften,
    Fault::Few,
    Fault::Slow,
];

/// A generator of numbers that a seed repeats (splitmix64).
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.roll() % end
    }
}

pub(crate) struct Proxy {
    pub(crate) address: SocketAddr,
    /// Calls that came.
    pub(crate) calls: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address);
    }
}

struct Message {
    head: String,
    body: Vec<u8>,
}

impl Message {
    fn bytes(&self) -> Vec<u8> {
        [self.head.as_bytes(), &self.body].concat()
    }
}

fn read(stream: &mut BufReader<TcpStream>) -> io::Result<Option<Message>> {
    let (mut head, mut length) = (String::new(), 0);
    loop {
        let start = head.len();
        if stream.read_line(&mut head)? == 0 {
            return Ok(None);
        }
        let line = head[start..].to_ascii_lowercase();
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().map_err(io::Error::other)?;
        }
        if line == "\r\n" {
            break;
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body)?;
    Ok(Some(Message { head, body }))
}

impl Proxy {
    /// `fault` is asked about every call with its method, as `campaign/addrecipients`.
    pub(crate) fn new(
        server: SocketAddr,
        fault: impl Fn(&str) -> Fault + Send + Sync + 'static,
    ) -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, calls) = (
            Arc::new(AtomicBool::new(false)),
            Arc::new(AtomicU64::new(0)),
        );
        let fault = Arc::new(fault);
        let (ended, counted) = (Arc::clone(&stop), Arc::clone(&calls));
        std::thread::spawn(move || {
            for client in listener.incoming() {
                if ended.load(Ordering::SeqCst) {
                    break;
                }
                let Ok(client) = client else { continue };
                let (fault, calls) = (Arc::clone(&fault), Arc::clone(&counted));
                std::thread::spawn(move || {
                    // A connection that breaks is what it is here for.
                    let _ = relay(client, server, &*fault, &calls);
                });
            }
        });
        Proxy {
            address,
            calls,
            stop,
        }
    }
}

fn relay(
    client: TcpStream,
    server: SocketAddr,
    fault: &(dyn Fn(&str) -> Fault + Send + Sync),
    calls: &AtomicU64,
) -> io::Result<()> {
    client.set_nodelay(true)?;
    let mut out = client.try_clone()?;
    let mut client = BufReader::new(client);
    while let Some(request) = read(&mut client)? {
        calls.fetch_add(1, Ordering::SeqCst);
        let path = request.head.split(' ').nth(1).unwrap_or_default();
        let method = path.trim_start_matches("/service/");
        let fault = fault(method.split('?').next().unwrap_or_default());
        let envelope = |code: u16| {
            answer(
                "200 OK",
                format!("{{\"code\":{code},\"data\":null,\"message\":\"\"}}").as_bytes(),
            )
        };
        match fault {
            Fault::DropBefore => return Ok(()),
            Fault::Status => {
                out.write_all(&answer("500 Internal Server Error", b"oops"))?;
                continue;
            }
            Fault::Locked => {
                out.write_all(&envelope(10))?;
                continue;
            }
            Fault::LockedLate => {
                late(&mut out, &envelope(10))?;
                continue;
            }
            Fault::TooOften => {
                out.write_all(&envelope(30))?;
                continue;
            }
            _ => {}
        }
        let mut upstream = TcpStream::connect(server)?;
        upstream.write_all(&request.bytes())?;
        let Some(response) = read(&mut BufReader::new(upstream))? else {
            return Ok(());
        };
        let bytes = response.bytes();
        match fault {
            Fault::DropAfter => return Ok(()),
            Fault::Half => {
                out.write_all(&bytes[..bytes.len() / 2])?;
                return Ok(());
            }
            Fault::Twice => out.write_all(&bytes.repeat(2))?,
            Fault::Late => late(&mut out, &bytes)?,
            Fault::StatusAfter => out.write_all(&answer("502 Bad Gateway", b"oops"))?,
            Fault::Few => {
                let mut envelope: Value = serde_json::from_slice(&response.body)?;
                if let Some(entries) = envelope["data"].as_array_mut() {
                    entries.pop();
                }
                out.write_all(&answer("200 OK", envelope.to_string().as_bytes()))?;
            }
            Fault::Slow => {
                for byte in bytes {
                    out.write_all(&[byte])?;
                    std::thread::sleep(Duration::from_millis(20));
                }
            }
            _ => out.write_all(&bytes)?,
        }
    }
    Ok(())
}

/// Writes an answer, and a while later the same again.
fn late(out: &mut TcpStream, bytes: &[u8]) -> io::Result<()> {
    out.write_all(bytes)?;
    std::thread::sleep(Duration::from_millis(30));
    out.write_all(bytes)
}

fn answer(status: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}
