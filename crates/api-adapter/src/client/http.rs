//! One call: a form out, an envelope in.

use super::error::{Error, ErrorKind};
use crate::encode;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value as Json;
use std::fmt;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};

/// An answer may have so many bytes.
const MOST_ANSWER: u64 = 32 << 20;

/// A key of the API. It is never shown.
#[derive(Clone, Eq, PartialEq)]
pub struct ApiKey(String);

impl ApiKey {
    /// A key, without the white space around it.
    ///
    /// # Errors
    ///
    /// If it is empty, or has characters that no key has.
    pub fn new(key: &str) -> Result<ApiKey, Error> {
        let key = key.trim();
        match key.is_empty() || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
            true => Err(Error::setting(
                "an API key is letters and digits without spaces; this is none",
            )),
            false => Ok(ApiKey(key.to_owned())),
        }
    }
}

/// Shows nothing of it.
impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiKey(…)")
    }
}

/// How a server is called.
#[derive(Clone, Debug)]
pub struct ClientOptions {
    /// How long a connection may take. The default is 15 seconds.
    pub connect: Duration,
    /// How long a call may take from connecting to the last byte of its answer. The default is 60
    /// seconds. Files have as long as they need at [`ClientOptions::slowest`].
    pub call: Duration,
    /// Bytes of a file that must get through in a second. The default is 8192.
    pub slowest: u32,
    /// A file in PEM with the certificates that are trusted, instead of those that browsers trust.
    /// The default is none.
    pub authorities: Option<Vec<u8>>,
}

impl Default for ClientOptions {
    fn default() -> ClientOptions {
        ClientOptions {
            connect: Duration::from_secs(15),
            call: Duration::from_secs(60),
            slowest: 8192,
            authorities: None,
        }
    }
}

/// Calls one server with one key.
///
/// A clone shares the connections. It may be used from several threads, each working on a campaign
/// of its own.
#[derive(Clone)]
pub struct Client(Arc<Inner>);

struct Inner {
    /// Up to and including `/service/`.
    base: String,
    key: ApiKey,
    options: ClientOptions,
    config: ureq::config::Config,
    agent: Mutex<ureq::Agent>,
}

/// Shows the address only.
impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Client").field(&self.0.base).finish()
    }
}

/// Parameters of a call, encoded.
#[derive(Clone, Default)]
pub struct Form(String);

/// Shows how long it is: it holds numbers.
impl fmt::Debug for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Form({} bytes)", self.0.len())
    }
}

impl Form {
    /// No parameters.
    pub fn new() -> Form {
        Form::default()
    }

    /// Another parameter, as `data[name]`.
    #[must_use]
    pub fn field(mut self, name: &str, value: impl fmt::Display) -> Form {
        self.add(name, value);
        self
    }

    pub(super) fn add(&mut self, name: &str, value: impl fmt::Display) {
        if !self.0.is_empty() {
            self.0.push('&');
        }
        encode::form(name, &mut self.0);
        self.0.push('=');
        encode::form(&value.to_string(), &mut self.0);
    }

    /// Another parameter, if there is a value.
    #[must_use]
    pub fn optional(self, name: &str, value: Option<impl fmt::Display>) -> Form {
        match value {
            Some(value) => self.field(name, value),
            None => self,
        }
    }

    /// A list, as `ids[]`.
    #[must_use]
    pub fn list(mut self, name: &str, values: impl IntoIterator<Item = impl fmt::Display>) -> Form {
        let name = format!("{name}[]");
        values.into_iter().for_each(|value| self.add(&name, value));
        self
    }

    /// Parameters that are encoded already.
    pub(super) fn encoded(mut self, parameters: &str) -> Form {
        if !self.0.is_empty() && !parameters.is_empty() {
            self.0.push('&');
        }
        self.0.push_str(parameters);
        self
    }

    /// The bytes that travel, without the key.
    pub(super) fn bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

/// An envelope as it came: any code, known or not.
#[derive(Clone, Debug, Deserialize)]
pub struct Answer<T = Json> {
    /// The code.
    pub code: u16,
    /// What was asked for.
    #[serde(
        default = "Option::default",
        bound(deserialize = "T: Deserialize<'de>")
    )]
    pub data: Option<T>,
    /// The server's words.
    #[serde(default, deserialize_with = "words")]
    pub message: String,
}

/// A text, or nothing.
fn words<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    Ok(Option::<String>::deserialize(deserializer)?.unwrap_or_default())
}

/// Words of a server as they are shown: no control characters, which a terminal would obey, and not
/// without end.
pub(super) fn shown(words: &str) -> String {
    const MOST: usize = 500;
    let plain = words.chars().map(|c| if c.is_control() { ' ' } else { c });
    plain.take(MOST).collect()
}

impl Client {
    /// Calls the server at this address, as `https://api.example.com`; a path before `/service` may
    /// be part of it.
    ///
    /// # Errors
    ///
    /// If the address begins neither with `https://` nor with `http://`.
    pub fn new(server: &str, key: ApiKey) -> Result<Client, Error> {
        Client::with(server, key, ClientOptions::default())
    }

    /// Calls the server with options of its own.
    ///
    /// # Errors
    ///
    /// As [`Client::new`], and if the trusted certificates cannot be read.
    pub fn with(server: &str, key: ApiKey, options: ClientOptions) -> Result<Client, Error> {
        let server = server.trim().trim_end_matches('/');
        let server = server.strip_suffix("/service").unwrap_or(server);
        let host = ["https://", "http://"]
            .iter()
            .find_map(|scheme| server.strip_prefix(scheme));
        let wrong = |words: &str| Err(Error::setting(format!("{server}: {words}")));
        match host {
            None => return wrong("write the server's address with https:// before it"),
            Some(host) if host.contains(['@', '?', '#']) => {
                return wrong("the server's address is its name, port and path, nothing else");
            }
            Some("") => return wrong("the server's name is missing"),
            Some(_) => {}
        }
        let mut tls = TlsConfig::builder();
        if let Some(pem) = &options.authorities {
            let mut trusted: Vec<Certificate<'static>> = Vec::new();
            for item in parse_pem(pem) {
                match item {
                    Ok(PemItem::Certificate(certificate)) => trusted.push(certificate),
                    Ok(_) => {}
                    Err(error) => return Err(Error::setting(error.to_string())),
                }
            }
            if trusted.is_empty() {
                return Err(Error::setting("there is no certificate in the file"));
            }
            tls = tls.root_certs(RootCerts::new_with_certs(&trusted));
        }
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            // A key is not carried elsewhere.
            .max_redirects(0)
            .timeout_connect(Some(options.connect))
            .timeout_per_call(Some(options.call))
            .tls_config(tls.build())
            .user_agent(concat!("recipients/", env!("CARGO_PKG_VERSION")))
            .build();
        Ok(Client(Arc::new(Inner {
            base: format!("{server}/service/"),
            key,
            options,
            agent: Mutex::new(config.new_agent()),
            config,
        })))
    }

    /// The address up to `/service/`.
    pub fn address(&self) -> &str {
        self.0.base.trim_end_matches("/service/")
    }

    fn url(&self, method: &str) -> String {
        format!("{}{method}?output=json&api=v1", self.0.base)
    }

    fn agent(&self) -> ureq::Agent {
        let agent = self.0.agent.lock();
        agent.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Leaves all connections: what still comes on them answers nothing any more.
    pub(super) fn hang_up(&self) {
        let mut agent = self.0.agent.lock().unwrap_or_else(PoisonError::into_inner);
        *agent = self.0.config.new_agent();
    }

    /// Calls a method, as `campaign/getinfo`, and gives whatever envelope comes. The key travels in
    /// the body, where no log of addresses has it.
    ///
    /// # Errors
    ///
    /// If no envelope comes.
    pub fn call<T: DeserializeOwned>(&self, method: &str, form: &Form) -> Result<Answer<T>, Error> {
        let mut body = String::with_capacity(form.0.len() + self.0.key.0.len() + 16);
        body.push_str("apiKey=");
        encode::form(&self.0.key.0, &mut body);
        if !form.0.is_empty() {
            body.push('&');
            body.push_str(&form.0);
        }
        let sent = self
            .agent()
            .post(self.url(method))
            .content_type("application/x-www-form-urlencoded")
            .send(body.as_bytes());
        self.read(sent)
    }

    /// Sends a file as one part of a multipart form.
    pub(super) fn call_with_file<T: DeserializeOwned>(
        &self,
        method: &str,
        fields: &[(&str, String)],
        name: &str,
        mut file: &File,
    ) -> Result<Answer<T>, Error> {
        let mut random = [0; 16];
        getrandom::fill(&mut random)
            .map_err(|error| Error::from(std::io::Error::other(error.to_string())))?;
        let boundary = encode::hex(&random);
        let mut head = String::new();
        let key = ("apiKey", self.0.key.0.clone());
        for (name, value) in std::iter::once(&key).chain(fields) {
            head.push_str(&format!(
                "--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n"
            ));
        }
        head.push_str(&format!(
            "--{boundary}\r\nContent-Disposition: form-data; name=\"recipientsFile\"; \
             filename=\"{name}\"\r\nContent-Type: text/csv\r\n\r\n"
        ));
        let tail = format!("\r\n--{boundary}--\r\n");
        let length = file.seek(SeekFrom::End(0))?;
        file.rewind()?;
        let size = head.len() as u64 + length + tail.len() as u64;
        let mut body = head.as_bytes().chain(file).chain(tail.as_bytes());
        let slowest = u64::from(self.0.options.slowest.max(1));
        let patience = self.0.options.call + Duration::from_secs(size / slowest);
        let sent = self
            .agent()
            .post(self.url(method))
            .config()
            .timeout_per_call(Some(patience))
            .build()
            .content_type(format!("multipart/form-data; boundary={boundary}"))
            .header("content-length", size.to_string())
            .send(ureq::SendBody::from_reader(&mut body));
        self.read(sent)
    }

    fn read<T: DeserializeOwned>(
        &self,
        sent: Result<ureq::http::Response<ureq::Body>, ureq::Error>,
    ) -> Result<Answer<T>, Error> {
        let answer = sent.map_err(Error::from).and_then(|mut response| {
            let status = response.status().as_u16();
            let body = response.body_mut();
            if status != 200 {
                return Err(Error::new(ErrorKind::Status(status)));
            }
            let mut bytes = body.with_config().limit(MOST_ANSWER).read_to_vec()?;
            self.redact(&mut bytes);
            read_answer(&bytes)
        });
        // A refusal that comes twice would be taken for the answer to the next attempt, which may
        // have been carried out.
        let is_plain = |answer: &Answer<T>| matches!(answer.code, 0 | 98..=100);
        if !answer.as_ref().is_ok_and(is_plain) {
            self.hang_up();
        }
        answer
    }

    /// A server that quotes the key does not get it into our errors.
    fn redact(&self, bytes: &mut [u8]) {
        let key = self.0.key.0.as_bytes();
        let mut from = 0;
        while let Some(at) = find(&bytes[from..], key) {
            bytes[from + at..from + at + key.len()].fill(b'*');
            from += at + key.len();
        }
    }

    /// Calls a method that is carried out or refused as a whole.
    pub(super) fn done<T: DeserializeOwned>(&self, method: &str, form: &Form) -> Result<T, Error> {
        let answer = self.call::<Json>(method, form)?;
        data(answer)
    }
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    let first = *wanted.first()?;
    let mut from = 0;
    while let Some(at) = bytes[from..].iter().position(|&byte| byte == first) {
        from += at;
        if bytes[from..].starts_with(wanted) {
            return Some(from);
        }
        from += 1;
    }
    None
}

/// Reads an envelope.
///
/// # Errors
///
/// If the bytes are none.
pub fn read_answer<T: DeserializeOwned>(bytes: &[u8]) -> Result<Answer<T>, Error> {
    serde_json::from_slice(bytes).map_err(|error| {
        // serde_json's words may quote what it read.
        Error::unreadable(match error.classify() {
            serde_json::error::Category::Eof => "it ends in the middle",
            serde_json::error::Category::Data => "it is JSON, but not what answers this call",
            _ => "it is no JSON",
        })
    })
}

/// What a successful answer has.
pub(super) fn data<T: DeserializeOwned>(answer: Answer) -> Result<T, Error> {
    if !matches!(answer.code, 0 | 100) {
        return Err(refused(answer));
    }
    let data = answer.data.unwrap_or_default();
    serde_json::from_value(data)
        .map_err(|_| Error::unreadable("it is JSON, but not what answers this call"))
}

/// The error that an envelope tells of.
pub(super) fn refused(answer: Answer) -> Error {
    let words = |value: &Json| match value {
        Json::String(words) => words.clone(),
        Json::Array(all) => {
            let all: Vec<&str> = all.iter().filter_map(Json::as_str).collect();
            all.join(", ")
        }
        other => other.to_string(),
    };
    let fields = match answer.data {
        Some(Json::Object(fields)) => fields
            .iter()
            .map(|(field, value)| (shown(field), shown(&words(value))))
            .take(20)
            .collect(),
        // The right host.
        Some(Json::String(host)) if answer.code == 13 => vec![("host".to_owned(), shown(&host))],
        _ => Vec::new(),
    };
    Error::new(ErrorKind::Refused {
        code: answer.code,
        message: shown(&answer.message),
        fields,
    })
}
