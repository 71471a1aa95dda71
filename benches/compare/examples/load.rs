//! What the campaign server costs beside bare inserts into the same tables.
//!
//! `cargo run --release -p recipients-benches-compare --example load -- target/release/recipients [ROWS]`
//!
//! Requests of 500 recipients over HTTP against a program that inserts the same rows with the same
//! indexes and one full-sync commit per 500, over 1, 8 and 64 connections; recipients who get links of
//! their own against others; an import of a file
//! against the same inserts with a commit per 10,000; what GetInfo and List take when all is there;
//! and the server's memory. Both sides take turns.

#![allow(clippy::print_stdout, reason = "figures are what it is run for")]

use rusqlite::{Connection, TransactionBehavior};
use std::error::Error;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

const SCHEMA: &str = include_str!("../../../crates/campaigns/src/store/schema.sql");
const BATCH: u64 = 500;
const IMPORT_BATCH: u64 = 10_000;
const ROUNDS: usize = 5;

/// The fields of a campaign that is nothing special.
const PLAIN: &str = "data[text]=Hello";

/// Ukrainian mobile numbers, far apart as in a shuffled list.
fn number(at: u64) -> u64 {
    let prefix = [380_500_000_000, 380_670_000_000, 380_970_000_000][(at % 3) as usize];
    prefix + at.wrapping_mul(7_368_787) % 10_000_000
}

fn bare(folder: &Path, rows: u64, lists: u64, batch: u64) -> Result<Duration> {
    let path = folder.join("bare.db");
    for end in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(format!("{}{end}", path.display()));
    }
    let mut connection = Connection::open(path)?;
    connection.pragma_update(None, "journal_mode", "wal")?;
    connection.pragma_update(None, "synchronous", "full")?;
    connection.pragma_update(None, "cache_size", -16_384)?;
    connection.execute_batch(SCHEMA)?;
    let started = Instant::now();
    for (turn, first) in (0..rows).step_by(batch as usize).enumerate() {
        let change = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        {
            let mut insert = change.prepare_cached(
                "INSERT INTO message (campaign, generation, number, text, segments, price, status, \
                 contact) VALUES (?, 0, ?, NULL, 1, 0, 0, NULL) ON CONFLICT DO NOTHING",
            )?;
            for at in first..rows.min(first + batch) {
                insert.execute((turn as i64 % lists as i64, number(at) as i64))?;
            }
        }
        change.commit()?;
    }
    Ok(started.elapsed())
}

struct Server {
    process: Child,
    address: String,
    key: String,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Server {
    fn start(binary: &str, folder: &Path) -> Result<Server> {
        let db = folder.join("server.db");
        for end in ["", "-wal", "-shm"] {
            let _ = std::fs::remove_file(format!("{}{end}", db.display()));
        }
        let add = Command::new(binary)
            .args(["account", "add", "load", "--db"])
            .arg(&db)
            .output()?;
        let key = String::from_utf8(add.stdout)?.trim().to_owned();
        let mut process = Command::new(binary)
            .args(["serve", "--listen", "127.0.0.1:0", "--db"])
            .arg(&db)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let mut line = String::new();
        BufReader::new(process.stdout.take().ok_or("no output")?).read_line(&mut line)?;
        let address = line
            .split("http://")
            .nth(1)
            .and_then(|rest| rest.split('/').next());
        let address = address.ok_or("no address")?.to_owned();
        Ok(Server {
            process,
            address,
            key,
        })
    }

    fn connect(&self) -> Result<BufReader<TcpStream>> {
        let stream = TcpStream::connect(&self.address)?;
        stream.set_nodelay(true)?;
        Ok(BufReader::new(stream))
    }

    fn request(&self, method: &str, kind: &str, body: &[u8]) -> Vec<u8> {
        let head = format!(
            "POST /service/{method}?apiKey={} HTTP/1.1\r\nHost: {}\r\nContent-Type: {kind}\r\n\
             Content-Length: {}\r\n\r\n",
            self.key,
            self.address,
            body.len()
        );
        [head.as_bytes(), body].concat()
    }

    fn call(&self, method: &str, body: &str) -> Result<String> {
        let kind = "application/x-www-form-urlencoded";
        exchange(
            &mut self.connect()?,
            &self.request(method, kind, body.as_bytes()),
        )
    }

    fn campaign(&self, fields: &str) -> Result<String> {
        let answer = self.call("campaign/create", fields)?;
        Ok(field(&answer, "\"data\":\"")?.to_owned())
    }

    fn peak_memory(&self) -> Result<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id()))?;
        let line = status
            .lines()
            .find(|line| line.starts_with("VmHWM"))
            .ok_or("no VmHWM")?;
        Ok(line.split_whitespace().nth(1).ok_or("no number")?.parse()?)
    }

    fn import(&self, rows: u64) -> Result<Duration> {
        let id = self.campaign(PLAIN)?;
        let mut body = format!(
            "--b\r\nContent-Disposition: form-data; name=\"id\"\r\n\r\n{id}\r\n--b\r\n\
             Content-Disposition: form-data; name=\"recipientsFile\"; filename=\"l.csv\"\r\n\r\n"
        )
        .into_bytes();
        (0..rows).for_each(|at| body.extend(format!("{}\n", number(at)).as_bytes()));
        body.extend(b"\r\n--b--\r\n");
        let request = self.request(
            "campaign/addrecipients",
            "multipart/form-data; boundary=b",
            &body,
        );
        let started = Instant::now();
        let answer = exchange(&mut self.connect()?, &request)?;
        assert!(answer.starts_with("{\"code\":100,"), "{answer}");
        let task = field(&answer, "\"data\":")?.to_owned();
        loop {
            std::thread::sleep(Duration::from_millis(20));
            // Asked once a second; GetInfo tells sooner.
            let info = self.call("campaign/getinfo", &format!("id={id}"))?;
            let total: u64 = field(&info, "\"totalMsgNum\":\"")?.parse()?;
            if total >= rows {
                let taken = started.elapsed();
                std::thread::sleep(Duration::from_millis(1100));
                let status = self.call("taskqueue/getstatus", &format!("id={task}"))?;
                assert!(status.contains("\"status\":2"), "{status}");
                return Ok(taken);
            }
        }
    }
}

fn field<'a>(answer: &'a str, before: &str) -> Result<&'a str> {
    let rest = answer
        .split(before)
        .nth(1)
        .ok_or_else(|| format!("no {before} in {answer}"))?;
    Ok(rest.split(['"', ',', '}']).next().unwrap_or_default())
}

/// Sends a request and reads its answer; the connection stays open.
fn exchange(stream: &mut BufReader<TcpStream>, request: &[u8]) -> Result<String> {
    stream.get_mut().write_all(request)?;
    let mut length = 0;
    loop {
        let mut line = String::new();
        stream.read_line(&mut line)?;
        if line.trim().is_empty() {
            break;
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse()?;
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body)?;
    Ok(String::from_utf8(body)?)
}

/// Adds the rows over so many connections, each to a campaign of its own that is made of these fields.
fn add(server: &Server, rows: u64, connections: u64, fields: &str) -> Result<Duration> {
    let kind = "application/x-www-form-urlencoded";
    let mut requests: Vec<Vec<Vec<u8>>> = vec![Vec::new(); connections as usize];
    let ids = (0..connections)
        .map(|_| server.campaign(fields))
        .collect::<Result<Vec<String>>>()?;
    for (turn, first) in (0..rows).step_by(BATCH as usize).enumerate() {
        let to = turn % connections as usize;
        let numbers: Vec<String> = (first..rows.min(first + BATCH))
            .map(|at| number(at).to_string())
            .collect();
        let body = format!("id={}&recipients={}", ids[to], numbers.join("%2C"));
        requests[to].push(server.request("campaign/addrecipients", kind, body.as_bytes()));
    }
    let streams = (0..connections)
        .map(|_| server.connect())
        .collect::<Result<Vec<_>>>()?;
    let started = Instant::now();
    std::thread::scope(|scope| {
        let threads: Vec<_> = requests
            .iter()
            .zip(streams)
            .map(|(requests, mut stream)| {
                scope.spawn(move || -> Result<()> {
                    for request in requests {
                        let answer = exchange(&mut stream, request)?;
                        assert!(answer.starts_with("{\"code\":0,"), "{answer}");
                    }
                    Ok(())
                })
            })
            .collect();
        threads
            .into_iter()
            .try_for_each(|thread| thread.join().expect("no panic"))
    })?;
    Ok(started.elapsed())
}

fn median(mut times: Vec<Duration>) -> f64 {
    times.sort();
    times[times.len() / 2].as_secs_f64()
}

fn row(name: &str, ours: f64, theirs: f64) {
    println!(
        "| {name} | {ours:.2} | {theirs:.2} | {:.2} |",
        ours / theirs
    );
}

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let binary = arguments.next().ok_or("name the recipients binary")?;
    let rows: u64 = arguments
        .next()
        .map_or(Ok(1_000_000), |rows| rows.parse())?;
    let folder = std::env::current_dir()?.join("target/load");
    std::fs::create_dir_all(&folder)?;
    let some = rows / 5;
    println!("| | server s | bare inserts s | ratio |\n|---|---:|---:|---:|");
    for connections in [1, 8, 64] {
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            theirs.push(bare(&folder, some, connections, BATCH)?);
            let server = Server::start(&binary, &folder)?;
            ours.push(add(&server, some, connections, PLAIN)?);
        }
        let (ours, theirs) = (median(ours), median(theirs));
        row(
            &format!("{some} rows, {connections} connections"),
            ours,
            theirs,
        );
    }
    let (mut tracked, mut plain) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let server = Server::start(&binary, &folder)?;
        let link = server.call("link/create", "data[fullLink]=https://example.com/")?;
        let link = field(&link, "\"shortLink\":\"")?.replace("\\/", "/");
        let text = format!("data[text]=Sale! {link}");
        plain.push(add(&server, some / 2, 1, &text)?);
        let tracking = format!("{text}&data[trackShortLinkRecipients]=1");
        tracked.push(add(&server, some / 2, 1, &tracking)?);
    }
    let (tracked, plain) = (median(tracked), median(plain));
    let name = format!(
        "{} recipients with links of their own, beside without",
        some / 2
    );
    row(&name, tracked, plain);
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        theirs.push(bare(&folder, rows, 1, IMPORT_BATCH)?);
        let server = Server::start(&binary, &folder)?;
        ours.push(server.import(rows)?);
    }
    let (ours, theirs) = (median(ours), median(theirs));
    row(&format!("a file of {rows} rows"), ours, theirs);
    let server = Server::start(&binary, &folder)?;
    server.import(10_000)?;
    let small = server.peak_memory()?;
    server.import(rows)?;
    let large = server.peak_memory()?;
    println!("\n| | |\n|---|---:|");
    println!("| memory after 10,000 rows | {} MB |", small / 1024);
    println!("| memory after {rows} rows | {} MB |", large / 1024);
    for (method, body) in [("campaign/getinfo", "id=2"), ("campaign/list", "")] {
        let mut times = Vec::new();
        for _ in 0..500 {
            let started = Instant::now();
            server.call(method, body)?;
            times.push(started.elapsed());
        }
        times.sort();
        let ms = |at: usize| times[at].as_secs_f64() * 1000.0;
        println!("| {method}, median | {:.2} ms |", ms(250));
        println!("| {method}, 99th percentile | {:.2} ms |", ms(495));
    }
    Ok(())
}
