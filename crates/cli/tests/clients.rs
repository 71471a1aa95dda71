//! Clients of the campaign API as others wrote them, unmodified: curl with the lines of the
//! specification, and two libraries from npm.
//!
//! The libraries are looked for in `target/clients`; `npm install --prefix target/clients
//! mobizon-node@0.3.6 mobizon@1.0.1` puts them there. Where a client is missing, its test says so
//! and passes, unless `RECIPIENTS_CLIENTS=required` is set, as it is in CI.

#![allow(clippy::print_stderr, reason = "what was skipped is told")]

mod server;

use serde_json::{Value, json};
use server::Server;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Whether to go on without a client: not where all are required.
fn is_missing(what: &str, advice: &str) -> bool {
    let required = std::env::var("RECIPIENTS_CLIENTS").is_ok_and(|value| value == "required");
    assert!(!required, "{what} is missing: {advice}");
    eprintln!("skipped: {what} is missing ({advice})");
    true
}

fn runs(program: &str) -> bool {
    let version = Command::new(program).arg("--version").output();
    version.is_ok_and(|output| output.status.success())
}

/// The lines of the specification, but for scheme, host, key and ids.
#[test]
fn curl_with_the_lines_of_the_specification() {
    if !runs("curl") && is_missing("curl", "install it") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let server = Server::new(folder.path(), &["--sender", "Alpha"]);
    let curl = |method: &str, data: &str| -> Value {
        let url = format!(
            "http://{}/service/campaign/{method}?output=json&api=v1&apiKey={}",
            server.address, server.key
        );
        let output = Command::new("curl")
            .args(["-s", "-X", "POST", &url])
            .args(["-H", "cache-control: no-cache"])
            .args(["-H", "content-type: application/x-www-form-urlencoded"])
            .args(["-d", data])
            .output()
            .unwrap();
        assert!(output.status.success());
        serde_json::from_slice(&output.stdout).unwrap()
    };
    let created = curl(
        "create",
        "data%5Btype%5D=3&data%5Bfrom%5D=Alpha&data%5Btext%5D=Hello+%7Bname%7D%21+Your+balance+by+\
         %7Bdate%7D+is+%7Bbalance%7D%7Bcurrency%7D.",
    );
    assert_eq!(created["code"], 0, "{created}");
    let id = format!("id={}", created["data"].as_str().unwrap());
    let recipients = "recipients[0][recipient]=380971112233\
        &recipients[0][name]=%D0%92%D0%B0%D1%81%D0%B8%D0%BB%D0%B8%D0%B9&recipients[0][date]=26.10.17\
        &recipients[0][balance]=123.45&recipients[0][currency]=%D0%B3%D1%80%D0%BD\
        &recipients[1][recipient]=380971112255&recipients[1][name]=%D0%9E%D0%BB%D1%8C%D0%B3%D0%B0\
        &recipients[1][date]=26.10.17&recipients[1][balance]=3222.99\
        &recipients[1][currency]=%D1%80%D1%83%D0%B1&recipients[2][recipient]=4901122211112\
        &recipients[2][name]=Markus&recipients[2][date]=26.10.17&recipients[2][balance]=555.45\
        &recipients[2][currency]=eur";
    let added = curl("addRecipients", &format!("{id}&{recipients}"));
    assert_eq!(
        (&added["code"], &added["data"][2]["code"]),
        (&json!(98), &json!(7))
    );
    let text = "Hello {name}! Your balance by {date} is {balance}{currency}.";
    assert_eq!(curl("get", &id)["data"]["text"], text);
    let info = curl("getInfo", &id);
    assert_eq!(info["data"]["counters"]["totalMsgNum"], "2");
    let links = curl("getLinks", &format!("campaignI{}", &id[1..]));
    assert_eq!(links, json!({"code": 0, "data": [], "message": ""}));
    let list = "criteria%5Bfrom%5D=Alpha&pagination%5BcurrentPage%5D=0&pagination%5BpageSize%5D=50&\
                sort%5Btype%5D=ASC";
    assert_eq!(curl("list", list)["data"]["totalItemCount"], "1");
    assert_eq!(
        curl("send", &id),
        json!({"code": 0, "data": 2, "message": ""})
    );
    let other = curl("create", "data[text]=Hello")["data"].clone();
    let other = format!("id={}", other.as_str().unwrap());
    for lists in [
        "recipients[]=380971112233&recipients[]=79101112233&recipients[]=77071112233",
        "recipients=380971112233,79101112233,77071112233&params[replace]=1",
    ] {
        let added = curl("addRecipients", &format!("{other}&{lists}"));
        assert_eq!(
            (&added["code"], added["data"].as_array().unwrap().len()),
            (&json!(0), 3)
        );
    }
    assert_eq!(
        curl("delete", &other),
        json!({"code": 0, "data": true, "message": ""})
    );
}

fn node(library: &str) {
    let clients = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients");
    let modules: PathBuf = [
        env!("CARGO_MANIFEST_DIR"),
        "../../target/clients/node_modules",
    ]
    .iter()
    .collect();
    let advice = "npm install --prefix target/clients mobizon-node@0.3.6 mobizon@1.0.1";
    if !(runs("node") && modules.join(library).is_dir()) && is_missing(library, advice) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let server = Server::new(folder.path(), &["--sender", "Alpha"]);
    let output = Command::new("node")
        .arg(clients.join(format!("{library}.js")))
        .arg(format!("http://{}", server.address))
        .args([&server.key, "Alpha"])
        .env("NODE_PATH", modules)
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    let failed: Vec<&str> = told
        .lines()
        .filter(|line| line.starts_with("FAILED"))
        .collect();
    assert!(
        output.status.success() && failed.is_empty(),
        "{failed:#?}\n{output:?}"
    );
    assert!(
        told.lines().filter(|line| line.starts_with("ok")).count() > 15,
        "{told}"
    );
}

#[test]
fn npm_mobizon_node() {
    node("mobizon-node");
}

#[test]
fn npm_mobizon() {
    node("mobizon");
}
