//! What a request brings: its parameters and its file, within limits of size and time.

use super::ServerOptions;
use super::connection::long_query;
use super::http::{Server, fault, response};
use crate::{ApiCode, Bag, Envelope, Output, TooMuch};
use axum::body::{Body, Bytes, HttpBody};
use axum::extract::Request;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use http_body_util::BodyExt;
use hyper::body::{Frame, SizeHint};
use recipients_campaigns::Error;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Instant;
use tokio::sync::{AcquireError, OwnedSemaphorePermit, Semaphore};

/// The longest text of a multipart form: a field is no file.
const MOST_FIELD: usize = 1 << 20;

/// The first bytes of a body or an answer, which any request may bring or get.
pub(super) const FREE: usize = 64 << 10;

/// How many bytes a byte of a body may take once it is parsed, and how many all values of a request
/// may at most, besides their texts: names, lists and maps, as many as [`crate::Limits`] allows.
const VALUE_WEIGHT: usize = 16;
const VALUES_WEIGHT: usize = 6 << 20;

/// Bytes of bodies are counted in these.
const ROOM_UNIT: usize = 1 << 10;

/// Files that are taken at a time before it is known whose they are.
const STRANGERS_FILES: usize = 8;

/// A body that is larger is parsed where it keeps no other request waiting.
const LARGE: usize = 64 << 10;

/// Bytes of a multipart body that may come before a part begins or goes on: the parser holds them.
const MOST_BEHIND: usize = 256 << 10;

/// What a part of a multipart body weighs, besides its name and its text.
const PART: usize = 32;

/// Bytes of a refused body that are read past, so that its sender gets to know.
const DISCARDED: usize = 32 << 20;

/// Files that are taken: of recipients, and of contact cards.
const FILES: [&str; 2] = ["recipientsFile", "cardsFile"];

/// What a file is called in messages whose name cannot be read.
const UNNAMED: &str = "recipientsFile";

/// A request that cannot be read.
pub(super) enum Refused {
    /// It is larger than it may be: no envelope.
    TooLarge,
    /// The client takes too long.
    TooSlow,
    /// There is no room for it now.
    Busy,
    /// It is not what it says it is.
    Wrong(TooMuch),
    /// We are to blame.
    Ours,
}

impl Refused {
    pub(super) fn response(self, output: Output) -> Response {
        // What is left of the body is not waited for.
        let hang_up =
            |status: StatusCode| (status, [(header::CONNECTION, "close")]).into_response();
        match self {
            Refused::TooLarge => hang_up(StatusCode::PAYLOAD_TOO_LARGE),
            Refused::TooSlow => hang_up(StatusCode::REQUEST_TIMEOUT),
            Refused::Busy => hang_up(StatusCode::SERVICE_UNAVAILABLE),
            Refused::Wrong(why) => {
                let words = format!("The request cannot be read: {why}.");
                response(&Envelope::new(ApiCode::Incorrect, (), words), output)
            }
            Refused::Ours => response(&fault(), output),
        }
    }
}

impl From<TooMuch> for Refused {
    fn from(error: TooMuch) -> Refused {
        Refused::Wrong(error)
    }
}

/// A file that was sent along; deleted when nobody has taken it over.
pub(super) struct Upload {
    pub(super) path: PathBuf,
    /// The name that it was sent under.
    pub(super) name: String,
    /// The parameter that it was sent as.
    pub(super) field: String,
}

impl Drop for Upload {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Room for bodies and answers.
///
/// Whoever has no key can send slowly, too, so what is not known to come from an account has to do with half
/// of it.
#[derive(Clone)]
pub(super) struct Room {
    all: Arc<Semaphore>,
    all_units: u32,
    strangers: Arc<Semaphore>,
    /// Places for files.
    strangers_files: Arc<Semaphore>,
}

impl Room {
    pub(super) fn new(options: &ServerOptions) -> Room {
        let units = |bytes: usize| bytes / ROOM_UNIT;
        let all = units(options.bodies_bytes);
        // The largest body must have room.
        let largest = units(options.body_bytes + VALUES_WEIGHT);
        Room {
            all: Arc::new(Semaphore::new(all)),
            all_units: all as u32,
            strangers: Arc::new(Semaphore::new((all / 2).max(largest).min(all))),
            strangers_files: Arc::new(Semaphore::new(STRANGERS_FILES)),
        }
    }

    /// Room for an answer of so many bytes, when there is some; all of it for one that is larger.
    pub(super) async fn for_answer(
        &self,
        bytes: usize,
    ) -> Result<Option<OwnedSemaphorePermit>, AcquireError> {
        let units = bytes.saturating_sub(FREE).div_ceil(ROOM_UNIT) as u32;
        match units.min(self.all_units) {
            0 => Ok(None),
            units => Arc::clone(&self.all)
                .acquire_many_owned(units)
                .await
                .map(Some),
        }
    }
}

/// What a request takes until it is answered.
#[derive(Default)]
struct Holds {
    bytes: usize,
    room: Option<OwnedSemaphorePermit>,
    /// What of the room is the strangers'.
    as_stranger: Option<OwnedSemaphorePermit>,
    /// Taken for a file, if it is not known whose it is.
    file: Option<OwnedSemaphorePermit>,
}

fn add(held: &mut Option<OwnedSemaphorePermit>, more: OwnedSemaphorePermit) {
    match held {
        Some(held) => held.merge(more),
        None => *held = Some(more),
    }
}

/// The key near the beginning of a query, a form or a JSON object, if it has come as a whole. No more than a
/// hint: what is asked for is decided by the key that is found when all is parsed.
fn key_in(body: &[u8]) -> Option<&str> {
    let start = &body[..body.len().min(FREE)];
    let key = match start.trim_ascii_start().starts_with(b"{") {
        true => {
            const NAME: &[u8] = b"\"apiKey\"";
            let at = memchr::memmem::find(start, NAME)? + NAME.len();
            let rest = start[at..].trim_ascii_start().strip_prefix(b":")?;
            let rest = rest.trim_ascii_start().strip_prefix(b"\"")?;
            &rest[..memchr::memchr(b'"', rest)?]
        }
        false => {
            let whole = &start[..memchr::memrchr(b'&', start)?];
            let mut pairs = whole.split(|&byte| byte == b'&');
            pairs.find_map(|pair| pair.strip_prefix(b"apiKey="))?
        }
    };
    std::str::from_utf8(key).ok().filter(|key| !key.is_empty())
}

/// The key among the parameters.
fn key_of(bag: &Bag) -> Option<&str> {
    bag.text("apiKey").filter(|key| !key.is_empty())
}

/// A request that was read.
pub(super) struct Read {
    pub(super) bag: Bag,
    pub(super) file: Option<Upload>,
    _holds: Holds,
}

/// Reads a body, but not for ever, and not beyond what may be held.
struct Reader<'s> {
    server: &'s Server,
    /// When a stretch of the body began, and how many bytes of it have come.
    stretch: (Instant, u64),
    holds: Holds,
    /// Whether a key that has come is an account's.
    is_known: bool,
    /// The keys that are no account's.
    unknown: Vec<String>,
}

impl<'s> Reader<'s> {
    fn new(server: &'s Server) -> Reader<'s> {
        Reader {
            server,
            stretch: (Instant::now(), 0),
            holds: Holds::default(),
            is_known: false,
            unknown: Vec::new(),
        }
    }

    /// Waits for the client, as long as one may: in twice the patience there must come what is due
    /// in once. What came fast before gives no credit.
    async fn wait<T>(&self, work: impl Future<Output = T>) -> Result<T, Refused> {
        let patience = self.server.options.patience;
        let stretch = (2 * patience).saturating_sub(self.stretch.0.elapsed());
        let work = tokio::time::timeout(stretch.min(patience), work).await;
        work.map_err(|_| Refused::TooSlow)
    }

    /// So many bytes more have come.
    fn came(&mut self, bytes: usize) {
        let ServerOptions {
            patience, slowest, ..
        } = self.server.options;
        self.stretch.1 += bytes as u64;
        if self.stretch.1 as f64 >= patience.as_secs_f64() * f64::from(slowest) {
            self.stretch = (Instant::now(), 0);
        }
    }

    /// Whether this key, or one that came before, is an account's.
    fn is_known(&mut self, key: Option<&str>) -> bool {
        /// One in the address, one in the body.
        const KEYS: usize = 2;
        if !self.is_known
            && let Some(key) = key
            && self.unknown.len() < KEYS
            && !self.unknown.iter().any(|unknown| unknown == key)
        {
            let campaigns = &self.server.campaigns;
            let account = tokio::task::block_in_place(|| campaigns.account_by_key(key));
            self.is_known = account.is_ok();
            if !self.is_known {
                self.unknown.push(key.to_owned());
            }
        }
        self.is_known
    }

    /// A file comes: of an account, or one of a few whose key may come behind it.
    fn meet(&mut self, bag: &Bag) -> Result<(), Refused> {
        if !self.is_known(key_of(bag)) && self.holds.file.is_none() {
            let place = Arc::clone(&self.server.room.strangers_files).try_acquire_owned();
            self.holds.file = Some(place.map_err(|_| Refused::Busy)?);
        }
        Ok(())
    }

    /// Takes room for so many more bytes. The key is asked for if it matters whose they are.
    async fn hold<'k>(
        &mut self,
        bytes: usize,
        key: impl FnOnce() -> Option<&'k str>,
    ) -> Result<(), Refused> {
        self.holds.bytes += bytes;
        if self.holds.bytes > self.server.options.body_bytes {
            return Err(Refused::TooLarge);
        }
        // What is made of a body takes more than its bytes.
        let weight = self.holds.bytes + (VALUE_WEIGHT * self.holds.bytes).min(VALUES_WEIGHT);
        let wanted = weight.saturating_sub(FREE).div_ceil(ROOM_UNIT);
        let holds = self.holds.room.as_ref();
        let more = wanted - holds.map_or(0, OwnedSemaphorePermit::num_permits);
        if more > 0 {
            let patience = self.server.options.patience;
            let taken = tokio::time::timeout(patience, self.take(more as u32, key)).await;
            let taken = taken.map_err(|_| Refused::Busy)?;
            taken.map_err(|_| Refused::Ours)?;
        }
        Ok(())
    }

    /// Takes so much room more, when there is some.
    async fn take<'k>(
        &mut self,
        units: u32,
        key: impl FnOnce() -> Option<&'k str>,
    ) -> Result<(), AcquireError> {
        let Room { all, strangers, .. } = &self.server.room;
        let (all, strangers) = (Arc::clone(all), Arc::clone(strangers));
        // Nobody is looked up as long as there is room for strangers.
        let share = match Arc::clone(&strangers).try_acquire_many_owned(units) {
            Ok(share) => Some(share),
            Err(_) if self.is_known(key()) => {
                self.holds.as_stranger = None;
                None
            }
            Err(_) => Some(strangers.acquire_many_owned(units).await?),
        };
        if let Some(share) = share {
            add(&mut self.holds.as_stranger, share);
        }
        let room = all.acquire_many_owned(units).await?;
        add(&mut self.holds.room, room);
        Ok(())
    }
}

/// The parameters of a request, and its file.
pub(super) async fn read(server: &Server, request: Request) -> Result<Read, Refused> {
    let mut reader = Reader::new(server);
    let mut bag = Bag::new(server.options.bag);
    let query = request.uri().query().unwrap_or_default();
    let key = || key_in(query.as_bytes());
    reader.hold(query.len(), key).await?;
    bag.add_query(query)?;
    if let Some(query) = request.headers().get(long_query()) {
        let key = || key_in(query.as_bytes());
        reader.hold(query.len(), key).await?;
        bag.add_form(query.as_bytes())?;
    }
    bag.overlay();
    let kind = request.headers().get(header::CONTENT_TYPE);
    let kind = kind
        .and_then(|kind| kind.to_str().ok())
        .unwrap_or_default()
        .to_owned();
    let is_multipart = kind.to_ascii_lowercase().starts_with("multipart/form-data");
    let options = &server.options;
    let most = options.body_bytes as u64 + if is_multipart { options.file_bytes } else { 0 };
    let asks_first = request.headers().contains_key(header::EXPECT);
    let mut body = Shared::new(request.into_body());
    let is_too_large = HttpBody::size_hint(&body).lower() > most;
    if is_too_large && asks_first {
        return Err(Refused::TooLarge);
    }
    let file = match (is_too_large, is_multipart) {
        (true, _) => Err(Refused::TooLarge),
        (false, true) => multipart(&mut reader, &mut bag, &body, &kind).await,
        (false, false) => whole(&mut reader, &mut bag, &mut body, &kind).await,
    };
    match file {
        Ok(file) => Ok(Read {
            bag,
            file,
            _holds: reader.holds,
        }),
        Err(refused) => {
            // Whoever is still sending does not read an answer yet.
            reader.holds = Holds::default();
            let mut discarded = 0;
            while let Ok(Some(part)) = next(&mut reader, &mut body).await {
                discarded += part.len();
                if discarded > DISCARDED {
                    break;
                }
            }
            Err(refused)
        }
    }
}

/// A body that is parsed when all of it is there.
async fn whole(
    reader: &mut Reader<'_>,
    bag: &mut Bag,
    body: &mut Shared,
    kind: &str,
) -> Result<Option<Upload>, Refused> {
    let mut bytes = Vec::new();
    while let Some(part) = next(reader, body).await? {
        let start = if bytes.is_empty() { &part } else { &bytes[..] };
        // As PHP has it, one in the body takes the place of one in the address.
        let key = || key_in(start).or_else(|| key_of(bag));
        reader.hold(part.len(), key).await?;
        bytes.extend_from_slice(&part);
    }
    let is_json = kind.to_ascii_lowercase().starts_with("application/json");
    let mut parse = || match is_json {
        // Clients send a content type along with no body at all.
        _ if bytes.is_empty() => Ok(()),
        true => bag.add_json(&bytes),
        false => bag.add_form(&bytes),
    };
    match bytes.len() > LARGE {
        true => tokio::task::block_in_place(parse)?,
        false => parse()?,
    }
    Ok(None)
}

async fn next(reader: &mut Reader<'_>, body: &mut Shared) -> Result<Option<Bytes>, Refused> {
    loop {
        match reader.wait(body.frame()).await? {
            None => return Ok(None),
            Some(Err(_)) => return Err(Refused::Wrong(TooMuch::Malformed)),
            Some(Ok(frame)) => {
                if let Ok(data) = frame.into_data() {
                    reader.came(data.len());
                    return Ok(Some(data));
                }
            }
        }
    }
}

async fn multipart(
    reader: &mut Reader<'_>,
    bag: &mut Bag,
    body: &Shared,
    kind: &str,
) -> Result<Option<Upload>, Refused> {
    let boundary = multer::parse_boundary(kind);
    let boundary = boundary.map_err(|_| Refused::Wrong(TooMuch::Malformed))?;
    let server = reader.server;
    let options = &server.options;
    let limits = multer::SizeLimit::new()
        .whole_stream(options.file_bytes.saturating_add(options.body_bytes as u64))
        .per_field(options.file_bytes);
    let limits = multer::Constraints::new().size_limit(limits);
    let behind = Arc::new(AtomicUsize::new(0));
    let body = Body::new(Watched {
        body: body.clone(),
        behind: Arc::clone(&behind),
    });
    let mut parts = multer::Multipart::with_constraints(body.into_data_stream(), boundary, limits);
    // All bytes that come show that the client is not slow, those around the parts too.
    let went_on = |reader: &mut Reader<'_>| reader.came(behind.swap(0, Ordering::Relaxed));
    let mut file: Option<(Upload, std::fs::File)> = None;
    loop {
        let part = reader.wait(parts.next_field()).await?;
        went_on(reader);
        let Some(mut part) = part.map_err(wrong)? else {
            break;
        };
        let name = part.name().unwrap_or_default().to_owned();
        let key = || key_of(bag);
        reader.hold(name.len() + PART, key).await?;
        let mut sink = match is_file(&part) {
            true if FILES.contains(&name.as_str()) => {
                reader.meet(bag)?;
                let own = part.file_name();
                let is_chosen = own != Some("");
                let own = own.unwrap_or(UNNAMED);
                let (upload, out) = new_file(server, own, name.clone()).map_err(|error| {
                    tracing::error!(%error, "an upload could not be stored");
                    Refused::Ours
                })?;
                Into::File {
                    upload,
                    out,
                    is_there: is_chosen,
                }
            }
            // Other files, a contact's photo say, are read past, and named.
            true => Into::Nothing { is_empty: true },
            false => Into::Text(Vec::new()),
        };
        loop {
            let chunk = reader.wait(part.chunk()).await?;
            went_on(reader);
            let Some(chunk) = chunk.map_err(wrong)? else {
                break;
            };
            match &mut sink {
                Into::Nothing { is_empty } => *is_empty &= chunk.is_empty(),
                Into::Text(text) => {
                    if text.len() + chunk.len() > MOST_FIELD {
                        return Err(Refused::TooLarge);
                    }
                    reader.hold(chunk.len(), key).await?;
                    text.extend_from_slice(&chunk);
                }
                Into::File { out, is_there, .. } => {
                    *is_there |= !chunk.is_empty();
                    if let Err(error) = out.write_all(&chunk) {
                        tracing::error!(%error, "an upload could not be stored");
                        return Err(Refused::Ours);
                    }
                }
            }
        }
        match sink {
            Into::Nothing { is_empty: true } => {}
            Into::Nothing { .. } => bag.add(&name, "file".to_owned())?,
            Into::Text(text) => bag.add(&name, String::from_utf8_lossy(&text).into_owned())?,
            // A form in which no file was chosen sends one without name and bytes.
            Into::File {
                is_there: false, ..
            } => {}
            Into::File { upload, out, .. } => file = Some((upload, out)),
        }
    }
    let Some((upload, mut out)) = file else {
        return Ok(None);
    };
    let synced = tokio::task::block_in_place(|| out.flush().and_then(|()| out.sync_all()));
    match synced {
        Ok(()) => Ok(Some(upload)),
        Err(error) => {
            tracing::error!(%error, "an upload could not be stored");
            Err(Refused::Ours)
        }
    }
}

/// Whether a part holds a file. Names in an old code page are no text to the parser.
fn is_file(part: &multer::Field<'_>) -> bool {
    let disposition = part.headers().get(header::CONTENT_DISPOSITION);
    part.file_name().is_some() || disposition.is_some_and(|value| names_a_file(value.as_bytes()))
}

/// Whether one of the parameters of a disposition is a file's name.
fn names_a_file(disposition: &[u8]) -> bool {
    let (mut is_quoted, mut is_escaped) = (false, false);
    let parameters = disposition.split(|&byte| {
        let was_escaped = is_escaped;
        is_escaped = is_quoted && byte == b'\\' && !was_escaped;
        is_quoted ^= byte == b'"' && !was_escaped;
        byte == b';' && !is_quoted
    });
    parameters.skip(1).any(|parameter| {
        let name = parameter.split(|&byte| byte == b'=').next();
        let name = name.unwrap_or_default().trim_ascii();
        let name = name.strip_suffix(b"*").unwrap_or(name);
        name.eq_ignore_ascii_case(b"filename")
    })
}

/// A body that can be read on when the parser has given up.
#[derive(Clone)]
struct Shared(Arc<Mutex<Body>>);

impl Shared {
    fn new(body: Body) -> Shared {
        Shared(Arc::new(Mutex::new(body)))
    }

    fn lock(&self) -> MutexGuard<'_, Body> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl HttpBody for Shared {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut *self.lock()).poll_frame(context)
    }

    fn size_hint(&self) -> SizeHint {
        self.lock().size_hint()
    }
}

/// A body that fails when too much of it comes without any part going on.
struct Watched {
    body: Shared,
    behind: Arc<AtomicUsize>,
}

impl HttpBody for Watched {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let frame = Pin::new(&mut self.body).poll_frame(context);
        if let Poll::Ready(Some(Ok(frame))) = &frame
            && let Some(data) = frame.data_ref()
            && self.behind.fetch_add(data.len(), Ordering::Relaxed) > MOST_BEHIND
        {
            let error = "a part has too long a head";
            return Poll::Ready(Some(Err(axum::Error::new(error))));
        }
        frame
    }
}

enum Into {
    Nothing {
        is_empty: bool,
    },
    Text(Vec<u8>),
    File {
        upload: Upload,
        out: std::fs::File,
        /// It has a name or bytes.
        is_there: bool,
    },
}

fn wrong(error: multer::Error) -> Refused {
    match error {
        multer::Error::FieldSizeExceeded { .. } | multer::Error::StreamSizeExceeded { .. } => {
            Refused::TooLarge
        }
        _ => Refused::Wrong(TooMuch::Malformed),
    }
}

/// A new file beside the database; its name is ours.
fn new_file(server: &Server, own: &str, field: String) -> Result<(Upload, std::fs::File), Error> {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let name = format!(
        "upload-{}-{}-{count}",
        server.campaigns.now(),
        std::process::id()
    );
    let path = server.campaigns.folder()?.join(name);
    let out = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(&path)?;
    let own = Path::new(own)
        .file_name()
        .map(|own| own.to_string_lossy().into_owned());
    let upload = Upload {
        path,
        name: own.unwrap_or_default(),
        field,
    };
    Ok((upload, out))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_a_file_by_its_own_parameter() {
        for (disposition, is_file) in [
            (&b"form-data; name=\"recipients[0][filename]\""[..], false),
            (b"form-data; name=\"a\\\"; filename=\\\"b\"", false),
            (b"form-data; name=recipientsFile", false),
            (b"form-data; name=\"f\"; filename=\"\"", true),
            (b"form-data; name=\"f\"; FileName = list.csv", true),
            (b"form-data; name=\"f\"; filename*=windows-1251''%CF", true),
            (b"form-data; name=\"f\"; filename=\"\xcf\xee.csv\"", true),
        ] {
            let shown = String::from_utf8_lossy(disposition);
            assert_eq!(names_a_file(disposition), is_file, "{shown}");
        }
    }
}
