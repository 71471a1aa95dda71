//! Requests that mean no good: each gets a documented code, the server stays up, and what it holds
//! stays bounded.

mod server;

use serde_json::json;
use server::{A, Server, add_account, codes, encoded, recipients, start_by};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::time::Duration;

const FORM: &str = "application/x-www-form-urlencoded";

impl Server {
    /// What comes back for bytes that may be no HTTP: the first line.
    fn raw(&self, request: &[u8]) -> String {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(20)))
            .unwrap();
        // The server may hang up in the middle.
        let _ = stream.write_all(request);
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        let answer = String::from_utf8_lossy(&answer);
        answer.lines().next().unwrap_or_default().to_owned()
    }

    /// The most memory that it has taken so far, in MiB.
    #[cfg(target_os = "linux")]
    fn peak(&self) -> u64 {
        let status = format!("/proc/{}/status", self.process.id());
        let status = std::fs::read_to_string(status).unwrap();
        let line = status
            .lines()
            .find(|line| line.starts_with("VmHWM"))
            .unwrap();
        line.split_whitespace()
            .nth(1)
            .unwrap()
            .parse::<u64>()
            .unwrap()
            / 1024
    }
}

#[test]
fn what_is_no_request() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::new(folder.path(), &[]);
    let close = "Host: x\r\nConnection: close\r\n\r\n";
    for (request, status) in [
        (
            format!("PUT /service/campaign/get HTTP/1.1\r\n{close}"),
            "405",
        ),
        (format!("GET /elsewhere HTTP/1.1\r\n{close}"), "404"),
        (format!("GET /service/campaign HTTP/1.1\r\n{close}"), "404"),
        (format!("GET /l/..%2f..%2fetc HTTP/1.1\r\n{close}"), "404"),
        (
            format!(
                "GET /tasks/..%2f1/rejects.csv?apiKey={} HTTP/1.1\r\n{close}",
                server.key
            ),
            "200",
        ),
        (format!("nonsense\r\n{close}"), "400"),
        (
            "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n"
                .to_owned(),
            "400",
        ),
        (
            format!("GET /{} HTTP/1.1\r\n{close}", "a".repeat(70_000)),
            "414",
        ),
        (
            format!(
                "GET /service/campaign/list?{} HTTP/1.1\r\n{close}",
                "a".repeat(300_000)
            ),
            "4",
        ),
    ] {
        let answer = server.raw(request.as_bytes());
        let found = answer.split_whitespace().nth(1).unwrap_or_default();
        assert!(found.starts_with(status), "{}: {answer}", &request[..40]);
    }
    // Bytes that are no HTTP, as a TLS client's.
    assert!(
        !server
            .raw(b"\x16\x03\x01\x02\x00\x01\r\n\r\n")
            .contains("200")
    );
    assert_eq!(server.ok("user/getownbalance", &[])["currency"], "USD");
}

/// As much as must be taken is taken, and not much more.
#[test]
fn long_queries_and_large_bodies() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::new(folder.path(), &[]);
    // On one connection that is kept, as the libraries do it.
    for length in [100, 30_000, 65_534, 65_536, 100_000, 65_536, 10] {
        let query = format!("output=json&apiKey={}&x=", server.key);
        let query = format!(
            "{query}{}",
            "y".repeat(length.max(query.len()) - query.len())
        );
        let url = format!(
            "http://{}/service/user/getownbalance?{query}",
            server.address
        );
        let mut answer = ureq::get(&url).call();
        // The client's library has the same limit as ours: such a query goes by hand.
        let text = match &mut answer {
            Ok(answer) => answer.body_mut().read_to_string().unwrap(),
            Err(_) => {
                let path = url.split_once(&server.address).unwrap().1;
                let request =
                    format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
                server.raw(request.as_bytes())
            }
        };
        assert!(
            text.starts_with("{\"code\":0,") || text.contains("200 OK"),
            "{length}: {text}"
        );
    }
    // Two long ones and a short one on one connection.
    let get = |length: usize, end: &str| {
        let head = format!("GET /service/user/getownbalance?apiKey={}&x=", server.key);
        format!(
            "{head}{} HTTP/1.1\r\nHost: x\r\n{end}\r\n",
            "y".repeat(length)
        )
    };
    let mut stream = TcpStream::connect(&server.address).unwrap();
    for length in [66_000, 90_000, 10] {
        stream.write_all(get(length, "").as_bytes()).unwrap();
        let mut answer = [0; 4096];
        let read = stream.read(&mut answer).unwrap();
        assert!(answer[..read].starts_with(b"HTTP/1.1 200"), "{length}");
    }
    // 500 recipients with 64 fields each.
    let text: String = (0..63).map(|n| format!("{{f{n}}}")).collect();
    let id = server.ok(
        "campaign/create",
        &[("data[type]", "3"), ("data[text]", &text)],
    );
    let mut body = format!("id={}&params[placeholdersFlag]=3", id.as_str().unwrap());
    for at in 0..500 {
        let name = format!("recipients[{at}]");
        body.push_str(&format!("&{name}[recipient]={}", 380_971_112_000u64 + at));
        (0..63).for_each(|n| body.push_str(&format!("&{name}[f{n}]={}", encoded("о"))));
    }
    let answer = server.post(&server.url("campaign/addrecipients"), FORM, body.as_bytes());
    assert_eq!((&answer["code"], codes(&answer).len()), (&json!(0), 500));
    let info = server.ok(
        "campaign/getinfo",
        &[
            ("id", id.as_str().unwrap()),
            ("getFilledTplCampaignText", "1"),
        ],
    );
    assert_eq!(info["text"], "о".repeat(63));
    // The same as JSON.
    let one = |at: u64| {
        let mut map = serde_json::Map::new();
        map.insert("recipient".to_owned(), json!(380_971_113_000u64 + at));
        (0..63).for_each(|n| drop(map.insert(format!("f{n}"), json!("x"))));
        serde_json::Value::Object(map)
    };
    let body = json!({"id": id, "recipients": (0..500).map(one).collect::<Vec<_>>()});
    let url = server.url("campaign/addrecipients");
    let answer = server.post(&url, "application/json", body.to_string().as_bytes());
    assert_eq!(answer["code"], 0);
}

#[test]
fn more_than_can_be_held() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::new(folder.path(), &[]);
    let url = server.url("campaign/addrecipients");
    let post = |kind: &str, body: &[u8]| server.post(&url, kind, body)["code"].clone();
    let million = "k[]=&".repeat(1_000_000);
    let distinct: String = (0..300_000).map(|n| format!("k{n}=&")).collect();
    let deep = format!("recipients{}=1", "[a]".repeat(100_000));
    // Eight maps for eighteen bytes.
    let maps = "a[][][][][][][][]&".repeat(500_000);
    for body in [&million, &distinct, &deep, &maps] {
        assert_eq!(post(FORM, body.as_bytes()), 12);
    }
    let nested = format!("{{\"a\":{}1{}}}", "[".repeat(100_000), "]".repeat(100_000));
    let wide = format!("{{\"a\":[{}0]}}", "[],".repeat(5_000_000));
    let zeros = format!("{{\"a\":[{}0]}}", "0,".repeat(8_000_000));
    for body in [
        nested.as_str(),
        &wide,
        &zeros,
        "[]",
        "{",
        "{}x",
        "\u{feff}{}",
        "null",
    ] {
        assert_eq!(
            post("application/json", body.as_bytes()),
            12,
            "{}",
            &body[..1]
        );
    }
    let endless = format!("--b\r\nA: {}", "a".repeat(4 << 20));
    let preamble = "x".repeat(4 << 20);
    let parts = "--b\r\nContent-Disposition: form-data; name=\"a[]\"\r\n\r\n1\r\n".repeat(50_000)
        + "--b--\r\n";
    for (kind, body) in [
        ("multipart/form-data", "x"),
        ("multipart/form-data; boundary=b", "--b\r\nbroken"),
        (
            "multipart/form-data; boundary=b",
            "--b\r\nContent-Disposition: form-data; name=\"id\"\r\n\r\n1",
        ),
        ("multipart/form-data; boundary=b", &endless),
        ("multipart/form-data; boundary=b", &preamble),
        ("multipart/form-data; boundary=b", &parts),
    ] {
        assert_eq!(
            post(kind, body.as_bytes()),
            12,
            "{}",
            &body[..body.len().min(60)]
        );
    }
    // Too large for an envelope: a body, and a field of a multipart form.
    let head = |kind: &str, length: usize| {
        format!(
            "POST /service/campaign/get HTTP/1.1\r\nHost: x\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n\r\n"
        )
    };
    let large = [head(FORM, 17 << 20).as_bytes(), &vec![b'a'; 17 << 20]].concat();
    assert!(server.raw(&large).contains("413"));
    let field = [
        &b"--b\r\nContent-Disposition: form-data; name=\"id\"\r\n\r\n"[..],
        &vec![b'a'; 2 << 20],
        b"\r\n--b--\r\n",
    ]
    .concat();
    let large = [
        head("multipart/form-data; boundary=b", field.len()).as_bytes(),
        &field,
    ]
    .concat();
    assert!(server.raw(&large).contains("413"));
    // As many at a time as there is room for; more would wait, and get 503 in the end.
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| assert_eq!(post("application/json", zeros.as_bytes()), 12));
        }
    });
    #[cfg(target_os = "linux")]
    assert!(server.peak() < 600, "{} MiB", server.peak());
    assert_eq!(server.ok("user/getownbalance", &[])["currency"], "USD");
}

/// What multipart bodies and headers may do, and what they may not.
#[test]
fn parts_and_headers() {
    const KIND: &str = "multipart/form-data; boundary=b";
    let folder = tempfile::tempdir().unwrap();
    let server = Server::new(folder.path(), &[]);
    let part = |head: &str, text: &str| {
        format!("--b\r\nContent-Disposition: form-data; {head}\r\n\r\n{text}\r\n")
    };
    let text = |name: &str, text: &str| part(&format!("name=\"{name}\""), text);
    let head = |length: usize| {
        let path = "/service/campaign/list";
        format!(
            "POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: {KIND}\r\nContent-Length: {length}\r\n\r\n"
        )
    };
    // Long names are held as texts are.
    let names: String = (0..120)
        .map(|n| text(&format!("n{n}{}", "x".repeat(200_000)), "v"))
        .collect();
    let body = names + "--b--\r\n";
    let request = [head(body.len()).as_bytes(), body.as_bytes()].concat();
    assert!(server.raw(&request).contains("413"));
    #[cfg(target_os = "linux")]
    assert!(server.peak() < 120, "{} MiB", server.peak());
    // Whoever says beforehand that too much comes, and sends all of it, gets to know.
    let mut stream = TcpStream::connect(&server.address).unwrap();
    let length = 17usize << 20;
    let head = format!(
        "POST /service/campaign/get HTTP/1.1\r\nHost: x\r\nContent-Type: {FORM}\r\nContent-Length: {length}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(&vec![b'a'; length]).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
    // Whoever asks first is told without sending it.
    let head = head.replace("Host: x", "Host: x\r\nExpect: 100-continue");
    assert!(server.raw(head.as_bytes()).contains("413"));

    // A placeholder may be called as the parameter of a file is.
    let new = [("data[type]", "3"), ("data[text]", "{filename} of {name}")];
    let id = server.ok("campaign/create", &new);
    let id = id.as_str().unwrap();
    let add = |parts: &[String]| {
        let body = parts.concat() + "--b--\r\n";
        server.post(&server.url("campaign/addrecipients"), KIND, body.as_bytes())
    };
    let answer = add(&[
        text("id", id),
        text("recipients[0][recipient]", "380971112233"),
        text("recipients[0][filename]", "x.csv"),
        text("recipients[0][name]", "Bob"),
    ]);
    assert_eq!(answer["code"], 0, "{answer}");
    let shown = server.ok(
        "campaign/getinfo",
        &[("id", id), ("getFilledTplCampaignText", "1")],
    );
    assert_eq!(shown["text"], "x.csv of Bob");
    // A form in which no file was chosen.
    let chosen = "name=\"recipientsFile\"; filename=\"\"";
    let answer = add(&[
        text("id", id),
        text("recipients[0][recipient]", "380971112234"),
        text("recipients[0][filename]", "y"),
        text("recipients[0][name]", "Ann"),
        part(chosen, ""),
    ]);
    assert_eq!(answer["code"], 0, "{answer}");
    assert_eq!(add(&[text("id", id), part(chosen, "")])["code"], 12);

    // No header is a parameter.
    let request = format!(
        "GET /service/user/getownbalance HTTP/1.1\r\nHost: x\r\nX-Long-Query: apiKey={}\r\n\
         Connection: close\r\n\r\n",
        server.key
    );
    let mut stream = TcpStream::connect(&server.address).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.contains("\"code\":8"), "{answer}");
}

/// A list of nothing but blank lines, which count as no rows, keeps nobody waiting for long.
#[test]
fn a_list_of_blank_lines() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::new(folder.path(), &[]);
    let id = server.ok(
        "campaign/create",
        &[("data[text]", "a"), ("data[type]", "1")],
    );
    let lines = "\n".repeat(17 << 20);
    let answer = server.upload(id.as_str().unwrap(), "l.csv", lines.as_bytes(), &[]);
    assert_eq!(answer["code"], 1, "{answer}");
    let told = answer["data"].to_string();
    assert!(
        told.contains("16777216") && told.contains("part it"),
        "{told}"
    );
}

/// Ids that are none are named where they stand, and come after what they belong to.
#[test]
fn ids_that_are_none() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::new(folder.path(), &[]);
    let link = server.ok("link/create", &[("data[fullLink]", "https://example.com/")]);
    let link = link["id"].as_str().unwrap();
    let both = format!("abc,{link}");
    let stats = server.ok("link/getstats", &[("ids", &both)]);
    assert!(stats["totals"].get("totalClicks1").is_some(), "{stats}");
    let twice = format!("{link},{link},abc");
    let deleted = server.ok("link/delete", &[("ids", &twice)]);
    assert_eq!(
        deleted,
        json!({"processed": [link], "notProcessed": ["abc"]})
    );
    // D26: the campaign comes before the parameters.
    let code = |id: &str| {
        let fields = [("id", id), ("recipientGroups", "abc")];
        server.call("campaign/addrecipients", &fields)["code"].clone()
    };
    let id = server.ok(
        "campaign/create",
        &[("data[text]", "a"), ("data[type]", "2")],
    );
    let id = id.as_str().unwrap();
    assert_eq!((code("999"), code(id)), (json!(2), json!(1)));
    let new = [("id", id), ("recipients[]", "380971112233")];
    server.ok("campaign/addrecipients", &new);
    server.ok("campaign/send", &[("id", id)]);
    assert_eq!(code(id), 10);
    // A list is no text.
    for (method, field) in [
        ("contactgroup/create", "data[name][]"),
        ("link/create", "data[comment][]"),
        ("message/sendsmsmessage", "params[name][]"),
    ] {
        let fields = [
            (field, "x"),
            ("data[fullLink]", "https://example.com/"),
            ("recipient", "380971112233"),
            ("text", "x"),
        ];
        assert_eq!(server.call(method, &fields)["code"], 1, "{method}");
    }
}

/// Maps where texts should be, and the other way round, in every method.
#[test]
fn values_of_the_wrong_kind() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::new(folder.path(), &[]);
    let methods = "alphaname/list campaign/addrecipients campaign/create campaign/delete campaign/get campaign/getinfo \
        campaign/getlinks campaign/list campaign/send contactcard/create contactcard/delete \
        contactcard/get contactcard/getgroups contactcard/import contactcard/list contactcard/setgroups \
        contactcard/update contactgroup/create contactgroup/delete contactgroup/getcardscount \
        contactgroup/list contactgroup/update link/create link/delete link/get link/getlinks \
        link/getstats link/list link/update message/getsmsstatus message/list \
        message/sendsmsmessage numberstoplist/create numberstoplist/delete numberstoplist/inbound \
        numberstoplist/list price/listpublic taskqueue/getstatus user/getownbalance";
    let names = [
        "id",
        "ids",
        "campaignId",
        "data",
        "params",
        "criteria",
        "sort",
        "pagination",
        "recipients",
        "recipient",
        "text",
        "number",
        "type",
        "groupIds",
        "from",
        "cardsFile",
    ];
    let inner = [
        "",
        "[]",
        "[text]",
        "[name]",
        "[name][x]",
        "[0][recipient][x]",
        "[mobile][value][x]",
        "[pageSize][]",
        "[id][]",
        "[recipient]",
        "[groups]",
    ];
    for method in methods.split_whitespace() {
        for end in inner {
            for value in [
                "",
                "x",
                "'; DROP TABLE message; --",
                "-1",
                "9223372036854775807",
                "-9223372036854775808",
                "99999999999999999999",
                "\0",
                "a\r\nSet-Cookie: x",
                "{a}\u{202e}\u{1F600}",
            ] {
                let fields: Vec<(String, &str)> = names
                    .iter()
                    .map(|name| (format!("{name}{end}"), value))
                    .collect();
                let fields: Vec<(&str, &str)> = fields
                    .iter()
                    .map(|(name, value)| (name.as_str(), *value))
                    .collect();
                let answer = server.call(method, &fields);
                let code = answer["code"].as_u64().unwrap();
                assert!(
                    [0, 1, 2, 10, 11, 12, 30, 98, 99, 100].contains(&code),
                    "{method} {end} {value:?}: {answer}"
                );
            }
        }
    }
    // Everything is still there.
    let id = server.campaign("Hello");
    server.ok("campaign/addrecipients", &[("id", &id), ("recipients", A)]);
    assert_eq!(server.info(&id)["counters"]["totalMsgNum"], "1");
    server.recounts();
}

#[test]
fn headers_and_targets() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::new(folder.path(), &[]);
    for target in [
        "javascript:alert(1)",
        "ftp://example.com",
        "https://",
        "https://a b",
        "http://x\r\nSet-Cookie: a=b",
        "//evil",
        "https://user@evil",
    ] {
        assert_eq!(
            server.code("link/create", &[("data[fullLink]", target)]),
            1,
            "{target:?}"
        );
    }
    // Text that XML does not have, and markup.
    let id = server.ok(
        "campaign/create",
        &[("data[text]", "a\u{1}<b>&\"]]>\u{fffe}ж")],
    );
    let url = server
        .url("campaign/get")
        .replace("output=json", "output=xml");
    let mut answer = ureq::get(format!("{url}&id={}", id.as_str().unwrap()))
        .call()
        .unwrap();
    let xml = answer.body_mut().read_to_string().unwrap();
    assert!(
        xml.contains("&lt;b&gt;&amp;") && !xml.contains('\u{1}'),
        "{xml}"
    );
    // The name of a file is no path: what stands where it would lead stays.
    let id = server.campaign("Hello");
    let kept = folder.path().join("kept.csv");
    std::fs::write(&kept, "kept").unwrap();
    for name in [
        "../kept.csv",
        kept.to_str().unwrap(),
        "nowhere/kept.csv",
        "..",
        "",
        "a\\..\\b.csv",
    ] {
        let answer = server.upload(&id, name, A.as_bytes(), &[]);
        assert_eq!(answer["code"], 100, "{name}: {answer}");
        assert_eq!(server.wait(&answer["data"]), 2);
        assert_eq!(std::fs::read_to_string(&kept).unwrap(), "kept", "{name}");
    }
    // Rejected rows, which people open in spreadsheet programs.
    let list = "phone;name\n=HYPERLINK(\"http://x\");@evil\n";
    let fields = [
        ("params[recipientsFileDelimiter]", ";"),
        ("params[recipientsFileSkipHeader]", "1"),
    ];
    let answer = server.upload(&id, "l.csv", list.as_bytes(), &fields);
    assert_eq!(server.wait(&answer["data"]), 2);
    let url = format!(
        "http://{}/tasks/{}/rejects.csv?apiKey={}",
        server.address, answer["data"], server.key
    );
    let rejects = ureq::get(&url).call().unwrap().body_mut().read_to_string();
    let rejects = rejects.unwrap();
    assert!(
        rejects.contains("'=HYPERLINK") && rejects.contains("'@evil"),
        "{rejects}"
    );
    let mut cells = rejects.split([';', '\n']);
    let runs = |cell: &str| cell.trim_start_matches('"').starts_with(['=', '@']);
    assert!(!cells.any(runs), "{rejects}");
}

/// Answers of 12 MB to clients that take none of them: as many are held as there is room for, and what
/// four of them are made from.
#[test]
#[cfg(target_os = "linux")]
fn answers_that_nobody_takes() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::new(folder.path(), &[]);
    let id = server.campaign(&"€".repeat(40_000));
    let numbers: Vec<String> = (0..100u64)
        .map(|n| (380_971_110_000 + n).to_string())
        .collect();
    server.ok(
        "campaign/addrecipients",
        &[("id", &id), ("recipients", &numbers.join(","))],
    );
    let request = format!(
        "GET /service/message/list?apiKey={}&output=json&pagination[pageSize]=100 HTTP/1.1\r\nHost: x\r\n\r\n",
        server.key
    );
    let waiting: Vec<TcpStream> = (0..150)
        .map(|_| {
            let mut stream = TcpStream::connect(&server.address).unwrap();
            stream.write_all(request.as_bytes()).unwrap();
            stream
        })
        .collect();
    std::thread::sleep(Duration::from_secs(8));
    // Others are served meanwhile.
    assert_eq!(server.ok("user/getownbalance", &[])["currency"], "USD");
    assert!(server.peak() < 900, "{} MiB", server.peak());
    drop(waiting);
}

/// The log has a line for each thing that happened, whatever requests say, and neither keys nor numbers.
#[test]
fn logs_tell_no_secrets() {
    let folder = tempfile::tempdir().unwrap();
    let db = folder.path().join("test.db");
    let key = add_account(&db, "test", &[]);
    let log = folder.path().join("log");
    let mut command = recipients();
    command.stderr(std::fs::File::create(&log).unwrap());
    let (process, address) = start_by(command, &db, &[]);
    let server = Server {
        process,
        address,
        db,
        key,
    };
    let id = server.campaign("A secret text");
    server.ok("campaign/addrecipients", &[("id", &id), ("recipients", A)]);
    let forged = "2026-01-01T00:00:00Z ERROR forged";
    let answer = server.upload(&id, &format!("{A}.csv"), A.as_bytes(), &[]);
    assert_eq!(answer["code"], 100);
    assert_eq!(server.wait(&answer["data"]), 2);
    let name = format!("{A}\n{forged}\x1b[31m.csv");
    assert_eq!(server.upload(&id, &name, A.as_bytes(), &[])["code"], 12);
    // Keys of others, and whatever stands where a method should.
    let wrong = server.key.chars().rev().collect::<String>();
    for path in [
        format!("/service/campaign/get?apiKey={wrong}"),
        format!(
            "/service/campaign/{}?apiKey={}",
            encoded(&format!("get\n{forged}\x1b[2J")),
            server.key
        ),
        format!(
            "/service/{}/list?apiKey={}&x={A}",
            encoded("\r\n\r\n"),
            server.key
        ),
        format!("/{}?apiKey={}", encoded(&format!("\n{forged}")), server.key),
        format!("/l/{}", encoded(&format!("\n{forged}"))),
    ] {
        let head = format!("Host: x\r\nUser-Agent: {A}\r\nConnection: close");
        let answer = server.raw(format!("GET {path} HTTP/1.1\r\n{head}\r\n\r\n").as_bytes());
        assert!(
            answer.contains("200") || answer.contains("404"),
            "{path}: {answer}"
        );
    }
    let answer = server.raw(
        format!(
            "GET /service/campaign/get?apiKey={} HTTP/1.1\r\n\x1b: {forged}\r\n\r\n",
            server.key
        )
        .as_bytes(),
    );
    assert!(answer.contains("400"), "{answer}");
    server.ok("campaign/send", &[("id", &id)]);
    let log = std::fs::read_to_string(&log).unwrap();
    assert!(log.lines().count() > 5, "{log}");
    for line in log.lines() {
        let is_ours = line.starts_with("20") && line.get(10..11) == Some("T");
        assert!(is_ours && !line.starts_with(forged), "{line:?}");
    }
    for secret in [&server.key, &wrong, A, "secret text", "\x1b"] {
        assert!(!log.contains(secret), "{secret:?} is in {log}");
    }
    // Whoever gets hold of the files gets no key.
    let mut files = 0;
    for file in std::fs::read_dir(folder.path()).unwrap() {
        let path = file.unwrap().path();
        if path.is_file() {
            let bytes = std::fs::read(&path).unwrap();
            let key = server.key.as_bytes();
            let has_key = bytes.windows(key.len()).any(|window| window == key);
            assert!(!has_key, "{}", path.display());
            files += 1;
        }
    }
    assert!(files >= 2, "the database and its log");
}

/// A workbook whose cells would take more than 2 GiB is refused by what is checked before; without that
/// the process that reads it is ended, and nobody else.
#[test]
#[cfg(target_os = "linux")]
fn a_workbook_that_takes_all_memory() {
    use std::process::Stdio;
    let files = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata");
    let bomb = files.join("gallery/ods-90-million.ods");
    let checked = recipients().arg("check").arg(&bomb).output().unwrap();
    assert_eq!(checked.status.code(), Some(4));
    let told = String::from_utf8(checked.stderr).unwrap();
    assert!(
        told.contains("90000000, more than the limit of 6000000"),
        "{told}"
    );
    let read = |request: &str, file: &Path| {
        let reading = recipients()
            .args(["read-sheet", request])
            .stdin(std::fs::File::open(file).unwrap())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        reading.wait_with_output().unwrap()
    };
    let no_limits = format!("{} first", ["18446744073709551615"; 6].join(" "));
    let ended = read(&no_limits, &bomb);
    assert!(
        !ended.status.success() && ended.stdout.is_empty(),
        "{ended:?}"
    );
    let good = read(&no_limits, &files.join("files/lo-text.xlsx"));
    assert!(good.status.success() && good.stdout.starts_with(b"RSHEET1\ns"));
    assert!(!read("nonsense", &bomb).status.success());
}

/// Whether a process of this parent reads a sheet just now.
#[cfg(target_os = "linux")]
fn has_reader(parent: u32) -> bool {
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    processes.into_iter().any(|process| {
        let read = |name: &str| std::fs::read(process.path().join(name)).unwrap_or_default();
        let status = String::from_utf8(read("status")).unwrap_or_default();
        let is_child = status.contains(&format!("\nPPid:\t{parent}\n"));
        is_child
            && read("cmdline")
                .split(|byte| *byte == 0)
                .any(|word| word == b"read-sheet")
    })
}

/// Workbooks are never read by the process that was asked, neither on the command line nor in the server.
#[test]
#[cfg(target_os = "linux")]
fn workbooks_are_read_by_another_process() {
    use std::process::Stdio;
    use std::time::Instant;
    let folder = tempfile::tempdir().unwrap();
    let server = Server::new(folder.path(), &[]);
    let gallery = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/gallery");
    let book = gallery.join("rows-65536.xlsx");
    let path = book.to_str().unwrap();
    let db = server.db.to_str().unwrap();
    let commands: [&[&str]; 4] = [
        &["check", path],
        &["upload", path, "--dry-run", "--text", "x", "--create"],
        &[
            "stoplist",
            "load",
            path,
            "--allow-bad-stop-lines",
            "--db",
            db,
        ],
        &["contacts", "import", path, "--account", "test", "--db", db],
    ];
    for command in commands {
        let mut process = recipients()
            .args(command)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut seen = false;
        while !seen && process.try_wait().unwrap().is_none() {
            seen = has_reader(process.id());
        }
        let _ = process.kill();
        let _ = process.wait();
        assert!(seen, "{command:?}");
    }
    let bytes = std::fs::read(&book).unwrap();
    let head = "--b\r\nContent-Disposition: form-data; name=cardsFile; filename=l.xlsx\r\n\r\n";
    let body = [head.as_bytes(), &bytes, b"\r\n--b--\r\n"].concat();
    let kind = "multipart/form-data; boundary=b";
    let url = server.url("contactCard/import");
    std::thread::scope(|scope| {
        let upload = scope.spawn(|| server.post(&url, kind, &body));
        let mut seen = false;
        while !seen && !upload.is_finished() {
            seen = has_reader(server.process.id());
        }
        assert!(seen, "the server has read it itself");
        // It has no header.
        assert_eq!(upload.join().unwrap()["code"], 1);
    });
    // It goes on in the background, and would be taken for the one above.
    let id = server.campaign("Hello");
    std::thread::scope(|scope| {
        let upload = scope.spawn(|| server.upload(&id, "list.xlsx", &bytes, &[]));
        let deadline = Instant::now() + Duration::from_secs(30);
        let mut seen = false;
        while !seen && Instant::now() < deadline {
            seen = has_reader(server.process.id());
        }
        assert!(seen, "the server has read it itself");
        assert_eq!(upload.join().unwrap()["code"], 100);
    });
}
