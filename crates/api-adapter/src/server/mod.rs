//! A server that speaks the campaign API.
//!
//! [`run`] serves [`Campaigns`] over HTTP/1.1, with TLS or without, until it is told to stop, and does their work in the
//! background: imports, and the scheduler that sends. Every method answers GET and POST, in any
//! letter case, with status 200 whatever the envelope's code. Another status, and no envelope, gets
//! what is no such call (404, 405), is too large (413), comes too slowly (408) or for what there is
//! no room now (503); and links and lists of rejected rows for which something fails here (500).

mod connection;
mod faults;
mod guests;
mod hooks;
mod http;
mod methods;
mod metrics;
mod openapi;
mod read;
mod render;
mod searches;
mod tls;

pub use faults::{FaultPlan, FaultPlanError};
pub use tls::Tls;

use recipients_campaigns::{Campaigns, Error};
use std::io;
use std::net::TcpListener;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// Ceilings of the server.
#[derive(Clone, Copy, Debug)]
pub struct ServerOptions {
    /// Bytes of a body without its file. The default is 16 MiB.
    pub body_bytes: usize,
    /// Bytes of an uploaded file. The default is 256 MiB.
    pub file_bytes: u64,
    /// Bytes of all bodies and answers that are held at a time, but for the first 64 KiB of each and
    /// files; others wait. Bodies have to do with half of them while it is not known that an account sends
    /// them: its key is neither in the address nor before the rest of the body. The default is 256 MiB.
    pub bodies_bytes: usize,
    /// Connections at a time that have said something. For another one, one leaves that no request is
    /// being carried out for; if there is none, it waits. The default is 1024.
    pub connections: usize,
    /// Connections at a time beside them that have said nothing yet. For another one, one of them leaves.
    /// The default is 8192, which needs as many descriptors.
    pub silent_connections: usize,
    /// How long a client may take for its headers, for each further part of its body, and for
    /// each part of an answer. The default is 15 seconds.
    pub patience: Duration,
    /// Bytes of a body that must come in a second, in each stretch of twice the patience half as
    /// many. The default is 4096.
    pub slowest: u32,
    /// How long requests may go on after the server was told to stop. The default is 3 seconds.
    pub grace: Duration,
    /// Values of a request, and how deeply they are nested.
    pub bag: crate::Limits,
    /// Whether webhooks may lead to addresses of private networks and of this computer. The default
    /// is no.
    pub private_hooks: bool,
    /// Days after which the people of a campaign that is over are forgotten
    /// ([`Campaigns::purge`]). The default is never.
    pub forget_after: Option<u32>,
}

impl Default for ServerOptions {
    fn default() -> ServerOptions {
        ServerOptions {
            body_bytes: 16 << 20,
            file_bytes: 256 << 20,
            bodies_bytes: 256 << 20,
            connections: 1024,
            silent_connections: 8192,
            patience: Duration::from_secs(15),
            slowest: 4096,
            grace: Duration::from_secs(3),
            bag: crate::Limits::default(),
            private_hooks: false,
            forget_after: None,
        }
    }
}

/// How a server is set up.
#[derive(Debug, Default)]
pub struct Setup {
    /// Its ceilings.
    pub options: ServerOptions,
    /// TLS; plain HTTP without.
    pub tls: Option<Tls>,
    /// What goes wrong on purpose; nothing by default.
    pub faults: FaultPlan,
}

/// Whether there is a module of this name, or a method `module/method`, in any letter case.
pub fn is_method(name: &str) -> bool {
    methods::is_known(name)
}

/// How long the background rests when nothing is due, in milliseconds: other programs that work
/// with the database, as `recipients campaign approve`, give no news.
const NAP: i64 = 100;

/// How often this program may fail at an import before it gives that up.
const PANICS: u32 = 3;

/// Serves until SIGTERM or SIGINT, or until `stop` is set; then requests under way are answered,
/// work in the background is checkpointed, and it returns. Call [`Campaigns::take_charge`] first.
///
/// # Errors
///
/// If the listener cannot be used, or threads cannot be started.
pub fn run(
    campaigns: &Arc<Campaigns>,
    listener: TcpListener,
    setup: Setup,
    stop: &Arc<AtomicBool>,
) -> io::Result<()> {
    let options = setup.options;
    let imports = Work {
        name: "imports",
        step: Campaigns::work,
        rest: |campaigns, seen| {
            campaigns.wait(seen, NAP);
            Ok(())
        },
        give_up: Campaigns::give_up,
    };
    let scheduler = Work {
        name: "scheduler",
        step: Campaigns::step,
        rest: |campaigns, seen| campaigns.rest(seen, NAP),
        give_up: |_| Ok(()),
    };
    let workers = [
        imports.begin(campaigns, stop)?,
        scheduler.begin(campaigns, stop)?,
    ];
    let retention = options
        .forget_after
        .map(|days| forget_each_hour(campaigns, days, stop));
    let retention = retention.transpose()?;
    let hooks = hooks::begin(campaigns, options.private_hooks, stop)?;
    let served = http::serve(campaigns, listener, setup, stop);
    // Nobody has told them, if the listener failed.
    stop.store(true, Ordering::Relaxed);
    campaigns.stop_work();
    // One may be deep in a workbook. What it has committed is kept, and it goes on there.
    let deadline = Instant::now() + options.grace;
    let workers: Vec<_> = workers
        .into_iter()
        .chain([hooks])
        .chain(retention)
        .collect();
    while Instant::now() < deadline && !workers.iter().all(thread::JoinHandle::is_finished) {
        thread::sleep(Duration::from_millis(10));
    }
    for worker in workers {
        if worker.is_finished() && worker.join().is_err() {
            tracing::error!("a background thread has panicked");
        }
    }
    served
}

/// How often is looked for people to forget.
const RETENTION: Duration = Duration::from_secs(3600);

/// Forgets the people of campaigns that ended so many days ago, now and each hour.
fn forget_each_hour(
    campaigns: &Arc<Campaigns>,
    days: u32,
    stop: &Arc<AtomicBool>,
) -> io::Result<thread::JoinHandle<()>> {
    let (campaigns, stop) = (Arc::clone(campaigns), Arc::clone(stop));
    let thread = thread::Builder::new().name("retention".to_owned());
    thread.spawn(move || {
        while !stop.load(Ordering::Relaxed) {
            match campaigns.purge(days, false) {
                Ok(purged) if purged.campaigns > 0 => tracing::info!(
                    campaigns = purged.campaigns,
                    messages = purged.messages,
                    "people were forgotten"
                ),
                Ok(_) => {}
                Err(error) => tracing::error!(%error, "people could not be forgotten"),
            }
            let next = Instant::now() + RETENTION;
            while Instant::now() < next && !stop.load(Ordering::Relaxed) {
                thread::sleep(Duration::from_millis(NAP.unsigned_abs()));
            }
        }
    })
}

/// A kind of work in the background.
struct Work {
    name: &'static str,
    /// Does a piece of it; whether there may be more at once.
    step: fn(&Campaigns) -> Result<bool, Error>,
    /// Waits for other news than these.
    rest: fn(&Campaigns, u64) -> Result<(), Error>,
    /// Gives up at what cannot be done.
    give_up: fn(&Campaigns) -> Result<(), Error>,
}

impl Work {
    /// Does it in a thread of its own, again and again. What panics is tried again, and in the end
    /// given up, so that what is behind it gets its turn.
    fn begin(
        self,
        campaigns: &Arc<Campaigns>,
        stop: &Arc<AtomicBool>,
    ) -> io::Result<thread::JoinHandle<()>> {
        let (campaigns, stop) = (Arc::clone(campaigns), Arc::clone(stop));
        let thread = thread::Builder::new().name(self.name.to_owned());
        thread.spawn(move || {
            let mut panics = 0;
            while !stop.load(Ordering::Relaxed) {
                let seen = campaigns.news();
                let done = catch_unwind(AssertUnwindSafe(|| (self.step)(&campaigns)));
                let done = done.unwrap_or_else(|_| {
                    panics += 1;
                    if panics % PANICS == 0 {
                        (self.give_up)(&campaigns)?;
                    }
                    Err(Error::Internal("a panic".to_owned()))
                });
                let rested = match done {
                    Ok(true) => {
                        panics = 0;
                        continue;
                    }
                    Ok(false) => (self.rest)(&campaigns, seen),
                    Err(error) => Err(error),
                };
                if let Err(error) = rested {
                    tracing::error!(work = self.name, %error, "it is tried again");
                    thread::sleep(Duration::from_millis(campaigns.backoff().unsigned_abs()));
                }
            }
        })
    }
}
