//! The server as only a test program can set it up: with a link maker and a store that fail when
//! they are told to (codes 3, 51 and 99), and with little patience.
#![cfg(feature = "server")]

use recipients_api_adapter::server::{self, ServerOptions, Setup};
use recipients_campaigns::{Campaigns, Error, Faults, LinkMaker, Moment, Money, Options, Settings};
use recipients_core::Msisdn;
use serde_json::{Value, json};
use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Makes codes of links, and none that belong to a recipient.
#[derive(Debug)]
struct FewCodes(AtomicUsize);

impl LinkMaker for FewCodes {
    fn code(&self, _: usize) -> Result<String, Error> {
        Ok(format!("{:05}", self.0.fetch_add(1, Ordering::SeqCst)))
    }

    fn permit_own(&self) -> Result<(), Error> {
        Err(Error::Internal("out of codes".to_owned()))
    }
}

/// A store that fails for one number, and altogether when it is told to.
#[derive(Debug, Default)]
struct BadStore(AtomicBool);

const BAD: &str = "380971112299";

impl Faults for BadStore {
    fn refuses(&self, number: Msisdn) -> bool {
        number.to_string() == BAD
    }

    fn commit(&self, moment: Moment) {
        if moment == Moment::Before && self.0.swap(false, Ordering::SeqCst) {
            panic!("the disk is on fire at /var/secret");
        }
    }
}

struct Server {
    url: String,
    key: String,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    fn new(folder: &Path, faults: &Arc<BadStore>) -> Server {
        Server::with(folder, faults, ServerOptions::default())
    }

    fn with(folder: &Path, faults: &Arc<BadStore>, server_options: ServerOptions) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let options = Options {
            links: Arc::new(FewCodes(AtomicUsize::new(0))),
            faults: Arc::clone(faults) as Arc<dyn Faults>,
            link_base: format!("{url}/l/"),
            ..Options::default()
        };
        let campaigns = Arc::new(Campaigns::open(&folder.join("test.db"), options).unwrap());
        campaigns.take_charge().unwrap();
        let key = campaigns
            .add_account("test", &Settings::default(), Money(0))
            .unwrap();
        let stop = Arc::new(AtomicBool::new(false));
        let setup = Setup {
            options: server_options,
            ..Setup::default()
        };
        let thread = std::thread::spawn({
            let stop = Arc::clone(&stop);
            move || server::run(&campaigns, listener, setup, &stop).unwrap()
        });
        Server {
            url,
            key,
            stop,
            thread: Some(thread),
        }
    }

    fn call(&self, method: &str, fields: &[(&str, &str)]) -> Value {
        let url = format!("{}/service/{method}?apiKey={}", self.url, self.key);
        let mut answer = ureq::post(url).send_form(fields.iter().copied()).unwrap();
        serde_json::from_str(&answer.body_mut().read_to_string().unwrap()).unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        let _ = self.thread.take().unwrap().join();
    }
}

fn codes(answer: &Value) -> Vec<u64> {
    let entries = answer["data"].as_array().expect("entries");
    entries
        .iter()
        .map(|e| e["code"].as_u64().unwrap())
        .collect()
}

#[test]
fn d1_codes_51_and_99() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::new(folder.path(), &Arc::default());
    let link = server.call("link/create", &[("data[fullLink]", "example.com")]);
    let text = format!("See {}", link["data"]["shortLink"].as_str().unwrap());
    let tracked = [
        ("data[text]", text.as_str()),
        ("data[trackShortLinkRecipients]", "1"),
    ];
    let id = server.call("campaign/create", &tracked)["data"].clone();
    let list = format!("380971112233,{BAD},none");
    let add = |id: &Value| {
        let fields = [("id", id.as_str().unwrap()), ("recipients", list.as_str())];
        server.call("campaign/addRecipients", &fields)
    };
    // What has no link is not added, and so no duplicate the next time.
    for _ in 0..2 {
        let answer = add(&id);
        assert_eq!(
            (&answer["code"], codes(&answer)),
            (&json!(99), vec![51, 99, 2])
        );
        assert!(answer["data"][0]["messageId"].is_null());
    }
    let plain = server.call("campaign/create", &[("data[text]", text.as_str())]);
    let answer = add(&plain["data"]);
    assert_eq!(
        (&answer["code"], codes(&answer)),
        (&json!(98), vec![0, 99, 2])
    );
}

#[test]
fn d34_an_internal_fault_tells_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let faults = Arc::new(BadStore::default());
    let server = Server::new(folder.path(), &faults);
    let id = server.call("campaign/create", &[("data[text]", "Hello")])["data"].clone();
    let id = id.as_str().unwrap();
    let add = || {
        server.call(
            "campaign/addRecipients",
            &[("id", id), ("recipients", "380971112233")],
        )
    };
    faults.0.store(true, Ordering::SeqCst);
    let answer = add();
    assert_eq!(
        (&answer["code"], &answer["data"]),
        (&json!(3), &json!(null))
    );
    assert!(!answer.to_string().contains("secret"), "{answer}");
    // Nothing of it was carried out, and the campaign is not locked.
    assert_eq!(codes(&add()), [0]);
}

impl Server {
    /// Sends pieces with a pause before each, and reads until the server hangs up.
    fn dribble(&self, pieces: &[&[u8]], pause: Duration) -> String {
        let mut stream = TcpStream::connect(self.url.strip_prefix("http://").unwrap()).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(10)))
            .unwrap();
        for piece in pieces {
            std::thread::sleep(pause);
            if stream.write_all(piece).is_err() {
                break;
            }
        }
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        String::from_utf8_lossy(&answer).into_owned()
    }
}

/// Whoever takes his time loses his connection, and keeps nobody else from being served.
#[test]
fn slow_clients() {
    let folder = tempfile::tempdir().unwrap();
    let options = ServerOptions {
        patience: Duration::from_millis(400),
        connections: 4,
        ..ServerOptions::default()
    };
    let server = Server::with(folder.path(), &Arc::default(), options);
    let started = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                let pause = Duration::from_millis(100);
                // A head that never ends: no answer, and the connection does not stay.
                let began = Instant::now();
                let head = server.dribble(&[&b"GET /service/user/getownbalance HTTP/1.1\r\nA: "[..]; 1], pause);
                assert!(!head.contains("200 OK"), "{head}");
                assert!(began.elapsed() < options.patience * 10, "the server has not hung up");
                // A body that comes byte by byte, each in time, and far too slow as a whole.
                let mut pieces: Vec<&[u8]> = vec![
                    b"POST /service/user/getownbalance HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n",
                ];
                pieces.extend([&b"a"[..]; 60]);
                let body = server.dribble(&pieces, pause);
                assert!(body.starts_with("HTTP/1.1 408"), "{body}");
                // A body that does not come at all.
                let body = server.dribble(&pieces[..1], pause);
                assert!(body.starts_with("HTTP/1.1 408"), "{body}");
            });
        }
        for _ in 0..20 {
            assert_eq!(server.call("user/getownbalance", &[])["code"], 0);
        }
    });
    assert!(started.elapsed() < Duration::from_secs(20));
    assert_eq!(server.call("user/getownbalance", &[])["code"], 0);
}

/// Whoever takes nothing of a long answer loses it.
#[test]
fn an_answer_that_is_not_taken() {
    let folder = tempfile::tempdir().unwrap();
    let options = ServerOptions {
        patience: Duration::from_millis(400),
        ..ServerOptions::default()
    };
    let server = Server::with(folder.path(), &Arc::default(), options);
    let text = "€".repeat(40_000);
    let campaign = server.call("campaign/create", &[("data[text]", &text)]);
    let numbers: Vec<String> = (0..100u64)
        .map(|n| (380_971_110_000 + n).to_string())
        .collect();
    let fields = [
        ("id", campaign["data"].as_str().unwrap()),
        ("recipients", &numbers.join(",")),
    ];
    assert_eq!(server.call("campaign/addrecipients", &fields)["code"], 0);
    let request = format!(
        "GET /service/message/list?apiKey={}&pagination[pageSize]=100 HTTP/1.1\r\nHost: x\r\n\
         Connection: close\r\n\r\n",
        server.key
    );
    // More than fits between the two.
    let whole = server.dribble(&[request.as_bytes()], Duration::ZERO);
    assert!(
        whole.len() > 10 << 20 && whole.ends_with('}'),
        "{}",
        whole.len()
    );
    let mut stream = TcpStream::connect(server.url.strip_prefix("http://").unwrap()).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    std::thread::sleep(options.patience * 5);
    stream
        .set_read_timeout(Some(Duration::from_secs(10)))
        .unwrap();
    let mut taken = Vec::new();
    let _ = stream.read_to_end(&mut taken);
    assert!(taken.len() < whole.len(), "all of it was still to be had");
}

/// Connections that say nothing or not enough, and new ones in place of each that had to leave, twice as
/// many as there is room for: a client that asks is answered at once, on a new connection each time, and one
/// that has been answered keeps its own.
#[test]
fn a_flood_of_silent_connections() {
    let folder = tempfile::tempdir().unwrap();
    let options = ServerOptions {
        connections: 16,
        silent_connections: 16,
        ..ServerOptions::default()
    };
    let server = Server::with(folder.path(), &Arc::default(), options);
    let address = server.url.strip_prefix("http://").unwrap();
    let head = format!(
        "GET /service/user/getownbalance?apiKey={} HTTP/1.1\r\nHost: x\r\n\r\n",
        server.key
    );
    let ask = |stream: &mut TcpStream| {
        stream.write_all(head.as_bytes()).unwrap();
        let mut answer = [0; 4096];
        let length = stream.read(&mut answer).unwrap();
        assert!(answer.starts_with(b"HTTP/1.1 200"), "{length}");
    };
    let connect = || {
        let stream = TcpStream::connect(address).unwrap();
        let patience = options.patience / 3;
        stream.set_read_timeout(Some(patience)).unwrap();
        stream
    };
    let mut kept = connect();
    ask(&mut kept);
    let over = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut silent: Vec<TcpStream> =
                (0..4 * options.connections).map(|_| connect()).collect();
            for stream in &silent {
                stream.set_nonblocking(true).unwrap();
            }
            while !over.load(Ordering::SeqCst) {
                for (at, stream) in silent.iter_mut().enumerate() {
                    let is_open = stream
                        .read(&mut [0])
                        .is_err_and(|e| e.kind() == ErrorKind::WouldBlock);
                    if !is_open {
                        *stream = connect();
                        stream.set_nonblocking(true).unwrap();
                        if at % 2 == 0 {
                            let _ = stream.write(b"P");
                        }
                    }
                    std::thread::sleep(Duration::from_millis(1));
                }
            }
        });
        // Long enough for the room to be full.
        std::thread::sleep(Duration::from_millis(200));
        for _ in 0..20 {
            ask(&mut connect());
            std::thread::sleep(Duration::from_millis(10));
        }
        ask(&mut kept);
        over.store(true, Ordering::SeqCst);
    });
}

/// Whoever has been answered makes room for others, however the answer was written: here together with
/// `100 Continue`.
#[test]
fn those_who_were_answered_make_room() {
    let folder = tempfile::tempdir().unwrap();
    let options = ServerOptions {
        connections: 4,
        ..ServerOptions::default()
    };
    let server = Server::with(folder.path(), &Arc::default(), options);
    let address = server.url.strip_prefix("http://").unwrap();
    let request = |path: &str| {
        format!(
            "POST /service/{path} HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n\
             Content-Length: 3\r\n\r\na=1"
        )
    };
    let balance = format!("user/getownbalance?output=json&apiKey={}", server.key);
    // One that nobody has to carry out, and one that has been.
    let requests = [request("a/b?output=zz"), request(&balance)];
    let ask = |request: &str| {
        let mut stream = TcpStream::connect(address).unwrap();
        let patience = options.patience / 3;
        stream.set_read_timeout(Some(patience)).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = Vec::new();
        let mut bytes = [0; 4096];
        while !answer.windows(12).any(|part| part == b"HTTP/1.1 200") {
            let length = stream.read(&mut bytes).unwrap();
            assert!(length > 0);
            answer.extend_from_slice(&bytes[..length]);
        }
        stream
    };
    for request in &requests {
        let streams = (0..4 * options.connections).map(|_| ask(request));
        let streams: Vec<TcpStream> = streams.collect();
        assert_eq!(server.call("user/getownbalance", &[])["code"], 0);
        drop(streams);
    }
}

/// A form of many short fields comes as fast as its bytes do, those between the values included.
#[test]
fn a_slow_form_of_short_fields() {
    let folder = tempfile::tempdir().unwrap();
    let options = ServerOptions {
        patience: Duration::from_millis(1500),
        ..ServerOptions::default()
    };
    let slowest = options.slowest;
    let server = Server::with(folder.path(), &Arc::default(), options);
    let part =
        |n: usize| format!("--b\r\nContent-Disposition: form-data; name=\"f{n:03}\"\r\n\r\nv\r\n");
    // Three times as fast as must be, for four times as long as is waited for one stretch.
    let parts = 3 * slowest as usize / 10 / part(0).len() + 1;
    let pieces: Vec<String> = (0..40).map(|_| (0..parts).map(part).collect()).collect();
    let length = pieces.iter().map(String::len).sum::<usize>() + "--b--\r\n".len();
    let head = format!(
        "POST /service/user/getownbalance?apiKey={} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\
         Content-Type: multipart/form-data; boundary=b\r\nContent-Length: {length}\r\n\r\n",
        server.key
    );
    let mut all = vec![head.as_bytes()];
    all.extend(pieces.iter().map(String::as_bytes));
    all.push(b"--b--\r\n");
    let answer = server.dribble(&all, Duration::from_millis(100));
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

/// Bodies wait for room, or are sent away, when others fill it.
#[test]
fn room_for_bodies() {
    let folder = tempfile::tempdir().unwrap();
    let options = ServerOptions {
        patience: Duration::from_millis(1500),
        // One such body fits, with what is made of it.
        bodies_bytes: 8 << 20,
        ..ServerOptions::default()
    };
    let server = Server::with(folder.path(), &Arc::default(), options);
    let head = |length: usize| {
        format!(
            "POST /service/user/getownbalance?apiKey={} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n",
            server.key
        )
    };
    let most = 900 << 10;
    let (held, more) = (vec![b'a'; most], vec![b'b'; most]);
    std::thread::scope(|scope| {
        // It has all of the room, and does not go on.
        let holds = scope.spawn(|| {
            let head = head(most + 1);
            server.dribble(&[head.as_bytes(), &held], Duration::ZERO)
        });
        std::thread::sleep(Duration::from_millis(300));
        let head = head(most);
        let waits = server.dribble(&[head.as_bytes(), &more], Duration::ZERO);
        assert!(holds.join().unwrap().starts_with("HTTP/1.1 408"));
        // Room came free when the first was sent away, or it did not in time.
        assert!(
            waits.starts_with("HTTP/1.1 200") || waits.starts_with("HTTP/1.1 503"),
            "{waits}"
        );
        // Small bodies need none.
        assert_eq!(server.call("user/getownbalance", &[])["code"], 0);
        let again = server.dribble(&[head.as_bytes(), &more], Duration::ZERO);
        assert!(again.starts_with("HTTP/1.1 200"), "{again}");
    });
}

/// Whoever sends large bodies slowly, without a key, keeps only half of the room from others: a body that
/// says first whose it is does not wait for them.
#[test]
fn strangers_leave_room_for_accounts() {
    let folder = tempfile::tempdir().unwrap();
    let options = ServerOptions {
        patience: Duration::from_secs(3),
        body_bytes: 1 << 20,
        // Two such bodies fit, with what is made of them.
        bodies_bytes: 15 << 20,
        ..ServerOptions::default()
    };
    let server = Server::with(folder.path(), &Arc::default(), options);
    let body = vec![b'a'; 900 << 10];
    let head = |query: &str, kind: &str, length: usize| {
        format!(
            "POST /service/user/getownbalance{query} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\
             Content-Type: {kind}\r\nContent-Length: {length}\r\n\r\n"
        )
    };
    const FORM: &str = "application/x-www-form-urlencoded";
    let key = &server.key;
    let field =
        |name: &str| format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n");
    let known = [
        (format!("?apiKey={key}"), FORM, String::new(), String::new()),
        (String::new(), FORM, format!("apiKey={key}&"), String::new()),
        (
            "?apiKey=wrong".to_owned(),
            FORM,
            format!("apiKey={key}&"),
            String::new(),
        ),
        (
            "?apiKey=".to_owned(),
            "application/json",
            format!("{{ \"apiKey\" : \"{key}\", \"a\": \""),
            "\"}".to_owned(),
        ),
        (
            String::new(),
            "multipart/form-data; boundary=b",
            format!("{}{key}\r\n{}", field("apiKey"), field("a")),
            "\r\n--b--\r\n".to_owned(),
        ),
    ];
    let (bulk, last) = body.split_at(body.len() - 1);
    let slow = |query: &str, pause: Duration| {
        // Another byte is announced, and does not come.
        let head = head(query, FORM, body.len() + 1);
        server.dribble(&[&[head.as_bytes(), bulk].concat(), last], pause)
    };
    std::thread::scope(|scope| {
        // One has room and does not go on. Another waits for it in vain, for the first sends a byte
        // meanwhile; it begins when that has its room, or each might have half of what it needs.
        let pause = options.patience / 2;
        let slow = &slow;
        let holds = scope.spawn(move || slow("", pause));
        std::thread::sleep(pause + options.patience / 6);
        let waits = scope.spawn(move || {
            let query = "?apiKey=0123456789012345678901234567890123456789";
            slow(query, Duration::ZERO)
        });
        std::thread::sleep(Duration::from_millis(300));
        let started = Instant::now();
        for (query, kind, before, behind) in &known {
            let head = head(query, kind, before.len() + body.len() + behind.len());
            let pieces: [&[u8]; 4] = [head.as_bytes(), before.as_bytes(), &body, behind.as_bytes()];
            let answer = server.dribble(&pieces, Duration::ZERO);
            let is_answered = answer.starts_with("HTTP/1.1 200") && answer.contains(r#""code":0"#);
            assert!(is_answered, "{query} {kind}: {answer}");
        }
        // The slow ones have not been given up yet.
        assert!(started.elapsed() < options.patience * 3 / 4);
        let (holds, waits) = (holds.join().unwrap(), waits.join().unwrap());
        assert!(holds.starts_with("HTTP/1.1 408"), "{holds}");
        assert!(waits.starts_with("HTTP/1.1 503"), "{waits}");
    });
}
