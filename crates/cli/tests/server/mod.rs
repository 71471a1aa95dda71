//! The real binary, serving a real database over real HTTP, for the tests.
#![allow(dead_code, reason = "each test program uses a part of it")]

use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

pub(crate) fn recipients() -> Command {
    Command::new(env!("CARGO_BIN_EXE_recipients"))
}

/// A server, and the account that calls it.
pub(crate) struct Server {
    pub(crate) process: Child,
    pub(crate) address: String,
    pub(crate) db: PathBuf,
    pub(crate) key: String,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

pub(crate) fn add_account(db: &Path, name: &str, options: &[&str]) -> String {
    let added = recipients()
        .args(["account", "add", name, "--db"])
        .arg(db)
        .args(options)
        .output()
        .unwrap();
    assert!(
        added.status.success(),
        "{}",
        String::from_utf8_lossy(&added.stderr)
    );
    let key = String::from_utf8(added.stdout).unwrap().trim().to_owned();
    assert!(key.len() == 40 && key.bytes().all(|byte| byte.is_ascii_alphanumeric()));
    key
}

pub(crate) fn start(db: &Path) -> (Child, String) {
    start_with(db, &[], Path::new("."))
}

/// A server with options, which name files in this folder.
pub(crate) fn start_with(db: &Path, options: &[&str], folder: &Path) -> (Child, String) {
    let mut command = recipients();
    command.stderr(Stdio::null()).current_dir(folder);
    start_by(command, db, options)
}

/// A server by a command that its arguments are given to.
pub(crate) fn start_by(mut command: Command, db: &Path, options: &[&str]) -> (Child, String) {
    let mut process = command
        .args(["serve", "--listen", "127.0.0.1:0", "--db"])
        .arg(db)
        .args(options)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(process.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    let address = line
        .split("://")
        .nth(1)
        .and_then(|rest| rest.split('/').next());
    (process, address.expect(&line).to_owned())
}

/// Bytes of a percent-encoded form.
pub(crate) fn encoded(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => char::from(byte).to_string(),
            byte => format!("%{byte:02X}"),
        })
        .collect()
}

pub(crate) fn form(fields: &[(&str, &str)]) -> String {
    let pairs = fields
        .iter()
        .map(|(name, value)| format!("{}={}", encoded(name), encoded(value)));
    pairs.collect::<Vec<String>>().join("&")
}

impl Server {
    pub(crate) fn new(folder: &Path, options: &[&str]) -> Server {
        let db = folder.join("test.db");
        let key = add_account(&db, "test", options);
        let (process, address) = start(&db);
        Server {
            process,
            address,
            db,
            key,
        }
    }

    pub(crate) fn url(&self, method: &str) -> String {
        format!(
            "http://{}/service/{method}?output=json&api=v1&apiKey={}",
            self.address, self.key
        )
    }

    pub(crate) fn post(&self, url: &str, kind: &str, body: &[u8]) -> Value {
        let mut answer = ureq::post(url)
            .header("content-type", kind)
            .send(body)
            .unwrap();
        assert_eq!(answer.status(), 200);
        let text = answer.body_mut().read_to_string().unwrap();
        let value: Value = serde_json::from_str(&text).expect(&text);
        let members: Vec<&String> = value.as_object().unwrap().keys().collect();
        assert_eq!(members, ["code", "data", "message"]);
        value
    }

    /// The whole envelope.
    pub(crate) fn call(&self, method: &str, fields: &[(&str, &str)]) -> Value {
        let kind = "application/x-www-form-urlencoded";
        self.post(&self.url(method), kind, form(fields).as_bytes())
    }

    /// The data of a call that must be carried out.
    pub(crate) fn ok(&self, method: &str, fields: &[(&str, &str)]) -> Value {
        let mut answer = self.call(method, fields);
        assert_eq!(
            (&answer["code"], &answer["message"]),
            (&json!(0), &json!("")),
            "{method}: {answer}"
        );
        answer["data"].take()
    }

    pub(crate) fn code(&self, method: &str, fields: &[(&str, &str)]) -> u64 {
        let answer = self.call(method, fields);
        let code = answer["code"].as_u64().unwrap();
        assert_eq!(code == 0, answer["message"] == "", "{answer}");
        code
    }

    pub(crate) fn campaign(&self, text: &str) -> String {
        let id = self.ok("campaign/create", &[("data[text]", text)]);
        id.as_str().unwrap().to_owned()
    }

    pub(crate) fn upload(
        &self,
        id: &str,
        name: &str,
        bytes: &[u8],
        fields: &[(&str, &str)],
    ) -> Value {
        let body = multipart(id, name, bytes, fields);
        self.post(&self.url("campaign/addRecipients"), MULTIPART, &body)
    }

    /// The answer to an upload, unless the server is gone.
    pub(crate) fn try_upload(
        &self,
        id: &str,
        bytes: &[u8],
        fields: &[(&str, &str)],
    ) -> Option<Value> {
        let answer = ureq::post(self.url("campaign/addRecipients"))
            .header("content-type", MULTIPART)
            .send(multipart(id, "list.csv", bytes, fields));
        let text = answer.ok()?.body_mut().read_to_string().ok()?;
        serde_json::from_str(&text).ok()
    }

    /// Waits for a task's end; its status.
    pub(crate) fn wait(&self, task: &Value) -> u64 {
        let id = task.to_string();
        let deadline = Instant::now() + Duration::from_secs(60);
        // One question a second is answered; most tasks need no second one.
        std::thread::sleep(Duration::from_millis(150));
        loop {
            let answer = self.call("TaskQueue/GetStatus", &[("id", &id)]);
            if answer["code"] == 0 && answer["data"]["status"].as_u64().unwrap() >= 2 {
                return answer["data"]["status"].as_u64().unwrap();
            }
            assert!(Instant::now() < deadline, "{answer}");
            std::thread::sleep(Duration::from_millis(300));
        }
    }

    pub(crate) fn info(&self, id: &str) -> Value {
        self.ok("campaign/getInfo", &[("id", id)])
    }

    /// All numbers of a campaign; none of them twice.
    pub(crate) fn numbers(&self, campaign: &str) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        for page in 0u64.. {
            let page = page.to_string();
            let fields = [
                ("criteria[campaignIds]", campaign),
                ("pagination[currentPage]", &page),
                ("pagination[pageSize]", "100"),
            ];
            let listed = self.ok("message/list", &fields);
            let items = listed["items"].as_array().unwrap();
            for item in items {
                let number = item["to"].as_str().unwrap().to_owned();
                assert!(!found.contains(&number), "{number} is there twice");
                found.insert(number);
            }
            if items.is_empty() {
                break;
            }
        }
        found
    }

    pub(crate) fn until(&self, id: &str, status: &str) -> Value {
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            let info = self.info(id);
            if info["commonStatus"] == status {
                return info;
            }
            assert!(Instant::now() < deadline, "{info}");
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// Changes what the account is set to.
    pub(crate) fn set(&self, options: &[&str]) {
        let mut command = recipients();
        command.args(["account", "set", "test", "--db"]);
        assert!(
            command
                .arg(&self.db)
                .args(options)
                .status()
                .unwrap()
                .success()
        );
    }

    pub(crate) fn prices(&self, table: &str) {
        let path = self.db.with_extension("csv");
        std::fs::write(&path, table).unwrap();
        let mut command = recipients();
        command
            .args(["prices", "load"])
            .arg(path)
            .arg("--db")
            .arg(&self.db);
        assert!(command.output().unwrap().status.success());
    }

    /// Status and target of a short link.
    pub(crate) fn follow(&self, address: &str) -> (u16, String) {
        let agent: ureq::Agent = ureq::Agent::config_builder()
            .max_redirects(0)
            .http_status_as_error(false)
            .build()
            .into();
        let answer = agent.get(address).call().unwrap();
        let target = answer.headers().get("location");
        let target = target.map_or("", |target| target.to_str().unwrap());
        (answer.status().as_u16(), target.to_owned())
    }

    /// The text `{name}` filled from a template list.
    pub(crate) fn filled(&self, list: &[u8], encoding: &str, delimiter: &str) -> String {
        let data = [("data[type]", "3"), ("data[text]", "{name}")];
        let id = self.ok("campaign/create", &data);
        let id = id.as_str().unwrap();
        let mut fields = vec![("params[recipientsFileDelimiter]", delimiter)];
        if !encoding.is_empty() {
            fields.push(("params[recipientsFileEncoding]", encoding));
        }
        let answer = self.upload(id, "list.csv", list, &fields);
        assert_eq!(answer["code"], 100, "{encoding}: {answer}");
        assert_eq!(self.wait(&answer["data"]), 2);
        let info = [("id", id), ("getFilledTplCampaignText", "1")];
        let info = self.ok("campaign/getInfo", &info);
        info["text"].as_str().unwrap().to_owned()
    }

    pub(crate) fn recounts(&self) {
        let recount = recipients()
            .args(["db", "recount", "--db"])
            .arg(&self.db)
            .output()
            .unwrap();
        assert!(
            recount.status.success(),
            "{}",
            String::from_utf8_lossy(&recount.stdout)
        );
    }
}

const MULTIPART: &str = "multipart/form-data; boundary=\"b1\"";

/// An upload as .NET writes it.
fn multipart(id: &str, name: &str, bytes: &[u8], fields: &[(&str, &str)]) -> Vec<u8> {
    let mut body = Vec::new();
    for (field, value) in fields.iter().chain(&[("id", id)]) {
        let head = format!(
            "--b1\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Disposition: form-data; \
             name=\"{field}\"\r\n\r\n{value}\r\n"
        );
        body.extend(head.as_bytes());
    }
    let head = format!(
        "--b1\r\nContent-Disposition: form-data; name=recipientsFile; filename=\"{name}\"; \
         filename*=utf-8''{name}\r\nContent-Type: application/octet-stream\r\n\r\n"
    );
    body.extend(head.as_bytes());
    body.extend(bytes);
    body.extend(b"\r\n--b1--\r\n");
    body
}

pub(crate) fn codes(answer: &Value) -> Vec<u64> {
    answer["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["code"].as_u64().unwrap())
        .collect()
}

pub(crate) const A: &str = "380971112233";
pub(crate) const B: &str = "380971112255";
