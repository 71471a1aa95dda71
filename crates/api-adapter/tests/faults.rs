//! Codes that come from faults, over real HTTP: the link maker and the store fail as they are told
//! to in this test program only (codes 3, 51 and 99).
#![cfg(feature = "server")]

use recipients_api_adapter::server::{self, ServerOptions};
use recipients_campaigns::{Campaigns, Error, Faults, LinkMaker, Moment, Money, Options, Settings};
use recipients_core::Msisdn;
use serde_json::{Value, json};
use std::net::TcpListener;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;

/// Makes codes of links, and none that belong to a recipient.
#[derive(Debug)]
struct FewCodes(AtomicUsize);

impl LinkMaker for FewCodes {
    fn code(&self, length: usize) -> Result<String, Error> {
        match length {
            8 => Err(Error::Internal("out of codes".to_owned())),
            _ => Ok(format!("{:05}", self.0.fetch_add(1, Ordering::SeqCst))),
        }
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
        let thread = std::thread::spawn({
            let stop = Arc::clone(&stop);
            move || server::run(&campaigns, listener, ServerOptions::default(), &stop).unwrap()
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
