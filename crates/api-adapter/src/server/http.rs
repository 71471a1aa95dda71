//! Connections, bodies, and what is neither.

use super::connection::Connection;
use super::faults::{Fault, FaultPlan};
use super::guests::{Guest, Guests};
use super::methods::{self, Call, Gate};
use super::metrics::{Gauges, Metrics};
use super::read::{FREE, Refused, Room, read};
use super::searches::Searches;
use super::tls::Tls;
use super::{ServerOptions, Setup};
use crate::{ApiCode, Envelope, Output};
use axum::Router;
use axum::body::{Body, Bytes, HttpBody};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use hyper::body::{Frame, SizeHint};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use recipients_campaigns::{Campaigns, Error};
use std::convert::Infallible;
use std::io;
use std::net::TcpListener;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use tokio::sync::OwnedSemaphorePermit;
use tower_http::services::ServeFile;

/// Bytes of a head that are held, and of an answer that were not written yet.
const MOST_HEAD: usize = 192 << 10;

/// How often the flag to stop is looked at.
const LOOK: Duration = Duration::from_millis(50);

#[derive(Clone)]
pub(super) struct Server {
    pub(super) campaigns: Arc<Campaigns>,
    pub(super) options: ServerOptions,
    gate: Arc<Gate>,
    metrics: Arc<Metrics>,
    guests: Arc<Guests>,
    searches: Arc<Searches>,
    faults: Arc<FaultPlan>,
    pub(super) room: Room,
}

/// Who is asking.
#[derive(Clone)]
struct Peer(Arc<Guest>);

/// Connections that wait to be accepted, at most: so many that none is turned away while others leave.
const BACKLOG: i32 = 4096;

pub(super) fn serve(
    campaigns: &Arc<Campaigns>,
    listener: TcpListener,
    setup: Setup,
    stop: &Arc<AtomicBool>,
) -> io::Result<()> {
    let Setup {
        options,
        tls,
        faults,
    } = setup;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_name("http")
        .build()?;
    let server = Server {
        campaigns: Arc::clone(campaigns),
        options,
        gate: Arc::default(),
        metrics: Arc::default(),
        guests: Guests::new(options.connections, options.silent_connections),
        searches: Arc::default(),
        faults: Arc::new(faults),
        room: Room::new(&options),
    };
    // On one of the threads that serve: others would have to be woken for every connection.
    let accepting = runtime.spawn(accept(server, listener, tls, Arc::clone(stop)));
    let served = runtime
        .block_on(accepting)
        .unwrap_or_else(|error| Err(io::Error::other(error)));
    // Calls that are in the store are carried out; what hangs is left.
    runtime.shutdown_timeout(options.grace);
    served
}

async fn accept(
    server: Server,
    listener: TcpListener,
    tls: Option<Tls>,
    stop: Arc<AtomicBool>,
) -> io::Result<()> {
    let campaigns = Arc::clone(&server.campaigns);
    listener.set_nonblocking(true)?;
    socket2::SockRef::from(&listener).listen(BACKLOG)?;
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let options = server.options;
    let guests = Arc::clone(&server.guests);
    let router = Router::new()
        .route("/healthz", get(health))
        .route("/metrics", get(metrics))
        .route("/openapi.json", get(describe))
        .route("/l/{code}", get(follow))
        .route_layer(axum::middleware::from_fn(carried_out_at_once))
        .route("/tasks/{id}/rejects.csv", get(rejects).post(rejects))
        .fallback(service)
        .layer(axum::middleware::from_fn(admit))
        .with_state(server);
    let graceful = GracefulShutdown::new();
    let mut builder = hyper::server::conn::http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(options.patience)
        .max_buf_size(MOST_HEAD)
        .half_close(true);
    let acceptor = tls.as_ref().map(Tls::acceptor);
    if let Some(tls) = tls {
        tokio::spawn(tls.keep_fresh());
    }
    let told = told_to_stop(Arc::clone(&stop));
    tokio::pin!(told);
    let (open, closes) = tokio::sync::watch::channel(());
    loop {
        let (stream, peer) = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    // Out of descriptors, most likely: one comes free when a connection closes.
                    if !guests.send_one_away() {
                        tracing::error!(%error, "a connection could not be accepted");
                        tokio::time::sleep(LOOK).await;
                    }
                    tokio::task::yield_now().await;
                    continue;
                }
            },
            () = &mut told => break,
        };
        let _ = stream.set_nodelay(true);
        let seat = tokio::select! {
            seat = guests.at_the_door(peer.ip()) => seat,
            () = &mut told => break,
        };
        let guest = Arc::clone(&seat.guest);
        let router = router.clone();
        let (builder, watcher) = (builder.clone(), graceful.watcher());
        let (acceptor, mut closes) = (acceptor.clone(), closes.clone());
        tokio::spawn(async move {
            let patience = options.patience;
            // A client that goes away in the middle is no news.
            let served = async {
                // Most of those that attack say nothing: little is made for them. (`readable` comes at
                // once.)
                let comes_in = async {
                    let _ = stream.peek(&mut [0]).await;
                    seat.comes_in().await;
                };
                tokio::select! {
                    () = comes_in => {},
                    () = tokio::time::sleep(patience) => return,
                    _ = closes.changed() => return,
                }
                let router = router.layer(axum::Extension(Peer(Arc::clone(&guest))));
                let service = TowerToHyperService::new(router);
                match acceptor {
                    None => {
                        let stream = TokioIo::new(Connection::new(stream, patience, guest));
                        let connection = builder.serve_connection(stream, service);
                        let _ = watcher.watch(connection).await;
                    }
                    Some(acceptor) => {
                        let greeted = tokio::time::timeout(patience, acceptor.accept(stream));
                        if let Ok(Ok(stream)) = greeted.await {
                            let stream = TokioIo::new(Connection::new(stream, patience, guest));
                            let connection = builder.serve_connection(stream, service);
                            let _ = watcher.watch(connection).await;
                        }
                    }
                }
            };
            tokio::select! {
                () = served => {},
                () = seat.guest.has_to_leave() => {},
            }
            drop(seat);
        });
        // However many come, those who are there have their turn.
        tokio::task::yield_now().await;
    }
    drop((listener, open));
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

/// Tells what a connection is about.
async fn admit(
    axum::Extension(Peer(guest)): axum::Extension<Peer>,
    request: Request,
    next: axum::middleware::Next,
) -> Response {
    guest.asks().await;
    let answer = next.run(request).await;
    guest.is_answered();
    answer
}

/// What nothing has to be read for but the head.
async fn carried_out_at_once(
    axum::Extension(Peer(guest)): axum::Extension<Peer>,
    request: Request,
    next: axum::middleware::Next,
) -> Response {
    guest.is_served().await;
    next.run(request).await
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

/// What was done, for Prometheus: counts and times, nothing of any account.
async fn metrics(State(server): State<Server>) -> Response {
    let metrics = Arc::clone(&server.metrics);
    let vitals = blocking(move || server.campaigns.vitals()).await;
    let Some(Ok((open_tasks, database_bytes))) = vitals else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let gauges = Gauges {
        open_tasks,
        database_bytes,
        connections: server.guests.len() as u64,
        sent_away: server.guests.sent_away(),
    };
    let kind = [(header::CONTENT_TYPE, "text/plain; version=0.0.4")];
    (kind, metrics.text(&gauges)).into_response()
}

/// What there is to call, for programs.
async fn describe() -> Response {
    let kind = [(header::CONTENT_TYPE, "application/json")];
    (kind, super::openapi::text()).into_response()
}

/// Leads a click on.
async fn follow(
    State(server): State<Server>,
    axum::extract::Path(code): axum::extract::Path<String>,
    method: Method,
    headers: HeaderMap,
) -> Response {
    let is_click = is_click(&method, &headers);
    let found = blocking(move || server.campaigns.follow_link(&code, is_click)).await;
    match found {
        Some(Ok(Some(target))) => match header::HeaderValue::from_str(&ascii(&target)) {
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

/// Parts of what programs call themselves that follow links for others: search engines, scanners, and
/// messengers that show what is behind a link.
const PROGRAMS: [&str; 15] = [
    "crawler",
    "spider",
    "slurp",
    "preview",
    "facebookexternalhit",
    "facebookcatalog",
    "whatsapp",
    "viber",
    "vkshare",
    "embedly",
    "google-safety",
    "googleimageproxy",
    "mediapartners-google",
    "headlesschrome",
    "proofpoint",
];

/// Whether a person follows a link, as far as the request tells.
fn is_click(method: &Method, headers: &HeaderMap) -> bool {
    let header = |name: &str| {
        let value = headers.get(name).and_then(|value| value.to_str().ok());
        value.unwrap_or_default().to_ascii_lowercase()
    };
    // Browsers that load pages in advance.
    let purposes = ["purpose", "sec-purpose", "x-purpose", "x-moz"];
    let is_ahead = |name: &&str| {
        let purpose = header(name);
        purpose.contains("prefetch") || purpose.contains("preview")
    };
    let agent = header("user-agent");
    // A word that ends so; but there are telephones of that make.
    let is_bot = agent.match_indices("bot").any(|(at, bot)| {
        let (before, after) = (&agent[..at], &agent[at + bot.len()..]);
        !before.ends_with("cu") && !after.starts_with(|c: char| c.is_ascii_lowercase())
    });
    // Whoever asks for the head only looks where it leads.
    method != Method::HEAD
        && !is_bot
        && !purposes.iter().any(is_ahead)
        && !PROGRAMS.iter().any(|program| agent.contains(program))
}

/// An address as a header can carry it.
fn ascii(address: &str) -> String {
    percent_encoding::utf8_percent_encode(address, percent_encoding::CONTROLS).to_string()
}

/// The rows that an import has rejected.
async fn rejects(
    State(server): State<Server>,
    axum::extract::Path(id): axum::extract::Path<String>,
    axum::Extension(Peer(guest)): axum::Extension<Peer>,
    request: Request,
) -> Response {
    let host = host(request.headers());
    let read = match read(&server, request).await {
        Ok(read) => read,
        Err(refused) => return refused.response(Output::Json),
    };
    guest.is_served().await;
    let answer = blocking(move || {
        // All of it, so that its room is held as long as it is worked with.
        let read = read;
        let call = Call {
            campaigns: &server.campaigns,
            gate: &server.gate,
            bag: &read.bag,
            file: None,
            peer: guest.ip,
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
                    // In the encoding of the list that they come from.
                    let headers = [
                        (header::CONTENT_TYPE, "text/csv"),
                        (
                            header::CONTENT_DISPOSITION,
                            "attachment; filename=\"rejects.csv\"",
                        ),
                    ];
                    (headers, file.map(Body::new)).into_response()
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
    axum::Extension(Peer(guest)): axum::Extension<Peer>,
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
    let metrics = Arc::clone(&server.metrics);
    let planned = server.faults.next(&module, &method);
    let cut = || {
        // Nothing of this answer gets out.
        guest.cut.store(true, Ordering::Relaxed);
        StatusCode::INTERNAL_SERVER_ERROR.into_response()
    };
    let read = match read(&server, request).await {
        Ok(read) => read,
        Err(refused) => {
            let refused = refused.response(wanted);
            metrics.refused(refused.status().as_u16());
            return refused;
        }
    };
    let output = read.bag.text("output").unwrap_or_default();
    let Some(output) = Output::from_name(output) else {
        let words = "The output format must be json or xml.";
        return response(
            &Envelope::new(ApiCode::UnknownOutput, (), words),
            Output::Json,
        );
    };
    match planned {
        Some(Fault::Code(code)) => {
            let words = "A fault that was asked for.";
            return response(&Envelope::new(code, (), words), output);
        }
        Some(Fault::Status(status)) => {
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY);
            return status.into_response();
        }
        Some(Fault::Delay(time)) => tokio::time::sleep(time).await,
        Some(Fault::DropBefore) => return cut(),
        Some(Fault::DropAfter) | None => {}
    }
    let ip = guest.ip;
    let busy = || {
        let refused = Refused::Busy.response(output);
        metrics.refused(refused.status().as_u16());
        refused
    };
    let (room, patience) = (server.room.clone(), server.options.patience);
    // Lists may have to wait for others, and make room for other connections meanwhile.
    let searches = match method.ends_with("list") {
        true => {
            let key = read.bag.text("apiKey").unwrap_or_default();
            match server.searches.leave(key, patience).await {
                None => return busy(),
                leave => leave,
            }
        }
        false => None,
    };
    guest.is_served().await;
    let answer = {
        let (module, method) = (module.clone(), method.clone());
        blocking(move || {
            let read = read;
            let call = Call {
                campaigns: &server.campaigns,
                gate: &server.gate,
                bag: &read.bag,
                file: read.file.as_ref(),
                peer: ip,
                host: host.as_deref(),
            };
            let (account, envelope) = methods::answer(&call, &module, &method);
            // The tree that it is takes several times as much as its text, which has grown by doubling.
            let mut text = envelope.encode(output);
            text.shrink_to_fit();
            (account, envelope.code, text)
        })
        .await
    };
    let (account, code, text) = answer.unwrap_or_else(|| {
        let fault = fault();
        (None, fault.code, fault.encode(output))
    });
    let ms = started.elapsed().as_millis();
    // Names of modules and methods that do not exist come from outside.
    let known = !matches!(code, ApiCode::UnknownModule | ApiCode::UnknownMethod);
    let code = code as u16;
    let name = if known {
        format!("{module}/{method}")
    } else {
        "unknown".to_owned()
    };
    metrics.answered(&name, code, started.elapsed());
    tracing::info!(method = name, account, code, ms, "answered");
    if planned == Some(Fault::DropAfter) {
        return cut();
    }
    let text = Bytes::from(text);
    // What has been done is told in any case, and in few words.
    let room = match searches {
        Some(_) => match tokio::time::timeout(patience, room.for_answer(text.len())).await {
            Ok(Ok(room)) => room,
            _ => return busy(),
        },
        None => None,
    };
    drop(searches);
    let headers = [(header::CONTENT_TYPE, output.content_type())];
    if text.len() > FREE {
        guest.takes();
    }
    let body = Body::new(Held { text, room, guest });
    (StatusCode::OK, headers, body).into_response()
}

/// An answer, and the room that it takes until it is written.
struct Held {
    text: Bytes,
    room: Option<OwnedSemaphorePermit>,
    /// Whose it is.
    guest: Arc<Guest>,
}

impl Drop for Held {
    fn drop(&mut self) {
        self.guest.has_taken();
    }
}

impl HttpBody for Held {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        /// Little enough to be written before the next piece is asked for.
        const PIECE: usize = 1 << 16;
        let length = self.text.len().min(PIECE);
        if length == 0 {
            self.room = None;
            return Poll::Ready(None);
        }
        Poll::Ready(Some(Ok(Frame::data(self.text.split_to(length)))))
    }

    fn is_end_stream(&self) -> bool {
        self.text.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.text.len() as u64)
    }
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

pub(super) fn response(envelope: &Envelope, output: Output) -> Response {
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

/// Something went wrong here; what, is for the log.
pub(super) fn fault() -> Envelope {
    let words = Error::Internal(String::new()).words(Default::default());
    Envelope::new(ApiCode::Fault, (), words)
}
