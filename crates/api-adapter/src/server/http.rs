//! Connections, bodies, and what is neither.

use super::ServerOptions;
use super::lines::{LONG_QUERY, LongLines};
use super::methods::{self, Call, Gate};
use crate::{ApiCode, Bag, Envelope, Output, TooMuch};
use axum::Router;
use axum::body::{Body, Bytes, HttpBody};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http_body_util::BodyExt;
use hyper::body::Frame;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use recipients_campaigns::{Campaigns, Error};
use std::io::{self, Write};
use std::net::{IpAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tower_http::services::ServeFile;

/// How often the flag to stop is looked at.
const LOOK: Duration = Duration::from_millis(50);

/// The longest text of a multipart form: a field is no file.
const MOST_FIELD: usize = 1 << 20;

/// The first bytes of a body, which any request may bring.
const FREE: usize = 64 << 10;

/// Bytes of bodies are counted in these.
const ROOM_UNIT: usize = 1 << 10;

/// A body that is larger is parsed where it keeps no other request waiting.
const LARGE: usize = 64 << 10;

/// Bytes of a multipart body that may come before a part begins or goes on: the parser holds them.
const MOST_BEHIND: usize = 256 << 10;

/// Files that are taken at a time before it is known whose they are.
const STRANGERS: usize = 8;

#[derive(Clone)]
pub(super) struct Server {
    campaigns: Arc<Campaigns>,
    options: ServerOptions,
    gate: Arc<Gate>,
    /// Room for bodies.
    room: Arc<Semaphore>,
    /// Files of callers whose key has not come yet.
    strangers: Arc<Semaphore>,
}

/// Who is asking.
#[derive(Clone, Copy)]
struct Peer(IpAddr);

pub(super) fn serve(
    campaigns: &Arc<Campaigns>,
    listener: TcpListener,
    options: ServerOptions,
    stop: &Arc<AtomicBool>,
) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_name("http")
        .build()?;
    let server = Server {
        campaigns: Arc::clone(campaigns),
        options,
        gate: Arc::default(),
        room: Arc::new(Semaphore::new(options.bodies_bytes / ROOM_UNIT)),
        strangers: Arc::new(Semaphore::new(STRANGERS)),
    };
    let served = runtime.block_on(accept(server, listener, Arc::clone(stop)));
    // Calls that are in the store are carried out; what hangs is left.
    runtime.shutdown_timeout(options.grace);
    served
}

async fn accept(server: Server, listener: TcpListener, stop: Arc<AtomicBool>) -> io::Result<()> {
    let campaigns = Arc::clone(&server.campaigns);
    listener.set_nonblocking(true)?;
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let options = server.options;
    let slots = Arc::new(Semaphore::new(options.connections));
    let router = Router::new()
        .route("/healthz", get(health))
        .route("/l/{code}", get(follow))
        .route("/tasks/{id}/rejects.csv", get(rejects).post(rejects))
        .fallback(service)
        .with_state(server);
    let graceful = GracefulShutdown::new();
    let mut builder = hyper::server::conn::http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(options.patience)
        .half_close(true);
    let told = told_to_stop(Arc::clone(&stop));
    tokio::pin!(told);
    loop {
        let slot = tokio::select! {
            slot = Arc::clone(&slots).acquire_owned() => slot.map_err(io::Error::other)?,
            () = &mut told => break,
        };
        let (stream, peer) = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    // Out of descriptors, most likely: it passes when connections close.
                    tracing::error!(%error, "a connection could not be accepted");
                    tokio::time::sleep(LOOK).await;
                    continue;
                }
            },
            () = &mut told => break,
        };
        let _ = stream.set_nodelay(true);
        let router = router.clone().layer(axum::Extension(Peer(peer.ip())));
        let connection = builder.serve_connection(
            TokioIo::new(LongLines::new(stream)),
            TowerToHyperService::new(router),
        );
        let connection = graceful.watch(connection);
        tokio::spawn(async move {
            // A client that goes away in the middle is no news.
            let _ = connection.await;
            drop(slot);
        });
    }
    drop(listener);
    // Work in the background ends while requests under way are answered.
    stop.store(true, Ordering::Relaxed);
    campaigns.stop_work();
    let _ = tokio::time::timeout(options.grace, graceful.shutdown()).await;
    Ok(())
}

async fn told_to_stop(stop: Arc<AtomicBool>) {
    let flag = async {
        while !stop.load(Ordering::Relaxed) {
            tokio::time::sleep(LOOK).await;
        }
    };
    #[cfg(unix)]
    let terminated = async {
        use tokio::signal::unix::{SignalKind, signal};
        match signal(SignalKind::terminate()) {
            Ok(mut signal) => drop(signal.recv().await),
            Err(_) => std::future::pending().await,
        }
    };
    #[cfg(not(unix))]
    let terminated = std::future::pending::<()>();
    tokio::select! {
        () = flag => {},
        () = terminated => {},
        _ = tokio::signal::ctrl_c() => {},
    }
}

async fn health(State(server): State<Server>) -> Response {
    let alive = blocking(move || server.campaigns.find_task(0)).await;
    match alive {
        Some(Ok(_) | Err(Error::NotFound)) => (StatusCode::OK, "ok\n").into_response(),
        _ => (
            StatusCode::SERVICE_UNAVAILABLE,
            "the database cannot be read\n",
        )
            .into_response(),
    }
}

/// Leads a click on.
async fn follow(
    State(server): State<Server>,
    axum::extract::Path(code): axum::extract::Path<String>,
) -> Response {
    let found = blocking(move || server.campaigns.follow_link(&code)).await;
    match found {
        Some(Ok(Some(target))) => match header::HeaderValue::from_str(&target) {
            Ok(target) => {
                let headers = [
                    (header::LOCATION, target),
                    (
                        header::CACHE_CONTROL,
                        header::HeaderValue::from_static("no-store"),
                    ),
                ];
                (StatusCode::FOUND, headers).into_response()
            }
            Err(_) => StatusCode::NOT_FOUND.into_response(),
        },
        Some(Ok(None)) => (StatusCode::NOT_FOUND, "no such link\n").into_response(),
        _ => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// The rows that an import has rejected.
async fn rejects(
    State(server): State<Server>,
    axum::extract::Path(id): axum::extract::Path<String>,
    axum::Extension(peer): axum::Extension<Peer>,
    request: Request,
) -> Response {
    let host = host(request.headers());
    let read = match read(&server, request).await {
        Ok(read) => read,
        Err(refused) => return refused.response(Output::Json),
    };
    let answer = blocking(move || {
        let call = Call {
            campaigns: &server.campaigns,
            gate: &server.gate,
            bag: &read.bag,
            file: None,
            peer: peer.0.to_canonical(),
            host: host.as_deref(),
        };
        methods::rejects(&call, &id)
    })
    .await;
    match answer {
        Some(Ok(path)) => {
            let file = ServeFile::new(path).try_call(Request::new(Body::empty()));
            match file.await {
                Ok(file) => {
                    let kind = [(header::CONTENT_TYPE, "text/csv; charset=utf-8")];
                    (kind, file.map(Body::new)).into_response()
                }
                Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
            }
        }
        Some(Err(envelope)) => response(&envelope, Output::Json),
        None => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// `/service/Module/Method`.
async fn service(
    State(server): State<Server>,
    axum::Extension(peer): axum::Extension<Peer>,
    request: Request,
) -> Response {
    let started = Instant::now();
    if !matches!(request.method().as_str(), "GET" | "POST") {
        return StatusCode::METHOD_NOT_ALLOWED.into_response();
    }
    let path = request.uri().path().to_ascii_lowercase();
    let mut parts = path.trim_end_matches('/').rsplit('/');
    let (method, module, root) = (parts.next(), parts.next(), parts.next());
    let (Some(method), Some(module), Some("service")) = (method, module, root) else {
        return (
            StatusCode::NOT_FOUND,
            "methods are at /service/Module/Method\n",
        )
            .into_response();
    };
    let (module, method) = (module.to_owned(), method.to_owned());
    let host = host(request.headers());
    let wanted = wanted_output(request.uri().query().unwrap_or_default());
    let read = match read(&server, request).await {
        Ok(read) => read,
        Err(refused) => return refused.response(wanted),
    };
    let output = read.bag.text("output").unwrap_or_default();
    let Some(output) = Output::from_name(output) else {
        let words = "The output format must be json or xml.";
        return response(
            &Envelope::new(ApiCode::UnknownOutput, (), words),
            Output::Json,
        );
    };
    let answer = {
        let (module, method) = (module.clone(), method.clone());
        blocking(move || {
            let call = Call {
                campaigns: &server.campaigns,
                gate: &server.gate,
                bag: &read.bag,
                file: read.file.as_ref(),
                peer: peer.0.to_canonical(),
                host: host.as_deref(),
            };
            methods::answer(&call, &module, &method)
        })
        .await
    };
    let (account, envelope) = answer.unwrap_or_else(|| (None, fault()));
    let code = envelope.code as u16;
    let ms = started.elapsed().as_millis();
    // Names of modules and methods that do not exist come from outside.
    let known = !matches!(
        envelope.code,
        ApiCode::UnknownModule | ApiCode::UnknownMethod
    );
    let name = if known {
        format!("{module}/{method}")
    } else {
        "unknown".to_owned()
    };
    tracing::info!(method = name, account, code, ms, "answered");
    response(&envelope, output)
}

/// The format of the answer to a request that cannot be read.
fn wanted_output(query: &str) -> Output {
    match query
        .split('&')
        .any(|pair| pair.eq_ignore_ascii_case("output=xml"))
    {
        true => Output::Xml,
        false => Output::Json,
    }
}

fn response(envelope: &Envelope, output: Output) -> Response {
    let headers = [(header::CONTENT_TYPE, output.content_type())];
    (StatusCode::OK, headers, envelope.encode(output)).into_response()
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(value) => Some(value),
        Err(error) => {
            tracing::error!(%error, "a request has panicked");
            None
        }
    }
}

fn host(headers: &HeaderMap) -> Option<String> {
    let host = headers.get(header::HOST)?.to_str().ok()?;
    let has_port = |port: &str| port.bytes().all(|byte| byte.is_ascii_digit());
    let name = match host.rsplit_once(':') {
        Some((name, port)) if has_port(port) => name,
        _ => host,
    };
    Some(name.to_ascii_lowercase())
}

/// A request that cannot be read.
enum Refused {
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
    fn response(self, output: Output) -> Response {
        match self {
            Refused::TooLarge => StatusCode::PAYLOAD_TOO_LARGE.into_response(),
            Refused::TooSlow => StatusCode::REQUEST_TIMEOUT.into_response(),
            Refused::Busy => StatusCode::SERVICE_UNAVAILABLE.into_response(),
            Refused::Wrong(why) => {
                let words = format!("The request cannot be read: {why}.");
                response(&Envelope::new(ApiCode::Incorrect, (), words), output)
            }
            Refused::Ours => response(&fault(), output),
        }
    }
}

/// Something went wrong here; what, is for the log.
fn fault() -> Envelope {
    let words = Error::Internal(String::new()).words(Default::default());
    Envelope::new(ApiCode::Fault, (), words)
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
}

impl Drop for Upload {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

/// A request that was read.
struct Read {
    bag: Bag,
    file: Option<Upload>,
    /// What its body takes, until it is answered.
    _held: (Option<OwnedSemaphorePermit>, Option<OwnedSemaphorePermit>),
}

/// Reads a body, but not for ever, and not beyond what may be held.
struct Reader<'s> {
    server: &'s Server,
    started: Instant,
    /// Bytes that came.
    came: u64,
    /// Bytes that are held.
    holds: usize,
    held: Option<OwnedSemaphorePermit>,
    /// Taken for a file, if it is not known whose it is.
    stranger: Option<OwnedSemaphorePermit>,
}

impl<'s> Reader<'s> {
    fn new(server: &'s Server) -> Reader<'s> {
        Reader {
            server,
            started: Instant::now(),
            came: 0,
            holds: 0,
            held: None,
            stranger: None,
        }
    }

    /// Waits for the client, as long as one may.
    async fn wait<T>(&self, work: impl Future<Output = T>) -> Result<T, Refused> {
        let ServerOptions {
            patience, slowest, ..
        } = self.server.options;
        let whole = patience + Duration::from_secs(self.came / u64::from(slowest.max(1)));
        let left = whole.saturating_sub(self.started.elapsed()).min(patience);
        let work = tokio::time::timeout(left, work).await;
        work.map_err(|_| Refused::TooSlow)
    }

    /// A file comes: of an account, or one of a few whose key may come behind it.
    fn meet(&mut self, bag: &Bag) -> Result<(), Refused> {
        let key = bag.text("apiKey").unwrap_or_default();
        let campaigns = &self.server.campaigns;
        let is_known = !key.is_empty()
            && tokio::task::block_in_place(|| campaigns.account_by_key(key)).is_ok();
        if !is_known && self.stranger.is_none() {
            let place = Arc::clone(&self.server.strangers).try_acquire_owned();
            self.stranger = Some(place.map_err(|_| Refused::Busy)?);
        }
        Ok(())
    }

    /// Takes room for so many more bytes.
    async fn hold(&mut self, bytes: usize) -> Result<(), Refused> {
        self.holds += bytes;
        if self.holds > self.server.options.body_bytes {
            return Err(Refused::TooLarge);
        }
        let wanted = self.holds.saturating_sub(FREE).div_ceil(ROOM_UNIT);
        let more = wanted - self.held.as_ref().map_or(0, |held| held.num_permits());
        if more > 0 {
            let room = Arc::clone(&self.server.room).acquire_many_owned(more as u32);
            let room = tokio::time::timeout(self.server.options.patience, room).await;
            let room = room.map_err(|_| Refused::Busy)?;
            let room = room.map_err(|_| Refused::Ours)?;
            match &mut self.held {
                Some(held) => held.merge(room),
                None => self.held = Some(room),
            }
        }
        Ok(())
    }
}

/// The parameters of a request, and its file.
async fn read(server: &Server, request: Request) -> Result<Read, Refused> {
    let mut reader = Reader::new(server);
    let mut bag = Bag::new(server.options.bag);
    bag.add_query(request.uri().query().unwrap_or_default())?;
    if let Some(query) = request.headers().get(LONG_QUERY) {
        reader.hold(query.len()).await?;
        bag.add_form(query.as_bytes())?;
    }
    let kind = request.headers().get(header::CONTENT_TYPE);
    let kind = kind
        .and_then(|kind| kind.to_str().ok())
        .unwrap_or_default()
        .to_owned();
    let lower = kind.to_ascii_lowercase();
    let mut body = request.into_body();
    let mut file = None;
    if lower.starts_with("multipart/form-data") {
        let boundary =
            multer::parse_boundary(&kind).map_err(|_| Refused::Wrong(TooMuch::Malformed))?;
        file = multipart(&mut reader, &mut bag, body, boundary).await?;
    } else {
        let mut bytes = Vec::new();
        while let Some(part) = next(&mut reader, &mut body).await? {
            reader.hold(part.len()).await?;
            bytes.extend_from_slice(&part);
        }
        let mut parse = || match lower.starts_with("application/json") {
            // Clients send a content type along with no body at all.
            _ if bytes.is_empty() => Ok(()),
            true => bag.add_json(&bytes),
            false => bag.add_form(&bytes),
        };
        match bytes.len() > LARGE {
            true => tokio::task::block_in_place(parse)?,
            false => parse()?,
        }
    }
    Ok(Read {
        bag,
        file,
        _held: (reader.held, reader.stranger),
    })
}

async fn next(reader: &mut Reader<'_>, body: &mut Body) -> Result<Option<Bytes>, Refused> {
    loop {
        match reader.wait(body.frame()).await? {
            None => return Ok(None),
            Some(Err(_)) => return Err(Refused::Wrong(TooMuch::Malformed)),
            Some(Ok(frame)) => {
                if let Ok(data) = frame.into_data() {
                    reader.came += data.len() as u64;
                    return Ok(Some(data));
                }
            }
        }
    }
}

async fn multipart(
    reader: &mut Reader<'_>,
    bag: &mut Bag,
    body: Body,
    boundary: String,
) -> Result<Option<Upload>, Refused> {
    let server = reader.server;
    let options = &server.options;
    let limits = multer::SizeLimit::new()
        .whole_stream(options.file_bytes.saturating_add(options.body_bytes as u64))
        .per_field(options.file_bytes);
    let limits = multer::Constraints::new().size_limit(limits);
    let behind = Arc::new(AtomicUsize::new(0));
    let body = Body::new(Watched {
        body,
        behind: Arc::clone(&behind),
    });
    let mut parts = multer::Multipart::with_constraints(body.into_data_stream(), boundary, limits);
    let mut file = None;
    loop {
        let part = reader.wait(parts.next_field()).await?;
        behind.store(0, Ordering::Relaxed);
        let Some(mut part) = part.map_err(wrong)? else {
            return Ok(file);
        };
        let name = part.name().unwrap_or_default().to_owned();
        let mut sink = match part.file_name() {
            Some(own) if name == "recipientsFile" => {
                reader.meet(bag)?;
                let (upload, out) = new_file(server, own).map_err(|error| {
                    tracing::error!(%error, "an upload could not be stored");
                    Refused::Ours
                })?;
                Into::File(upload, out)
            }
            // Other files, a contact's photo say, are read past.
            Some(_) => Into::Nothing,
            None => Into::Text(Vec::new()),
        };
        loop {
            let chunk = reader.wait(part.chunk()).await?;
            behind.store(0, Ordering::Relaxed);
            let Some(chunk) = chunk.map_err(wrong)? else {
                break;
            };
            reader.came += chunk.len() as u64;
            match &mut sink {
                Into::Nothing => {}
                Into::Text(text) => {
                    if text.len() + chunk.len() > MOST_FIELD {
                        return Err(Refused::TooLarge);
                    }
                    reader.hold(chunk.len()).await?;
                    text.extend_from_slice(&chunk);
                }
                Into::File(_, out) => {
                    if let Err(error) = out.write_all(&chunk) {
                        tracing::error!(%error, "an upload could not be stored");
                        return Err(Refused::Ours);
                    }
                }
            }
        }
        match sink {
            Into::Nothing => {}
            Into::Text(text) => bag.add(&name, String::from_utf8_lossy(&text).into_owned())?,
            Into::File(upload, mut out) => {
                let synced =
                    tokio::task::block_in_place(|| out.flush().and_then(|()| out.sync_all()));
                if let Err(error) = synced {
                    tracing::error!(%error, "an upload could not be stored");
                    return Err(Refused::Ours);
                }
                file = Some(upload);
            }
        }
    }
}

/// A body that fails when too much of it comes without any part going on.
struct Watched {
    body: Body,
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
    Nothing,
    Text(Vec<u8>),
    File(Upload, std::fs::File),
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
fn new_file(server: &Server, own: &str) -> Result<(Upload, std::fs::File), Error> {
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
    };
    Ok((upload, out))
}
