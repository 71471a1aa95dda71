//! Webhooks of the real server, received over real HTTP.

mod server;

use serde_json::Value;
use server::{Server, add_account, recipients, start_with};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// What was posted: path, type and body.
#[derive(Clone, Debug)]
struct Post {
    path: String,
    kind: String,
    body: String,
}

/// The answer's status, and where it leads; none hangs up without one.
type Answer = Option<(u16, &'static str)>;

type Decide = dyn Fn(&Post) -> Answer + Send + Sync;

fn receive(
    decide: impl Fn(&Post) -> Answer + Send + Sync + 'static,
) -> (SocketAddr, Receiver<Post>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (sender, posts) = channel();
    let decide: Arc<Decide> = Arc::new(decide);
    let sender = Arc::new(Mutex::new(sender));
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (decide, sender) = (Arc::clone(&decide), Arc::clone(&sender));
            // A server that is killed hangs up.
            std::thread::spawn(move || drop(serve(stream.unwrap(), &*decide, &sender)));
        }
    });
    (address, posts)
}

fn serve(stream: TcpStream, decide: &Decide, sender: &Mutex<Sender<Post>>) -> std::io::Result<()> {
    let mut out = stream.try_clone()?;
    let mut stream = BufReader::new(stream);
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line)? == 0 {
            return Ok(());
        }
        assert!(line.starts_with("POST "), "{line}");
        let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
        let (mut kind, mut length) = (String::new(), 0);
        loop {
            line.clear();
            stream.read_line(&mut line)?;
            let (name, value) = line.trim().split_once(':').unwrap_or_default();
            match name.to_ascii_lowercase().as_str() {
                "content-type" => kind = value.trim().to_owned(),
                "content-length" => length = value.trim().parse().unwrap(),
                "" => break,
                _ => {}
            }
        }
        let mut body = vec![0; length];
        stream.read_exact(&mut body)?;
        let body = String::from_utf8(body).unwrap();
        let post = Post { path, kind, body };
        let answer = decide(&post);
        let _ = sender.lock().unwrap().send(post);
        let Some((status, location)) = answer else {
            return Ok(());
        };
        write!(
            out,
            "HTTP/1.1 {status} X\r\nContent-Length: 0\r\nLocation: {location}\r\n\r\n"
        )?;
    }
}

fn hook(db: &Path, url: &str, more: &[&str]) -> String {
    let mut command = recipients();
    command.args(["webhook", "add", "--account", "test", "--url", url, "--db"]);
    let added = command.arg(db).args(more).output().unwrap();
    assert!(
        added.status.success(),
        "{}",
        String::from_utf8_lossy(&added.stderr)
    );
    String::from_utf8(added.stdout).unwrap().trim().to_owned()
}

fn hooks(db: &Path) -> String {
    let mut command = recipients();
    let listed = command
        .args(["webhook", "list", "--account", "test", "--db"])
        .arg(db)
        .output();
    String::from_utf8(listed.unwrap().stdout).unwrap()
}

fn server(folder: &Path, options: &[&str]) -> Server {
    let db = folder.join("test.db");
    let key = match db.exists() {
        true => std::fs::read_to_string(folder.join("key")).unwrap(),
        false => {
            let key = add_account(&db, "test", &["--zone", "Europe/Kyiv"]);
            std::fs::write(folder.join("key"), &key).unwrap();
            key
        }
    };
    let options = [&["--delay", "0"], options].concat();
    let (process, address) = start_with(&db, &options, folder);
    Server {
        process,
        address,
        db,
        key,
    }
}

/// A campaign of so many recipients, sent.
fn send(server: &Server, count: u64) -> String {
    let id = server.campaign("Hello");
    let numbers: Vec<String> = (0..count).map(|n| format!("38097{n:07}")).collect();
    server.ok(
        "campaign/addRecipients",
        &[("id", &id), ("recipients", &numbers.join(","))],
    );
    server.ok("campaign/send", &[("id", &id)]);
    id
}

fn next(posts: &Receiver<Post>) -> Post {
    posts.recv_timeout(Duration::from_secs(30)).expect("a post")
}

fn id_of(post: &Post) -> u64 {
    let body: Value = serde_json::from_str(&post.body).unwrap();
    body["eventId"].as_u64().unwrap()
}

#[test]
fn every_final_status_in_every_format() {
    const COUNT: usize = 120;
    let folder = tempfile::tempdir().unwrap();
    let server = server(folder.path(), &["--allow-private-webhooks"]);
    let (address, posts) = receive(|_| Some((204, "")));
    std::fs::write(folder.path().join("secret"), "secret123\n").unwrap();
    let secret = folder.path().join("secret");
    let secret = ["--secret-file", secret.to_str().unwrap()];
    let ids = ["json", "xml", "raw"].map(|format| {
        let url = format!("http://{address}/{format}");
        hook(
            &server.db,
            &url,
            &[&["--format", format], &secret[..]].concat(),
        )
    });
    let campaign = send(&server, COUNT as u64);
    let posts: Vec<Post> = (0..3 * COUNT).map(|_| next(&posts)).collect();
    server.until(&campaign, "DONE");

    let mut statuses = BTreeMap::new();
    for page in ["0", "1"] {
        let fields = [
            ("criteria[campaignIds]", campaign.as_str()),
            ("pagination[pageSize]", "100"),
            ("pagination[currentPage]", page),
        ];
        for item in server.ok("message/list", &fields)["items"]
            .as_array()
            .unwrap()
        {
            let text = |name: &str| item[name].as_str().unwrap().to_owned();
            statuses.insert(text("id"), (text("status"), text("to")));
        }
    }
    assert_eq!(statuses.len(), COUNT);
    let mut seen = BTreeSet::new();
    let mut events = BTreeSet::new();
    for post in posts.iter().filter(|post| post.path == "/json") {
        assert_eq!(post.kind, "application/json; charset=utf-8");
        let body: Value = serde_json::from_str(&post.body).unwrap();
        assert_eq!(
            (&body["eventType"], &body["attempt"]),
            (&"sms-delivery-report".into(), &1.into())
        );
        assert_eq!(body["webhookId"].to_string(), ids[0]);
        assert_eq!(body["sign"].as_str().unwrap().len(), 40);
        let data = &body["data"];
        assert_eq!(
            (data["campaignId"].to_string(), data["segNum"].as_u64()),
            (campaign.clone(), Some(1))
        );
        let message = data["messageId"].to_string();
        let (status, to) = &statuses[&message];
        assert_eq!(
            (data["status"].as_str(), data["to"].as_str()),
            (Some(status.as_str()), Some(to.as_str()))
        );
        events.insert(body["eventId"].as_u64().unwrap());
        seen.insert(message);
    }
    assert_eq!((seen.len(), events.len()), (COUNT, COUNT));
    assert!(statuses.values().any(|(status, _)| status != "DELIVRD"));
    for (path, kind, part) in [
        ("/xml", "text/xml; charset=utf-8", "<data><campaignId>"),
        (
            "/raw",
            "application/x-www-form-urlencoded",
            "&data%5BcampaignId%5D=",
        ),
    ] {
        let those: Vec<&Post> = posts.iter().filter(|post| post.path == path).collect();
        assert_eq!(those.len(), COUNT);
        assert!(
            those
                .iter()
                .all(|post| post.kind == kind && post.body.contains(part))
        );
    }
    let deadline = Instant::now() + Duration::from_secs(10);
    while hooks(&server.db).matches(" 0 waiting, 0 given up").count() < 3 {
        assert!(Instant::now() < deadline, "{}", hooks(&server.db));
    }
    let mut remove = recipients();
    assert!(
        remove
            .args(["webhook", "remove", &ids[0], "--db"])
            .arg(&server.db)
            .status()
            .unwrap()
            .success()
    );
    assert_eq!(hooks(&server.db).lines().count(), 2);
}

/// The server dies when the receiver has the event and the server does not know: it comes again, and
/// is known by its number.
#[test]
fn at_least_once_through_crashes() {
    let folder = tempfile::tempdir().unwrap();
    let mut first = server(folder.path(), &["--allow-private-webhooks"]);
    let (address, posts) = receive(|post| {
        // The first ones are taken, and the answer does not come in time.
        let is_early = post.path == "/slow" && !post.body.is_empty();
        static COUNT: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
        if is_early && COUNT.fetch_add(1, std::sync::atomic::Ordering::SeqCst) < 8 {
            std::thread::sleep(Duration::from_secs(3));
            return None;
        }
        Some((200, ""))
    });
    hook(&first.db, &format!("http://{address}/slow"), &[]);
    send(&first, 20);
    // Posts are told of when they are answered; by then the server is gone.
    std::thread::sleep(Duration::from_millis(1500));
    first.process.kill().unwrap();
    first.process.wait().unwrap();
    let early: BTreeSet<u64> = (0..8).map(|_| id_of(&next(&posts))).collect();
    assert_eq!(early.len(), 8);
    let second = server(folder.path(), &["--allow-private-webhooks"]);
    let again: BTreeSet<u64> = (0..20).map(|_| id_of(&next(&posts))).collect();
    assert_eq!(again.len(), 20);
    assert!(again.is_superset(&early));
    drop(second);
}

#[test]
fn one_redirect_and_no_private_addresses() {
    let folder = tempfile::tempdir().unwrap();
    let one = server(folder.path(), &["--allow-private-webhooks"]);
    let (address, posts) = receive(|post| {
        Some(match post.path.as_str() {
            "/once" => (302, "/there"),
            "/twice" => (301, "/once"),
            _ => (200, ""),
        })
    });
    let ids = ["once", "twice"].map(|path| hook(&one.db, &format!("http://{address}/{path}"), &[]));
    send(&one, 1);
    let paths: BTreeSet<String> = (0..4).map(|_| next(&posts).path).collect();
    // /twice leads to /once, and no further.
    assert_eq!(
        paths.into_iter().collect::<Vec<_>>(),
        ["/once", "/there", "/twice"]
    );
    let deadline = Instant::now() + Duration::from_secs(10);
    let settled = || {
        let list = hooks(&one.db);
        let line = |id: &str| {
            list.lines()
                .find(|line| line.starts_with(id))
                .unwrap()
                .to_owned()
        };
        line(&ids[0]).contains(" 0 waiting") && line(&ids[1]).contains(" 1 waiting")
    };
    while !settled() {
        assert!(Instant::now() < deadline, "{}", hooks(&one.db));
    }
    drop(one);

    let folder = tempfile::tempdir().unwrap();
    let strict = server(folder.path(), &[]);
    let (address, posts) = receive(|_| Some((200, "")));
    hook(&strict.db, &format!("http://{address}/"), &[]);
    let id = send(&strict, 1);
    strict.until(&id, "DONE");
    assert!(posts.recv_timeout(Duration::from_secs(2)).is_err());
    assert!(hooks(&strict.db).contains(" 1 waiting"));

    // What cannot be added.
    let mut long = "http://a/".to_owned();
    long.push_str(&"b".repeat(1000));
    for (url, code) in [("ftp://a", 2), ("http://", 2), (long.as_str(), 2)] {
        let mut command = recipients();
        command.args(["webhook", "add", "--account", "test", "--url", url, "--db"]);
        assert_eq!(
            command.arg(&strict.db).output().unwrap().status.code(),
            Some(code),
            "{url}"
        );
    }
}
