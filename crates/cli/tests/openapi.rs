//! The description of the API is true: every method it names is there and answers as it says, and what
//! it calls required is.

mod server;

use serde_json::{Map, Value, json};
use server::{Server, recipients};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

const A: &str = "380971112233";

fn description(server: &Server) -> Value {
    let url = format!("http://{}/openapi.json", server.address);
    let mut answer = ureq::get(url).call().unwrap();
    assert_eq!(answer.headers()["content-type"], "application/json");
    serde_json::from_str(&answer.body_mut().read_to_string().unwrap()).unwrap()
}

/// What the methods take, by their names: the schema of a form.
fn methods(description: &Value) -> BTreeMap<String, Value> {
    let paths = description["paths"].as_object().unwrap();
    let methods = paths.iter().filter_map(|(path, item)| {
        let name = path.strip_prefix("/service/")?;
        let content = &item["post"]["requestBody"]["content"];
        let form = ["application/x-www-form-urlencoded", "multipart/form-data"];
        let schema = form
            .iter()
            .find_map(|kind| content.get(kind))
            .map(|form| form["schema"].clone());
        let schema = schema.unwrap_or_default();
        Some((name.to_owned(), schema))
    });
    methods.collect()
}

#[test]
fn every_method_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::new(folder.path(), &[]);
    let description = description(&server);
    let methods = methods(&description);
    assert_eq!(methods.len(), 39);
    let call = |name: &str| {
        let url = format!("http://{}/service/{name}?apiKey=none", server.address);
        let kind = "application/x-www-form-urlencoded";
        server.post(&url, kind, b"")["code"].clone()
    };
    for name in methods.keys() {
        assert_eq!(call(name), 8, "{name}");
    }
    assert_eq!(
        (call("campaign/nothing"), call("nothing/list")),
        (json!(5), json!(4))
    );
    for path in ["/healthz", "/metrics"] {
        assert!(description["paths"][path]["get"].is_object());
        let url = format!("http://{}{path}", server.address);
        assert_eq!(ureq::get(url).call().unwrap().status(), 200);
    }
}

/// Values that meet a schema, as fields of a form; `None` for files.
fn fields(schema: &Value, name: &str, into: &mut Vec<(String, String)>) {
    let value = match (&schema["type"], schema["contentMediaType"].is_string()) {
        (_, true) => return,
        (kind, _) if kind == "object" => {
            for (inner, schema) in schema["properties"].as_object().unwrap_or(&Map::new()) {
                let name = match name {
                    "" => inner.clone(),
                    name => format!("{name}[{inner}]"),
                };
                fields(schema, &name, into);
            }
            return;
        }
        (kind, _) if kind == "integer" => "1",
        (kind, _) if kind == "array" => "1",
        _ => "x",
    };
    into.push((name.to_owned(), value.to_owned()));
}

fn names(list: &Value) -> Vec<String> {
    let list = list.as_array().into_iter().flatten();
    list.map(|name| name.as_str().unwrap().to_owned()).collect()
}

#[test]
fn what_is_required_is() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::new(folder.path(), &[]);
    let mut tried = 0;
    for (name, schema) in methods(&description(&server)) {
        let mut all = Vec::new();
        fields(&schema, "", &mut all);
        let call = |leave_out: &str| {
            let kept = all.iter().filter(|(name, _)| {
                name != leave_out && !name.starts_with(&format!("{leave_out}["))
            });
            let mut kept: Vec<(&str, &str)> = kept.map(|(n, v)| (n.as_str(), v.as_str())).collect();
            // The map around it is there.
            let other = leave_out
                .split('[')
                .next()
                .map(|map| format!("{map}[other]"));
            if let (Some(other), true) = (&other, leave_out.contains('[')) {
                kept.push((other, "x"));
            }
            server.call(&name, &kept)
        };
        for required in names(&schema["required"]) {
            tried += 1;
            let answer = call(&required);
            assert_eq!(answer["code"], 11, "{name} without {required}: {answer}");
            assert!(
                answer["message"].as_str().unwrap().contains(&required),
                "{answer}"
            );
            for inner in names(&schema["properties"][&required]["required"]) {
                let answer = call(&format!("{required}[{inner}]"));
                assert_eq!(answer["code"], 1, "{name} without {inner}: {answer}");
                assert!(answer["data"][&inner].is_array(), "{answer}");
            }
        }
        // Without its file an import lacks that whatever else it has.
        if name == "contactCard/import" {
            continue;
        }
        for optional in schema["properties"]
            .as_object()
            .unwrap_or(&Map::new())
            .keys()
        {
            if !names(&schema["required"]).contains(optional) {
                let answer = call(optional);
                assert_ne!(answer["code"], 11, "{name} without {optional}: {answer}");
            }
        }
    }
    assert!(tried > 25, "{tried}");
}

/// Why a value is not what a schema says.
fn fault(value: &Value, schema: &Value, at: &str) -> Option<String> {
    let wrong = |what: &str| Some(format!("{at}: {what}: {value}"));
    let is_of = |kind: &Value| match kind.as_str().unwrap() {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_i64(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        other => panic!("{other}"),
    };
    let is_right = match &schema["type"] {
        Value::Null => true,
        Value::Array(kinds) => kinds.iter().any(is_of),
        kind => is_of(kind),
    };
    if !is_right {
        return wrong("is of another type");
    }
    if schema["enum"]
        .as_array()
        .is_some_and(|all| !all.contains(value))
    {
        return wrong("is none of these values");
    }
    if let (Some(fields), Some(known)) = (value.as_object(), schema["properties"].as_object()) {
        for name in names(&schema["required"]) {
            if !fields.contains_key(&name) {
                return wrong(&format!("has no {name}"));
            }
        }
        for (name, value) in fields {
            let Some(schema) = known.get(name) else {
                return wrong(&format!("{name} is not described"));
            };
            if let Some(fault) = fault(value, schema, &format!("{at}.{name}")) {
                return Some(fault);
            }
        }
    }
    let items = value.as_array().into_iter().flatten();
    items
        .filter_map(|item| fault(item, &schema["items"], &format!("{at}[]")))
        .next()
}

#[test]
fn answers_are_as_described() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::new(folder.path(), &["--sender", "Shop", "--balance", "100"]);
    let description = description(&server);
    let mut met: Met = BTreeMap::new();
    let mut call = |name: &str, fields: &[(&str, &str)]| {
        let answer = server.call(name, fields);
        check(&description, name, &answer, &mut met);
        answer["data"].clone()
    };
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    call("user/getOwnBalance", &[]);
    call("alphaname/list", &[]);
    let link = call(
        "link/create",
        &[("data[fullLink]", "example.com"), ("data[comment]", "c")],
    );
    let (link, short) = (text(&link["id"]), text(&link["shortLink"]));
    let bare = text(&call("link/create", &[("data[fullLink]", "example.com")])["id"]);
    let group = text(&call("contactGroup/create", &[("data[name]", "All")]));
    let card = [
        ("data[mobile][value]", A),
        ("data[mobile][type]", "MAIN"),
        ("data[name]", "Ann"),
    ];
    let card = text(&call("contactCard/create", &card));
    let bare_card = text(&call("contactCard/create", &[("data[name]", "Bob")]));
    call(
        "contactCard/setGroups",
        &[("id", &card), ("groupIds", &group)],
    );
    for name in ["contactCard/get", "contactCard/getGroups"] {
        call(name, &[("id", &card)]);
        call(name, &[("id", &bare_card)]);
    }
    call("contactCard/list", &[]);
    call(
        "contactCard/update",
        &[("id", &card), ("data[surname]", "Lee")],
    );
    call("contactGroup/list", &[]);
    call("contactGroup/getCardsCount", &[("id", &group)]);
    call(
        "contactGroup/update",
        &[("id", &group), ("data[name]", "Some")],
    );
    let body = "--b\r\nContent-Disposition: form-data; name=\"cardsFile\"; filename=\"c.csv\"\r\n\r\n\
                name,mobile\r\nCid,380971112244\r\n--b--\r\n";
    let kind = "multipart/form-data; boundary=b";
    let begun = server.post(&server.url("contactCard/import"), kind, body.as_bytes());
    check(&description, "contactCard/import", &begun, &mut met);
    let mut call = |name: &str, fields: &[(&str, &str)]| {
        let answer = server.call(name, fields);
        check(&description, name, &answer, &mut met);
        answer["data"].clone()
    };
    call("taskQueue/getStatus", &[("id", &begun["data"].to_string())]);
    let words = format!("Sale {short} {{name}}");
    let rich = [
        ("data[text]", words.as_str()),
        ("data[type]", "3"),
        ("data[name]", "Winter"),
        ("data[rateLimit]", "6000"),
        ("data[ratePeriod]", "60"),
        ("data[trackShortLinkRecipients]", "1"),
    ];
    let rich = text(&call("campaign/create", &rich));
    let bare_link = call("link/get", &[("id", &bare)]);
    let words = format!("x {}", text(&bare_link["shortLink"]));
    let deferred = text(&call("campaign/create", &[("data[text]", &words)]));
    let numbers = format!("{A},,none,1");
    call(
        "campaign/addRecipients",
        &[("id", &rich), ("recipients", &numbers)],
    );
    let contacts = format!("{card}:name,{bare_card},{card}:nothing,99");
    call(
        "campaign/addRecipients",
        &[("id", &deferred), ("recipientContacts", &contacts)],
    );
    call(
        "campaign/addRecipients",
        &[("id", &deferred), ("recipients", "none")],
    );
    call(
        "campaign/addRecipients",
        &[("id", &deferred), ("recipients", A)],
    );
    let other = text(&call("campaign/create", &[("data[text]", "y")]));
    call(
        "campaign/addRecipients",
        &[("id", &other), ("recipientGroups", &group)],
    );
    type Call<'a> = &'a mut dyn FnMut(&str, &[(&str, &str)]) -> Value;
    let all = |call: Call<'_>| {
        for id in [&rich, &deferred] {
            call("campaign/get", &[("id", id)]);
            call("campaign/getInfo", &[("id", id)]);
            call("campaign/getLinks", &[("campaignId", id)]);
            call("link/getLinks", &[("campaignId", id)]);
        }
        call("campaign/list", &[]);
        let messages = call("message/list", &[]);
        let ids: Vec<&str> = messages["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|item| item["id"].as_str().unwrap())
            .collect();
        call("message/getSmsStatus", &[("ids", &ids.join(","))]);
        call("message/list", &[("withNumberInfo", "1")])
    };
    all(&mut call);
    call("campaign/send", &[("id", &rich)]);
    call(
        "message/sendSmsMessage",
        &[("recipient", A), ("text", "Hi")],
    );
    std::thread::sleep(Duration::from_millis(300));
    let messages = all(&mut call);
    let message = text(&messages["items"][0]["id"]);
    call("message/getSmsStatus", &[("ids", &message)]);
    let _ = ureq::get(short.replace("example.com", ""))
        .config()
        .max_redirects(0)
        .build()
        .call();
    for id in [&link, &bare] {
        call("link/get", &[("id", id)]);
    }
    call("link/list", &[]);
    call("link/getStats", &[("ids", &link), ("type", "daily")]);
    call("link/getStats", &[("ids", &format!("{bare},{link}"))]);
    call(
        "link/update",
        &[("id", &link), ("data[expirationDate]", "2030-01-01")],
    );
    call("link/list", &[]);
    call("link/delete", &[("ids", &format!("{link},99"))]);
    let stop = text(&call(
        "numberStopList/create",
        &[("number", "380971112299")],
    ));
    call(
        "numberStopList/create",
        &[("numberFrom", "380971112290"), ("numberTo", "380971112292")],
    );
    call("numberStopList/list", &[]);
    call("numberStopList/delete", &[("id", &stop)]);
    call(
        "numberStopList/inbound",
        &[("number", A), ("text", "hello")],
    );
    call("numberStopList/inbound", &[("number", A), ("text", "stop")]);
    let prices = folder.path().join("prices.csv");
    std::fs::write(&prices, "country,operator,price\nUA,,1\nUA,Kyivstar,2\n").unwrap();
    let loaded = recipients()
        .args(["prices", "load"])
        .arg(&prices)
        .arg("--db")
        .arg(&server.db)
        .output()
        .unwrap();
    assert!(loaded.status.success(), "{loaded:?}");
    call("price/listPublic", &[("countryA2", "UA")]);
    call("campaign/delete", &[("id", &deferred)]);
    call("contactCard/delete", &[("id", &card)]);
    call("contactGroup/delete", &[("id", &group)]);
    let unmet: Vec<&String> = description["paths"].as_object().unwrap().keys().collect();
    let unmet = unmet
        .into_iter()
        .filter_map(|path| path.strip_prefix("/service/"))
        .filter(|name| !met.contains_key(*name));
    assert_eq!(unmet.collect::<Vec<&str>>(), [""; 0]);
    if is_recording() {
        record(&met);
    }
}

fn check(description: &Value, name: &str, answer: &Value, met: &mut Met) {
    let path = &description["paths"][format!("/service/{name}")]["post"];
    let content = &path["responses"]["200"]["content"]["application/json"];
    let of_code = |one: &&Value| {
        let codes = one["properties"]["code"]["enum"].as_array();
        codes.is_some_and(|codes| codes.contains(&answer["code"]))
    };
    let all = content["schema"]["anyOf"].as_array().unwrap();
    let done = all.iter().find(of_code);
    let done = done.unwrap_or_else(|| panic!("{name}: {answer}"));
    let (examples, shapes) = met.entry(name.to_owned()).or_default();
    if answer["code"] == 100 && name == "campaign/addRecipients" {
        return;
    }
    let mut shape = BTreeSet::new();
    shape_of(&answer["data"], "", &mut shape);
    if !shape.is_subset(shapes) {
        shapes.extend(shape);
        examples.push(shortened(&answer["data"]));
    }
    if !is_recording() {
        assert_eq!(fault(answer, done, name), None);
    }
}

/// Whether the examples are to be written anew:
/// `RECIPIENTS_RECORD=1 cargo test -p recipients-cli --test openapi answers`.
fn is_recording() -> bool {
    std::env::var_os("RECIPIENTS_RECORD").is_some()
}

fn record(met: &Met) {
    let lines = met
        .iter()
        .map(|(name, (examples, _))| format!("{}: {}", json!(name), json!(examples)));
    let text = format!("{{\n{}\n}}\n", lines.collect::<Vec<String>>().join(",\n"));
    let path = "../api-adapter/src/server/openapi/answers.json";
    std::fs::write(Path::new(env!("CARGO_MANIFEST_DIR")).join(path), text).unwrap();
}

/// Methods that have answered: examples of their data, and every path and type in those.
type Met = BTreeMap<String, (Vec<Value>, BTreeSet<(String, &'static str)>)>;

fn shape_of(value: &Value, path: &str, into: &mut BTreeSet<(String, &'static str)>) {
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(items) => {
            for item in items {
                shape_of(item, &format!("{path}[]"), into);
            }
            "array"
        }
        Value::Object(fields) => {
            for (name, value) in fields {
                shape_of(value, &format!("{path}.{name}"), into);
            }
            "object"
        }
    };
    into.insert((path.to_owned(), kind));
}

/// A value without items of lists that show nothing new.
fn shortened(value: &Value) -> Value {
    match value {
        Value::Array(items) => {
            let mut shapes = BTreeSet::new();
            let mut kept = Vec::new();
            for item in items {
                let mut shape = BTreeSet::new();
                shape_of(item, "", &mut shape);
                if !shape.is_subset(&shapes) {
                    shapes.extend(shape);
                    kept.push(shortened(item));
                }
            }
            Value::Array(kept)
        }
        Value::Object(fields) => {
            let fields = fields
                .iter()
                .map(|(name, value)| (name.clone(), shortened(value)));
            Value::Object(fields.collect())
        }
        other => other.clone(),
    }
}
