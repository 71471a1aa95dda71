//! The campaign server over real HTTP: shapes of requests, global codes, hostile requests, kills.

mod server;

use serde_json::{Value, json};
use server::{A, B, Server, codes, form, recipients, start};
use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

#[test]
fn the_specifications_own_example() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::new(folder.path(), &["--sender", "Alpha"]);
    let text = "Hello {name}! Your balance by {date} is {balance}{currency}.";
    let data = [
        ("data[type]", "3"),
        ("data[from]", "Alpha"),
        ("data[text]", text),
    ];
    let id = server.ok("campaign/create", &data);
    let id = id.as_str().unwrap();
    let body = format!(
        "id={id}&recipients[0][recipient]=380971112233\
         &recipients[0][name]=%D0%92%D0%B0%D1%81%D0%B8%D0%BB%D0%B8%D0%B9\
         &recipients[0][date]=26.10.17&recipients[0][balance]=123.45\
         &recipients[0][currency]=%D0%B3%D1%80%D0%BD\
         &recipients[1][recipient]=380971112255\
         &recipients[1][name]=%D0%9E%D0%BB%D1%8C%D0%B3%D0%B0\
         &recipients[1][date]=26.10.17&recipients[1][balance]=3222.99\
         &recipients[1][currency]=%D1%80%D1%83%D0%B1\
         &recipients[2][recipient]=4901122211112&recipients[2][name]=Markus\
         &recipients[2][date]=26.10.17&recipients[2][balance]=555.45&recipients[2][currency]=eur"
    );
    let kind = "application/x-www-form-urlencoded";
    let added = server.post(&server.url("Campaign/AddRecipients"), kind, body.as_bytes());
    assert_eq!((&added["code"], codes(&added)), (&json!(98), vec![0, 0, 7]));
    let first = &added["data"][0];
    assert_eq!(first["recipient"], A);
    assert!(first["messageId"].is_string() && added["data"][2]["messageId"].is_null());

    let info = server.ok(
        "campaign/getinfo",
        &[("id", id), ("getFilledTplCampaignText", "1")],
    );
    assert_eq!(
        info["text"],
        "Hello Василий! Your balance by 26.10.17 is 123.45грн."
    );
    assert_eq!(info["counters"]["totalMsgNum"], "2");
    assert_eq!(info["counters"]["recipientsRejected"], "1");
    assert_eq!(server.info(id)["text"], text);

    assert_eq!(server.ok("campaign/send", &[("id", id)]), json!(2));
    let done = server.until(id, "DONE");
    assert_eq!(done["counters"]["totalNewMsgNum"], "0");
    let found = server.ok(
        "campaign/list",
        &[
            ("criteria[from]", "Alpha"),
            ("pagination[currentPage]", "0"),
            ("sort[type]", "ASC"),
        ],
    );
    assert_eq!(
        (&found["totalItemCount"], &found["items"][0]["status"]),
        (&json!("1"), &json!("DONE"))
    );
    assert_eq!(
        server.ok("campaign/getlinks", &[("campaignId", id)]),
        json!([])
    );
    assert_eq!(server.code("campaign/delete", &[("id", id)]), 10);
    server.recounts();
    // A message's status, asked for in three ways.
    let message = first["messageId"].as_str().unwrap();
    for ids in ["ids", "ids[]", "ids[0]"] {
        let status = server.ok("message/getSMSStatus", &[(ids, message)]);
        assert_eq!(
            (&status[0]["id"], &status[0]["status"]),
            (&json!(message), &json!("DELIVRD"))
        );
    }
}

#[test]
fn every_shape_of_recipients() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::new(folder.path(), &[]);
    let add = |fields: &[(&str, &str)]| {
        let id = server.campaign("Hello");
        let fields: Vec<_> = fields
            .iter()
            .copied()
            .chain([("id", id.as_str())])
            .collect();
        server.call("campaign/addrecipients", &fields)
    };
    let two = format!("{A},\r\n {B}\n,");
    for fields in [
        &[("recipients", two.as_str())][..],
        &[("recipients[]", A), ("recipients[]", B)],
        &[("recipients[7]", A), ("recipients[3]", B)],
        &[
            ("recipients[0][recipient]", A),
            ("recipients[1][recipient]", B),
        ],
    ] {
        let answer = add(fields);
        assert_eq!(
            (&answer["code"], codes(&answer)),
            (&json!(0), vec![0, 0]),
            "{fields:?}"
        );
        assert_eq!(answer["data"][1]["number"], B);
        assert_eq!(answer["data"][1]["type"], "number");
    }
    // Two elements, of which the second has no number; a list where a number should be.
    let answer = add(&[("recipients[][recipient]", A), ("recipients[][name]", "x")]);
    assert_eq!((&answer["code"], codes(&answer)), (&json!(98), vec![0, 1]));
    assert_eq!(codes(&add(&[("recipients[0][recipient][x]", A)])), [2]);
    let answer = add(&[("recipients[]", "")]);
    assert_eq!((&answer["code"], codes(&answer)), (&json!(99), vec![1]));
    for none in [
        &[("recipients", "")][..],
        &[("recipients", " ,\n")],
        &[("x", "y")],
        &[("recipients", A), ("recipientContacts", "1")],
    ] {
        assert_eq!(add(none)["code"], 12, "{none:?}");
    }
    let many = |count: usize| vec![A; count].join(",");
    assert_eq!(add(&[("recipients", &many(501))])["code"], 12);
    assert_eq!(codes(&add(&[("recipients", &many(500))])).len(), 500);
    // By GET, with everything in the query; and as JSON.
    let id = server.campaign("Hello");
    let query = form(&[("id", &id), ("recipients", &many(500))]);
    let mut answer = ureq::get(format!("{}&{query}", server.url("CAMPAIGN/ADDRECIPIENTS")))
        .call()
        .unwrap();
    let answer: Value = serde_json::from_str(&answer.body_mut().read_to_string().unwrap()).unwrap();
    assert_eq!(codes(&answer)[..2], [0, 4]);
    let body = json!({"id": server.campaign("Hello"), "recipients": [380_971_112_233u64, {"recipient": B}, null]});
    let url = server.url("campaign/addrecipients");
    let answer = server.post(
        &url,
        "application/json; charset=utf-8",
        body.to_string().as_bytes(),
    );
    assert_eq!(codes(&answer), [0, 0, 1]);
}

#[test]
fn contacts_and_groups() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::new(folder.path(), &[]);
    let text = |value: Value| value.as_str().unwrap().to_owned();
    let card = |name: &str, mobile: &str| {
        let fields = [
            ("data[name]", name),
            ("data[mobile][value]", mobile),
            ("data[mobile][type]", "MAIN"),
        ];
        text(server.ok("contactcard/create", &fields))
    };
    let (olha, ivan, none) = (card("Olha", A), card("Ivan", B), card("Nobody", ""));
    let group = text(server.ok("contactgroup/create", &[("data[name]", "Friends")]));
    let taken = server.call("contactgroup/create", &[("data[name]", "Friends")]);
    assert!(
        taken["code"] == 1 && taken["data"]["name"][0].is_string(),
        "{taken}"
    );
    for id in [&olha, &ivan, &none] {
        assert_eq!(
            server.ok(
                "contactcard/setgroups",
                &[("id", id), ("groupIds[]", &group)]
            ),
            json!(true)
        );
    }
    assert_eq!(
        server.ok("contactgroup/getcardscount", &[("id", &group)]),
        "3"
    );
    assert_eq!(
        server.ok("contactgroup/getcardscount", &[("id", "-1")]),
        "0"
    );
    let shown = server.ok("contactcard/get", &[("id", &olha)]);
    assert_eq!(shown["fields"]["mobile"]["value"], A);
    assert_eq!(
        server.ok("contactcard/getgroups", &[("id", &olha)])[0]["name"],
        "Friends"
    );

    let data = [("data[text]", "Dear {name}"), ("data[type]", "3")];
    let create = || text(server.ok("campaign/create", &data));
    let field = format!("{olha}:mobile");
    let list = format!("{field},{none},999,{olha}:shoes,{ivan}");
    for names in [
        "recipientContacts",
        "recipientsContacts",
        "recipientsContactIds",
        "recipientsCardIds",
    ] {
        let id = create();
        let answer = server.call("campaign/addrecipients", &[("id", &id), (names, &list)]);
        assert_eq!(
            (&answer["code"], codes(&answer)),
            (&json!(98), vec![0, 31, 30, 32, 0]),
            "{names}"
        );
        assert!(answer["data"][1]["recipient"].is_null());
        assert_eq!(
            (
                &answer["data"][0]["contact"],
                &answer["data"][0]["contactCardId"]
            ),
            (&json!(olha), &json!(olha))
        );
    }
    for names in ["recipientGroups", "recipientsGroupIds"] {
        let id = create();
        let answer = server.call("campaign/addrecipients", &[("id", &id), (names, &group)]);
        assert_eq!(answer["code"], 100);
        assert_eq!(server.wait(&answer["data"]), 2);
        let info = server.info(&id);
        assert_eq!(
            (
                &info["counters"]["totalMsgNum"],
                &info["counters"]["recipientsRejected"]
            ),
            (&json!("2"), &json!("1"))
        );
        assert_eq!(info["groupsList"][0]["name"], "Friends");
    }
    assert_eq!(
        server.ok("contactcard/update", &[("id", &olha), ("data[name]", "O")]),
        json!(true)
    );
    assert_eq!(
        server.ok("contactcard/delete", &[("id", &olha)]),
        json!(true)
    );
    assert_eq!(server.code("contactcard/get", &[("id", &olha)]), 2);
    let deleted = server.ok("contactgroup/delete", &[("id", &group)]);
    assert_eq!(deleted, json!({"processed": [group], "notProcessed": []}));
    let again = server.ok("contactgroup/delete", &[("id", &group)]);
    assert_eq!(again, json!({"processed": [], "notProcessed": [group]}));
    assert_eq!(server.ok("contactcard/list", &[])["totalItemCount"], "2");
    assert_eq!(server.ok("contactgroup/list", &[])["items"], json!([]));
}

#[test]
fn files_are_imported() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::new(folder.path(), &[]);
    // As specified: commas and single quotes.
    let id = server.campaign("Hello");
    let answer = server.upload(
        &id,
        "list.csv",
        format!("{A}\nnone\n'{B}'\n{A}\n").as_bytes(),
        &[],
    );
    assert_eq!(answer["code"], 100);
    assert!(answer["data"].is_u64());
    assert_eq!(server.wait(&answer["data"]), 2);
    let counters = server.info(&id)["counters"].clone();
    assert_eq!(
        (&counters["totalMsgNum"], &counters["recipientsRejected"]),
        (&json!("2"), &json!("2"))
    );
    let url = format!(
        "http://{}/tasks/{}/rejects.csv",
        server.address, answer["data"]
    );
    let mut rejects = ureq::get(format!("{url}?apiKey={}", server.key))
        .call()
        .unwrap();
    let rejects = rejects.body_mut().read_to_string().unwrap();
    assert!(
        rejects.contains("none,2,no_digits") && rejects.contains("already in row 1"),
        "{rejects}"
    );
    let told = recipients()
        .args(["task", "rejects", &answer["data"].to_string(), "--db"])
        .arg(&server.db)
        .output();
    assert_eq!(String::from_utf8(told.unwrap().stdout).unwrap(), rejects);
    let mut foreign = ureq::get(&url).call().unwrap();
    assert!(
        foreign
            .body_mut()
            .read_to_string()
            .unwrap()
            .starts_with("{\"code\":8,")
    );

    // A template list, with another delimiter, enclosure and encoding.
    let data = [("data[text]", "Dear {name}"), ("data[type]", "3")];
    let template = server.ok("campaign/create", &data);
    let template = template.as_str().unwrap();
    let mut list = b"name;recipient\n".to_vec();
    list.extend(b"\"\xce\xeb\xfc\xe3\xe0; \xcf.\";380971112233\n");
    let options = [
        ("params[recipientsFileDelimiter]", ";"),
        ("params[recipientsFileEnclosure]", "\""),
        ("params[recipientsFileEncoding]", "windows-1251"),
    ];
    let answer = server.upload(template, "list.csv", &list, &options);
    assert_eq!(server.wait(&answer["data"]), 2);
    let info = server.ok(
        "campaign/getinfo",
        &[("id", template), ("getFilledTplCampaignText", "1")],
    );
    assert_eq!(info["text"], "Dear Ольга; П.");

    // Headers that cannot serve are told at once, and so are parameters.
    for (list, options) in [
        ("name,name,recipient\n1,2,3\n", &[][..]),
        ("name,phone\n1,2\n", &[]),
        (A, &[("params[recipientsFileEncoding]", "EBCDIC")]),
        (A, &[("params[recipientsFileDelimiter]", ";;")]),
        (A, &[("params[recipientsFileEnclosure]", ",")]),
        (A, &[("params[recipientsFileSkipHeader]", "2")]),
        (A, &[("params[placeholdersFlag]", "0")]),
        (A, &[("params[replace]", "2")]),
    ] {
        let answer = server.upload(template, "list.csv", list.as_bytes(), options);
        assert_eq!(answer["code"], 1, "{list} {options:?}");
        assert!(
            answer["data"]
                .as_object()
                .unwrap()
                .values()
                .all(|words| words[0].is_string())
        );
    }
    // Faults further down end the task; what was there before stays.
    let broken = [
        b"recipient,name\n380971112299,x\n".as_slice(),
        &b"380971112298,\xff\n".repeat(3),
    ]
    .concat();
    let answer = server.upload(template, "list.csv", &broken, &[("params[replace]", "1")]);
    match answer["code"].as_u64() {
        Some(100) => assert_eq!(server.wait(&answer["data"]), 3),
        code => assert_eq!(code, Some(1), "{answer}"),
    }
    assert_eq!(server.info(template)["counters"]["totalMsgNum"], "1");

    server.recounts();
    let left = std::fs::read_dir(folder.path().join("test.db-files")).unwrap();
    let left: Vec<String> = left
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .collect();
    assert!(
        left.iter().all(|name| name.ends_with(".rejects.csv")),
        "{left:?}"
    );
}

#[test]
fn global_codes() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::new(folder.path(), &[]);
    assert_eq!(server.code("nothing/get", &[]), 4);
    assert_eq!(server.code("campaign/nothing", &[]), 5);
    let plain = |query: &str| {
        let url = format!(
            "http://{}/service/user/getownbalance?{query}",
            server.address
        );
        ureq::get(url)
            .call()
            .unwrap()
            .body_mut()
            .read_to_string()
            .unwrap()
    };
    assert!(plain(&format!("apiKey={}&output=yaml", server.key)).starts_with("{\"code\":6,"));
    assert!(plain("").starts_with("{\"code\":8,\"data\":[]"));
    assert!(plain("apiKey=nothing").starts_with("{\"code\":8,"));
    assert!(plain(&format!("&apiKey={}&", server.key)).starts_with("{\"code\":0,"));
    let xml = plain(&format!("output=xml&apiKey={}", server.key));
    assert!(
        xml.contains("<response><code>0</code><data><balance>0.0000</balance>"),
        "{xml}"
    );
    // The key in the body.
    let url = format!("http://{}/service/User/getOwnBalance", server.address);
    let kind = "application/x-www-form-urlencoded";
    let answer = server.post(&url, kind, format!("apiKey={}", server.key).as_bytes());
    assert_eq!(
        answer["data"],
        json!({"balance": "0.0000", "currency": "USD"})
    );

    let set = |options: &[&str]| {
        let mut command = recipients();
        command
            .args(["account", "set", "test", "--db"])
            .arg(&server.db)
            .args(options);
        assert!(command.status().unwrap().success());
    };
    let balance = || server.call("user/getownbalance", &[]);
    set(&["--blocked", "true"]);
    assert_eq!(balance()["code"], 14);
    set(&["--blocked", "false", "--host", "api.example.com"]);
    assert_eq!(
        (&balance()["code"], &balance()["data"]),
        (&json!(13), &json!("api.example.com"))
    );
    set(&[
        "--host",
        "127.0.0.1",
        "--allow-method",
        "campaign",
        "--allow-method",
        "user/getownbalance",
    ]);
    assert_eq!(balance()["code"], 0);
    assert_eq!(server.code("campaign/list", &[]), 0);
    assert_eq!(server.code("link/get", &[("id", "1")]), 9);
    set(&["--allow-method", "", "--allow-address", "192.0.2.1"]);
    assert_eq!(balance()["code"], 9);
    set(&["--allow-address", "", "--rate", "3", "--language", "pt-BR"]);
    let many: Vec<Value> = (0..8).map(|_| balance()).collect();
    assert!(many.iter().any(|answer| answer["code"] == 30), "{many:?}");
    set(&["--rate", "0"]);
    let missing = server.call("campaign/get", &[]);
    assert_eq!(
        (&missing["code"], &missing["data"]),
        (&json!(11), &json!(null))
    );
    assert_eq!(missing["message"], "O parâmetro id não foi enviado.");
}

#[test]
fn codes_of_each_method() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::new(folder.path(), &[]);
    for method in ["get", "getInfo", "delete", "send", "addRecipients"] {
        let method = format!("campaign/{method}");
        let more = |id: &'static str| [("id", id), ("recipients", A)];
        assert_eq!(server.code(&method, &[]), 11, "{method}");
        assert_eq!(
            server.code(&method, &[("id", ""), ("recipients", A)]),
            11,
            "{method}"
        );
        for id in ["99", "-1", "x", "1e3", "99999999999999999999"] {
            assert_eq!(server.code(&method, &more(id)), 2, "{method} {id}");
        }
    }
    assert_eq!(server.code("campaign/getLinks", &[]), 11);
    assert_eq!(server.code("link/getLinks", &[("campaignId", "99")]), 2);
    assert_eq!(server.code("campaign/create", &[]), 11);
    let wrong = server.call(
        "campaign/create",
        &[
            ("data[type]", "9"),
            ("data[text]", ""),
            ("data[rateLimit]", "5"),
            ("data[from]", "Nobody"),
        ],
    );
    assert_eq!(wrong["code"], 1);
    let fields: Vec<&String> = wrong["data"].as_object().unwrap().keys().collect();
    assert_eq!(fields, ["type", "ratePeriod", "text", "from"]);

    let id = server.campaign("Hello");
    assert_eq!(server.code("campaign/send", &[("id", &id)]), 10);
    server.ok("campaign/addrecipients", &[("id", &id), ("recipients", A)]);
    server.ok("campaign/send", &[("id", &id)]);
    assert_eq!(server.code("campaign/send", &[("id", &id)]), 10);
    assert_eq!(
        server.code("campaign/addrecipients", &[("id", &id), ("recipients", A)]),
        10
    );
    let id = server.campaign("Hello");
    assert_eq!(server.ok("campaign/delete", &[("id", &id)]), json!(true));
    assert_eq!(server.code("campaign/delete", &[("id", &id)]), 2);
    let listed = server.ok("campaign/list", &[("criteria[ids]", &id)]);
    assert_eq!(listed["items"][0]["isDeleted"], "1");

    assert_eq!(server.code("taskqueue/getstatus", &[]), 11);
    assert_eq!(server.code("taskqueue/getstatus", &[("id", "99")]), 2);
    assert_eq!(server.code("message/getsmsstatus", &[]), 2);
    let many: Vec<String> = (1..102).map(|n: u32| n.to_string()).collect();
    assert_eq!(
        server.code("message/getsmsstatus", &[("ids", &many.join(","))]),
        12
    );
    assert_eq!(
        server.ok("message/getsmsstatus", &[("ids", &many[60..].join(","))]),
        json!([])
    );
    assert_eq!(
        server.code("message/sendsmsmessage", &[("recipient", A)]),
        11
    );
    assert_eq!(
        server.code(
            "message/sendsmsmessage",
            &[("recipient", "1"), ("text", "x")]
        ),
        1
    );
    let sent = server.ok(
        "message/sendsmsmessage",
        &[("recipient", A), ("text", "x"), ("from", "")],
    );
    assert_eq!(sent["status"], 2);
    let criteria = [("criteria[campaignId]", sent["campaignId"].as_str().unwrap())];
    let listed = server.ok("message/list", &criteria);
    assert_eq!(
        (&listed["items"][0]["to"], &listed["items"][0]["id"]),
        (&json!(A), &sent["messageId"])
    );

    assert_eq!(server.code("link/create", &[]), 11);
    assert_eq!(
        server.code("link/create", &[("data[fullLink]", "not a link")]),
        1
    );
    assert_eq!(server.code("link/get", &[]), 12);
    assert_eq!(server.code("link/get", &[("id", "99")]), 2);
    let link = server.ok("link/create", &[("data[fullLink]", "example.com/x")]);
    let address = link["shortLink"].as_str().unwrap();
    let id = server.campaign(&format!("See {address}"));
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .max_redirects(0)
        .build()
        .into();
    let followed = agent.get(address).call().unwrap();
    assert_eq!(
        (followed.status().as_u16(), &followed.headers()["location"]),
        (302, &"https://example.com/x".parse().unwrap())
    );
    let links = server.ok("campaign/getlinks", &[("campaignId", &id)]);
    assert_eq!(
        (&links[0]["clickCnt"], &links[0]["code"]),
        (&json!("1"), &link["code"])
    );
    for by in ["id", "code", "shortLink"] {
        let found = server.ok("link/get", &[(by, link[by].as_str().unwrap())]);
        assert_eq!(found["fullLink"], "https://example.com/x");
    }

    assert_eq!(server.code("numberstoplist/create", &[]), 11);
    assert_eq!(server.code("numberstoplist/create", &[("number", "x")]), 1);
    let stop = server.ok(
        "numberstoplist/create",
        &[("id", ""), ("number", "+380 97 111 22 33")],
    );
    let id = server.campaign("Hello");
    let add = || codes(&server.call("campaign/addrecipients", &[("id", &id), ("recipients", A)]));
    assert_eq!(add(), [5]);
    assert_eq!(
        server.ok("numberstoplist/list", &[])["items"][0]["number"],
        A
    );
    assert_eq!(
        server.ok("numberstoplist/delete", &[("id", stop.as_str().unwrap())]),
        json!(true)
    );
    assert_eq!(add(), [0]);
    let range = [("numberFrom", "380971112233"), ("numberTo", "380971112236")];
    assert_eq!(server.ok("numberstoplist/create", &range), json!(true));
    assert_eq!(server.ok("numberstoplist/list", &[])["totalItemCount"], "4");
}

/// While it sends and imports, and a client is in the middle of a body: the import goes on where it
/// was at the next start.
#[cfg(unix)]
#[test]
fn it_ends_when_it_is_told_to() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = Server::new(folder.path(), &[]);
    let (sent, imported) = (server.campaign("Hello"), server.campaign("Hello"));
    for batch in 0..20u64 {
        let list = (0..500).map(|n| (380_971_000_000 + batch * 500 + n).to_string());
        let list = list.collect::<Vec<String>>().join(",");
        server.ok(
            "campaign/addrecipients",
            &[("id", &sent), ("recipients", &list)],
        );
    }
    server.ok("campaign/send", &[("id", &sent)]);
    let task = server.upload(&imported, "list.csv", &doubled(200_000), &[]);
    assert_eq!(task["code"], 100);
    let mut slow = std::net::TcpStream::connect(&server.address).unwrap();
    let head = "POST /service/campaign/list HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\na";
    std::io::Write::write_all(&mut slow, head.as_bytes()).unwrap();
    std::thread::sleep(Duration::from_millis(200));
    let started = Instant::now();
    let pid = server.process.id().to_string();
    let told = Command::new("kill").args(["-TERM", &pid]).status();
    assert!(told.unwrap().success());
    assert!(server.process.wait().unwrap().success());
    assert!(started.elapsed() < Duration::from_secs(10));
    // Whoever takes the file away takes all of it.
    let beside = ["db-wal", "db-shm"].map(|name| server.db.with_extension(name).exists());
    assert_eq!(beside, [false; 2]);
    server.recounts();
    (server.process, server.address) = start(&server.db);
    assert_eq!(server.wait(&task["data"]), 2);
    let total = server.info(&imported)["counters"]["totalMsgNum"].clone();
    assert_eq!(total, "200000");
    let info = server.until(&sent, "SENT");
    assert_eq!(info["counters"]["totalNewMsgNum"], "0");
    server.recounts();
}

/// Numbers that look random: the same for the same seed.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}

/// What is done while a kill comes.
struct Victim<'a> {
    server: &'a Server,
    added: &'a str,
    what: &'a mut Added,
}

/// Numbers that were added to a campaign.
#[derive(Default)]
struct Added {
    acknowledged: Vec<String>,
    /// Batches whose answer did not come: each may be there or not.
    unanswered: Vec<Vec<String>>,
}

impl Victim<'_> {
    /// An answer, unless the server is gone.
    fn call(&self, method: &str, fields: &[(&str, &str)]) -> Option<Value> {
        let answer = ureq::post(self.server.url(method))
            .header("content-type", "application/x-www-form-urlencoded")
            .send(form(fields).as_bytes());
        let text = answer.ok()?.body_mut().read_to_string().ok()?;
        serde_json::from_str(&text).ok()
    }

    /// Adds until the server is gone.
    fn add(&mut self, turn: u64) {
        for round in 0u64.. {
            let first = 380_971_000_000 + turn * 20_000 + round * 20;
            let batch: Vec<String> = (first..first + 20).map(|n| n.to_string()).collect();
            let fields = [("id", self.added), ("recipients", &batch.join(","))];
            let Some(answer) = self.call("campaign/addrecipients", &fields) else {
                self.what.unanswered.push(batch);
                return;
            };
            assert_eq!(answer["code"], 0, "{answer}");
            self.what.acknowledged.extend(batch);
        }
    }
}

/// A server that is killed so long after its start, before it listens or shortly after.
fn killed_as_it_starts(db: &Path, after: Duration) {
    let mut process = recipients()
        .args(["serve", "--listen", "127.0.0.1:0", "--db"])
        .arg(db)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    std::thread::sleep(after);
    let ended = process.try_wait().unwrap();
    assert!(ended.is_none(), "{ended:?}");
    process.kill().unwrap();
    process.wait().unwrap();
}

/// A list of `size` numbers, each of them twice.
fn doubled(size: u64) -> Vec<u8> {
    let numbers = (0..2 * size).map(|n| format!("{}\n", 380_671_000_000 + n % size));
    numbers.collect::<String>().into_bytes()
}

/// Kills at random moments while recipients are added, files imported, a list replaced and
/// campaigns sent, and after each of them another one at a random moment of the next start.
/// `RECIPIENTS_KILLS` sets how many; the default is 5. `RECIPIENTS_SEED` sets which.
#[test]
fn kills_lose_nothing_that_was_acknowledged() {
    let kills: u64 = std::env::var("RECIPIENTS_KILLS")
        .ok()
        .and_then(|n| n.parse().ok())
        .unwrap_or(5);
    let folder = tempfile::tempdir().unwrap();
    let mut server = Server::new(folder.path(), &[]);
    let seed: u64 = std::env::var("RECIPIENTS_SEED").map_or(0, |n| n.parse().unwrap());
    let mut random = Random(0x9e37_79b9_7f4a_7c15 ^ seed);
    let replaced = server.campaign("Hello");
    // What was added, by campaign.
    let mut all_added: BTreeMap<String, Added> = BTreeMap::new();
    let mut added = String::new();
    let (mut sent, mut imported) = (Vec::new(), Vec::new());
    // The sizes that the replaced list may have.
    let mut sizes = vec![0];
    // How long a start takes.
    let mut start_takes = Duration::from_millis(20);
    for turn in 0u64.. {
        let is_acknowledged = all_added.values().any(|a| !a.acknowledged.is_empty());
        if turn >= kills && is_acknowledged && !sent.is_empty() && !imported.is_empty() {
            break;
        }
        // On a slow machine all kills may come before the first answers; then later ones follow.
        let slower = 1 + turn.saturating_sub(kills);
        assert!(slower < 20, "nothing was acknowledged");
        // Not one for all turns: long lists take long to read page by page.
        if turn.is_multiple_of(10) {
            added = server.campaign("Hello");
        }
        let (import, send) = (server.campaign("Hello"), server.campaign("Hello"));
        let list = (0..500u64).map(|n| (380_501_000_000 + n).to_string());
        let list = list.collect::<Vec<String>>().join(",");
        server.ok(
            "campaign/addrecipients",
            &[("id", &send), ("recipients", &list)],
        );
        let victim = server.process.id().to_string();
        let delay = Duration::from_millis(random.below(400 * slower));
        let killer = std::thread::spawn(move || {
            std::thread::sleep(delay);
            let _ = Command::new("kill").args(["-KILL", &victim]).status();
        });
        let mut call = Victim {
            server: &server,
            added: &added,
            what: all_added.entry(added.clone()).or_default(),
        };
        if let Some(answer) = call.call("campaign/send", &[("id", &send)]) {
            assert_eq!(answer["code"], 0, "{answer}");
            sent.push(send);
        }
        if let Some(task) = server.try_upload(&import, &doubled(10_000), &[]) {
            assert_eq!(task["code"], 100);
            imported.push((import, task["data"].clone()));
        }
        let size = 1000 + random.below(20_000);
        let replacing = [("params[replace]", "1")];
        match server.try_upload(&replaced, &doubled(size), &replacing) {
            // The list of an earlier turn is still being replaced.
            Some(task) if task["code"] == 10 => {}
            Some(task) => {
                assert_eq!(task["code"], 100, "{task}");
                sizes = vec![size];
            }
            // Whether it was taken is not known.
            None => sizes.push(size),
        }
        call.add(turn);
        killer.join().unwrap();
        let _ = server.process.wait();
        let after = random.below(start_takes.as_micros() as u64 + 1);
        killed_as_it_starts(&server.db, Duration::from_micros(after));
        let began = Instant::now();
        (server.process, server.address) = start(&server.db);
        start_takes = began.elapsed();
    }
    for (at, (campaign, task)) in imported.into_iter().enumerate() {
        assert_eq!(server.wait(&task), 2);
        // For the others counters and their recount have to do: it is a hundred pages.
        if at < 3 {
            assert_eq!(server.numbers(&campaign).len(), 10_000);
        }
        let counters = server.info(&campaign)["counters"].clone();
        assert_eq!(
            (&counters["totalMsgNum"], &counters["recipientsRejected"]),
            (&json!("10000"), &json!("10000"))
        );
    }
    let deadline = Instant::now() + Duration::from_secs(60);
    while server.code("campaign/delete", &[("id", &replaced)]) == 10 {
        assert!(Instant::now() < deadline);
        std::thread::sleep(Duration::from_millis(100));
    }
    let listed = server.ok("campaign/list", &[("criteria[id]", &replaced)]);
    let size = listed["items"][0]["counters"]["totalMsgNum"]
        .as_str()
        .unwrap();
    assert!(sizes.contains(&size.parse().unwrap()), "{size}: {sizes:?}");
    for campaign in sent {
        // Some expire, which takes a day; where none does, it is done.
        let deadline = Instant::now() + Duration::from_secs(60);
        let info = loop {
            let info = server.info(&campaign);
            if info["commonStatus"] == "SENT" || info["commonStatus"] == "DONE" {
                break info;
            }
            assert!(Instant::now() < deadline, "{info}");
            std::thread::sleep(Duration::from_millis(100));
        };
        assert_eq!(info["counters"]["totalNewMsgNum"], "0");
        assert_eq!(info["counters"]["totalEnqueudMsgNum"], "0");
        assert_eq!(info["counters"]["totalMsgNum"], "500");
        assert_eq!(server.numbers(&campaign).len(), 500);
    }
    for (campaign, what) in all_added {
        // All that was acknowledged is there once, of what was not answered each batch or nothing,
        // and nothing else.
        let mut others = server.numbers(&campaign);
        let total = others.len().to_string();
        assert_eq!(server.info(&campaign)["counters"]["totalMsgNum"], total);
        for number in &what.acknowledged {
            assert!(others.remove(number), "{number} was acknowledged");
        }
        for batch in &what.unanswered {
            let there = batch.iter().filter(|number| others.remove(*number)).count();
            assert!(there == 0 || there == batch.len(), "{there} of {batch:?}");
        }
        assert!(others.is_empty(), "{others:?}");
        // Adding it again adds nothing.
        for batch in what.acknowledged.chunks(500) {
            let fields = [("id", campaign.as_str()), ("recipients", &batch.join(","))];
            let answer = server.call("campaign/addrecipients", &fields);
            assert!(codes(&answer).iter().all(|&code| code == 4));
        }
    }
    server.recounts();
}

/// A copy that is made while recipients are added is one moment of the database.
#[test]
fn backups_under_load() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::new(folder.path(), &[]);
    let id = server.campaign("Hello");
    let stop = std::sync::atomic::AtomicBool::new(false);
    let ordering = std::sync::atomic::Ordering::SeqCst;
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for first in (0..).step_by(100) {
                if stop.load(ordering) {
                    break;
                }
                let numbers: Vec<String> = (first..first + 100)
                    .map(|n| format!("38097{n:07}"))
                    .collect();
                server.ok(
                    "campaign/addRecipients",
                    &[("id", &id), ("recipients", &numbers.join(","))],
                );
            }
        });
        let mut before = 0;
        for round in 0..3 {
            std::thread::sleep(Duration::from_millis(150));
            let copy = folder.path().join(format!("copy-{round}.db"));
            let backup = |copy: &Path| {
                let mut command = recipients();
                command
                    .args(["db", "backup"])
                    .arg(copy)
                    .arg("--db")
                    .arg(&server.db);
                command.output().unwrap()
            };
            let made = backup(&copy);
            assert!(
                made.status.success(),
                "{}",
                String::from_utf8_lossy(&made.stderr)
            );
            // Nothing is written over.
            assert_eq!(backup(&copy).status.code(), Some(4));
            let checked = recipients()
                .args(["db", "check", "--db"])
                .arg(&copy)
                .output()
                .unwrap();
            assert!(
                checked.status.success(),
                "{}",
                String::from_utf8_lossy(&checked.stdout)
            );
            let (process, address) = server::start(&copy);
            let restored = Server {
                process,
                address,
                db: copy,
                key: server.key.clone(),
            };
            let messages = &restored.info(&id)["counters"]["totalMsgNum"];
            let messages: u64 = messages.as_str().unwrap().parse().unwrap();
            assert!(
                messages > before && messages.is_multiple_of(100),
                "{messages}"
            );
            before = messages;
        }
        stop.store(true, ordering);
    });
    // A damaged one is found out.
    let copy = folder.path().join("copy-0.db");
    let mut bytes = std::fs::read(&copy).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle..middle + 2000].fill(0x55);
    std::fs::write(&copy, bytes).unwrap();
    let checked = recipients()
        .args(["db", "check", "--db"])
        .arg(&copy)
        .output()
        .unwrap();
    assert!(matches!(checked.status.code(), Some(3 | 4)));
}

/// What Prometheus reads: counts of calls, and nothing of what they were about.
#[test]
fn metrics() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::new(folder.path(), &[]);
    server.campaign("Secret");
    server.code("campaign/get", &[("id", "999")]);
    server.code("nothing/here", &[]);
    let url = format!("http://{}/metrics", server.address);
    let text = ureq::get(url)
        .call()
        .unwrap()
        .body_mut()
        .read_to_string()
        .unwrap();
    for line in [
        "recipients_requests_total{method=\"campaign/create\",code=\"0\"} 1",
        "recipients_requests_total{method=\"campaign/get\",code=\"2\"} 1",
        "recipients_requests_total{method=\"unknown\",code=\"4\"} 1",
        "recipients_request_seconds_count{method=\"campaign/get\"} 1",
        "recipients_open_tasks 0",
    ] {
        assert!(text.lines().any(|found| found == line), "{line}\n{text}");
    }
    assert!(!text.contains("Secret") && !text.contains(&server.key));
}

/// Every operator of ContactCard/List, upper and lower case alike, and numbers however they are
/// written; what is not kept is refused.
#[test]
fn contacts_are_searched() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::new(folder.path(), &[]);
    let card = |fields: &[(&str, &str)]| {
        let fields: Vec<(String, &str)> = fields
            .iter()
            .map(|(name, value)| (format!("data{name}"), *value))
            .collect();
        let fields: Vec<(&str, &str)> = fields.iter().map(|(n, v)| (n.as_str(), *v)).collect();
        server
            .ok("contactcard/create", &fields)
            .as_str()
            .unwrap()
            .to_owned()
    };
    let olha = card(&[
        ("[name]", "Ольга"),
        ("[surname]", "Ткач"),
        ("[mobile][value]", "+38 (097) 111-22-33"),
        ("[mobile][type]", "JOB"),
        ("[address][city]", "Київ"),
        ("[birth_date]", "1990-05-01"),
    ]);
    let ivan = card(&[
        ("[name]", "ivan"),
        ("[mobile][value]", B),
        ("[birth_date]", "1985-01-31"),
    ]);
    let none = card(&[("[name]", "Zoe")]);
    let group = server.ok("contactgroup/create", &[("data[name]", "G")]);
    let group = group.as_str().unwrap();
    server.ok(
        "contactcard/setgroups",
        &[("id", &ivan), ("groupIds[]", group)],
    );

    let shown = server.ok("contactcard/get", &[("id", &olha)]);
    assert_eq!(
        shown["fields"]["mobile"],
        json!({"value": A, "type": "JOB"})
    );
    assert_eq!(shown["fields"]["address"]["city"], "Київ");

    let find = |field: &str, operator: &str, value: &str| -> Vec<String> {
        let criteria = [
            ("criteria[0][field]", field),
            ("criteria[0][operator]", operator),
            ("criteria[0][value]", value),
            ("sort[id]", "ASC"),
        ];
        let found = server.ok("contactcard/list", &criteria);
        assert_eq!(found["fullListItemCount"], "3");
        let items = found["items"].as_array().unwrap();
        assert_eq!(found["totalItemCount"], items.len().to_string());
        items
            .iter()
            .map(|item| item["id"].as_str().unwrap().to_owned())
            .collect()
    };
    let today = "2000-01-01 00:00:00";
    for (field, operator, value, expected) in [
        ("name", "equal", "ОЛЬГА", vec![&olha]),
        ("name", "not_equal", "Ivan", vec![&olha, &none]),
        ("surname", "contain", "ТКА", vec![&olha]),
        ("mobile", "equal", "+38 097 111 22 33", vec![&olha]),
        ("mobile.value", "contain", "1112", vec![&olha, &ivan]),
        ("mobile.type", "equal", "job", vec![&olha]),
        ("mobile", "empty", "", vec![&none]),
        ("birth_date", "from", "1985-01-31", vec![&olha, &ivan]),
        ("birth_date", "to", "1985-12-31", vec![&ivan]),
        ("address.city", "equal", "київ", vec![&olha]),
        ("createTs", "from", today, vec![&olha, &ivan, &none]),
        ("createTs", "to", today, vec![]),
        ("groupId", "equal", group, vec![&ivan]),
        ("groupId", "equal", "-1", vec![&olha, &none]),
        ("groupId", "not_equal", group, vec![&olha, &none]),
        ("mobile", "contain", "+38097", vec![&olha, &ivan]),
        ("groupId", "empty", "", vec![&olha, &none]),
        ("name", "equal", "' OR 1=1 --", vec![]),
    ] {
        let found = find(field, operator, value);
        assert_eq!(
            found.iter().collect::<Vec<_>>(),
            expected,
            "{field} {operator} {value}"
        );
    }
    let sorted = server.ok("contactcard/list", &[("sort[fullName]", "asc")]);
    let names: Vec<&str> = sorted["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| item["fields"]["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["ivan", "Zoe", "Ольга"]);
    for (field, operator) in [("shoes", "equal"), ("name", "like")] {
        let criteria = [
            ("criteria[0][field]", field),
            ("criteria[0][operator]", operator),
        ];
        assert_eq!(server.code("contactcard/list", &criteria), 12);
    }
    let body = "--b\r\nContent-Disposition: form-data; name=\"data[name]\"\r\n\r\nA\r\n--b\r\n\
                Content-Disposition: form-data; name=\"data[photo]\"; filename=\"a.png\"\r\n\r\n\
                PNG\r\n--b--\r\n";
    let kind = "multipart/form-data; boundary=b";
    let refused = server.post(&server.url("contactcard/create"), kind, body.as_bytes());
    assert_eq!(refused["code"], 1);
    assert!(refused["data"]["photo"][0].is_string(), "{refused}");
}

#[test]
fn senders_are_listed() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::new(folder.path(), &["--sender", "Alpha", "--sender", "Beta"]);
    let listed = server.ok("alphaname/list", &[]);
    assert_eq!(listed["totalItemCount"], "2");
    let shown: Vec<_> = listed["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| (item["alphaname"]["name"].clone(), item["isDefault"].clone()))
        .collect();
    assert_eq!(
        shown,
        [(json!("Alpha"), json!("1")), (json!("Beta"), json!("0"))]
    );
}

/// Faults on demand: each does what it says, and nothing else goes wrong.
#[test]
fn faults_on_demand() {
    let folder = tempfile::tempdir().unwrap();
    let db = folder.path().join("test.db");
    let key = server::add_account(&db, "test", &[]);
    let plan = "# tried below, in this order\ncampaign/create 2 code:30\ncampaign/create 3 drop:before\n\
                campaign/create 4 drop:after\ncampaign/create 5 status:502\ncampaign/create 6 delay:300\n\
                campaign/addrecipients 1-2 locked\n";
    std::fs::write(folder.path().join("plan"), plan).unwrap();
    let (process, address) = server::start_with(&db, &["--faults", "plan"], folder.path());
    let server = Server {
        process,
        address,
        db,
        key,
    };
    let create = || {
        let answer = ureq::post(server.url("campaign/create")).send(form(&[("data[text]", "x")]));
        let text = match answer {
            Ok(mut answer) => answer.body_mut().read_to_string().unwrap(),
            Err(ureq::Error::StatusCode(status)) => return format!("status {status}"),
            Err(_) => return "gone".to_owned(),
        };
        let envelope: Value = serde_json::from_str(&text).unwrap();
        format!("code {}, {}", envelope["code"], envelope["data"])
    };
    let began = Instant::now();
    let answers: Vec<String> = (0..6).map(|_| create()).collect();
    assert_eq!(
        answers,
        [
            "code 0, \"1\"",
            "code 30, null",
            "gone",
            "gone",
            "status 502",
            "code 0, \"3\""
        ]
    );
    assert!(began.elapsed() >= Duration::from_millis(300));
    let add = || server.code("campaign/addRecipients", &[("id", "1"), ("recipients", A)]);
    assert_eq!([add(), add(), add()], [10, 10, 0]);
    let wrong = folder.path().join("wrong");
    std::fs::write(&wrong, "campaign/create 1 explode\n").unwrap();
    let refused = recipients()
        .args(["serve", "--demo", "--faults"])
        .arg(&wrong)
        .output()
        .unwrap();
    assert_eq!(refused.status.code(), Some(4));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("line 1"));
}
