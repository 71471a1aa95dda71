//! Any bytes to a server that listens: an answer, or the connection ends. And a query that is longer than the HTTP
//! library takes is taken as the same pairs in a form.
#![no_main]

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use served::{ask, post, server};

mod served;

/// What a body may have, or a query.
const BODY_BYTES: usize = 200_000;

#[derive(Arbitrary, Debug)]
enum Input {
    /// A connection's bytes.
    Bytes(Vec<u8>),
    /// A request line and headers that are mostly sound.
    Head { method: u8, path: String, query: Vec<u8>, headers: Vec<(u8, Vec<u8>)>, body: Vec<u8> },
    /// Names, values and how much longer than short the query is.
    Query(Vec<(u8, String)>, u16),
}

const METHODS: [&str; 5] = ["GET", "POST", "HEAD", "get", "OPTIONS"];
const HEADERS: [&str; 9] = [
    "host", "content-length", "transfer-encoding", "connection", "expect", "content-type", "cookie", "upgrade", "x",
];
const NAMES: [&str; 6] = ["criteria[id]", "criteria[text]", "pagination[pageSize]", "sort[id]", "output", "a[b][c]"];

/// Queries that are longer are taken apart before the library sees them.
const SHORT: usize = 32 << 10;

fn ask_for(query: &[u8]) -> Vec<u8> {
    [b"GET /service/campaign/list?", query, b" HTTP/1.1\r\nhost: fuzz\r\nconnection: close\r\n\r\n"].concat()
}

fuzz_target!(|input: Input| {
    match input {
        Input::Bytes(bytes) => drop(ask(&bytes)),
        Input::Head { method, path, query, headers, body } => {
            let method = METHODS[usize::from(method) % METHODS.len()];
            let mut request = format!("{method} /{path}?").into_bytes();
            request.extend(query);
            request.extend(b" HTTP/1.1\r\n");
            for (name, value) in headers {
                let name = HEADERS[usize::from(name) % HEADERS.len()];
                request.extend(format!("{name}: ").bytes());
                request.extend(value);
                request.extend(b"\r\n");
            }
            request.extend(b"\r\n");
            request.extend(body);
            drop(ask(&request));
        }
        Input::Query(pairs, more) => {
            let escape = |text: &str| text.bytes().map(|byte| format!("%{byte:02x}")).collect::<String>();
            let pairs = pairs.iter().map(|(name, value)| {
                let name = NAMES[usize::from(*name) % NAMES.len()];
                format!("&{}={}", escape(name), escape(value))
            });
            let pairs: String = pairs.collect();
            let query = format!("apiKey={}{pairs}&z={}", server().key, "z".repeat(SHORT + usize::from(more)));
            // A line has a limit of its own.
            if query.len() > 150_000 {
                return;
            }
            let by_query = ask(&ask_for(query.as_bytes()));
            let by_form = ask(&post("application/x-www-form-urlencoded", &pairs.as_bytes()[pairs.len().min(1)..]));
            assert!(by_query.as_ref().is_some_and(|(status, _)| *status == 200));
            assert_eq!(by_query, by_form);
        }
    }
});
