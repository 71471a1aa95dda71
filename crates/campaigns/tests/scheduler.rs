//! The scheduler under random rates, slow and failing hand-overs, crashes, restarts and a clock that jumps:
//! in every window of real time no more messages leave than decision D29 allows, each leaves once, and
//! none is lost.
//!
//! `RECIPIENTS_SCHEDULES` and `RECIPIENTS_SEED` set how many schedules are tried, and which; the default is 40.

mod common;

use common::{Crashes, NOON, Random, campaign, open, survive};
use recipients_campaigns::*;
use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// The first of the numbers that are written to; each campaign has a thousand of its own.
const FIRST: i64 = 380_971_110_000;

/// Shows a time that jumps, and keeps the real one.
#[derive(Debug)]
struct Clocks {
    shown: AtomicI64,
    real: AtomicI64,
    /// When, in real time, it was set forward, and when the scheduler began anew behind that: what was due
    /// later may leave at once then, as nobody knows any more when the last packet left.
    forgotten: Mutex<Vec<(i64, i64)>>,
    /// When it was set forward since the scheduler began.
    forward: Mutex<Vec<i64>>,
}

impl Clocks {
    fn pass(&self, time: i64) {
        self.shown.fetch_add(time, Ordering::SeqCst);
        self.real.fetch_add(time, Ordering::SeqCst);
    }

    fn set(&self, by: i64) {
        self.shown.fetch_add(by, Ordering::SeqCst);
        if by > 0 {
            let mut forward = self.forward.lock().unwrap_or_else(PoisonError::into_inner);
            forward.push(self.real.load(Ordering::SeqCst));
        }
    }

    /// The scheduler begins anew.
    fn forget(&self) {
        let mut forward = self.forward.lock().unwrap_or_else(PoisonError::into_inner);
        let began = self.real.load(Ordering::SeqCst);
        let forgotten = forward.drain(..).map(|set| (set, began));
        let mut all = self
            .forgotten
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        all.extend(forgotten);
    }
}

impl Clock for Clocks {
    fn now(&self) -> Millis {
        self.shown.load(Ordering::SeqCst)
    }

    fn steady(&self) -> Millis {
        self.real.load(Ordering::SeqCst)
    }
}

/// A gateway that takes its time, fails before or after it has taken messages, and crashes us.
#[derive(Debug)]
struct Gateway {
    clocks: Arc<Clocks>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    random: Random,
    /// Whether anything goes wrong.
    wrong: bool,
    known: HashSet<i64>,
    /// In real time, for each campaign.
    left: HashMap<i64, Vec<i64>>,
}

impl Gateway {
    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Transport for Gateway {
    fn knows(&self, messages: &[Outgoing]) -> Result<Vec<bool>, String> {
        let mut state = self.state();
        if state.wrong && state.random.below(8) == 0 {
            return Err("down".to_owned());
        }
        Ok(messages
            .iter()
            .map(|message| state.known.contains(&message.id))
            .collect())
    }

    fn hand_over(&self, messages: &[Outgoing]) -> Result<Vec<Receipt>, String> {
        let mut state = self.state();
        let fate = match state.wrong {
            true => state.random.below(20),
            false => 20,
        };
        assert!(fate != 0, "crash");
        if fate == 1 {
            return Err("down".to_owned());
        }
        self.clocks.pass(state.random.below(3) as i64 * 700);
        let now = self.clocks.real.load(Ordering::SeqCst);
        for message in messages {
            assert!(state.known.insert(message.id), "handed over twice");
            let campaign = (message.number.as_u64() as i64 - FIRST) / 1000;
            state.left.entry(campaign).or_default().push(now);
        }
        assert!(fate != 2, "crash");
        match fate {
            3 => Err("no answer".to_owned()),
            _ => Ok(self.receipts(messages)),
        }
    }
}

fn schedule(seed: u64) -> u32 {
    let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let folder = tempfile::tempdir().unwrap();
    let clocks = Arc::new(Clocks {
        shown: AtomicI64::new(NOON),
        real: AtomicI64::new(0),
        forgotten: Mutex::default(),
        forward: Mutex::default(),
    });
    let gateway = Arc::new(Gateway {
        clocks: Arc::clone(&clocks),
        state: Mutex::new(State {
            random: Random(seed ^ 0x5bd1_e995),
            wrong: true,
            known: HashSet::new(),
            left: HashMap::new(),
        }),
    });
    let crashes = Arc::new(Crashes::default());
    let begin = || {
        let options = Options {
            clock: Arc::clone(&clocks) as Arc<dyn Clock>,
            transport: Arc::clone(&gateway) as Arc<dyn Transport>,
            faults: Arc::clone(&crashes) as Arc<dyn Faults>,
            threads: 1,
            ..Options::default()
        };
        let campaigns = open(folder.path(), options);
        campaigns.take_charge().unwrap();
        campaigns
    };
    let mut campaigns = begin();
    let key = campaigns
        .add_account("test", &Settings::default(), Money(0))
        .unwrap();
    let account = campaigns.account_by_key(&key).unwrap();
    // Rates with which a turn of a second now and then brings a packet.
    let rated: Vec<(i64, i64, i64, i64)> = (0..1 + random.below(3) as i64)
        .map(|at| {
            let (limit, period) = match random.below(4) {
                0 => (1 + random.below(9) as i64, 60),
                1 => (10 + random.below(5990) as i64, 60),
                2 => (200 + random.below(3000) as i64, 3600),
                _ => (2000 + random.below(50_000) as i64, 86_400),
            };
            let new = NewCampaign {
                rate_limit: Some(limit.to_string()),
                rate_period: Some(period.to_string()),
                ..campaign("Hello")
            };
            let id = campaigns.create(&account, &new).unwrap();
            let count = 1 + random.below(120) as i64;
            let entry = |n: i64| Entry::number((FIRST + at * 1000 + n).to_string());
            let entries = Entries::Numbers((0..count).map(entry).collect());
            campaigns
                .add(&account, id, &entries, &AddParams::default())
                .unwrap();
            campaigns.send(&account, id).unwrap();
            (id, limit, period, count)
        })
        .collect();
    let mut crashed = 0;
    for _ in 0..400 {
        if random.below(6) == 0 {
            crashes.arm(random.below(4), random.below(2) == 0);
        }
        // A failure is tried again later.
        let done = survive(|| {
            loop {
                match campaigns.step() {
                    Ok(true) => {}
                    Ok(false) => break,
                    Err(error) => {
                        let is_ours = ["down", "no answer"].contains(&error.to_string().as_str());
                        assert!(is_ours, "{error}");
                        break;
                    }
                }
            }
        });
        crashes.disarm();
        if done.is_none() || random.below(40) == 0 {
            crashed += u32::from(done.is_none());
            drop(campaigns);
            clocks.forget();
            campaigns = begin();
        }
        match random.below(30) {
            0 => clocks.set(-(random.below(2 * 3_600_000) as i64)),
            1 => clocks.set(random.below(2 * 3_600_000) as i64),
            _ => clocks.pass(random.below(2000) as i64),
        }
    }
    gateway.state().wrong = false;
    // What is left goes as fast as it may, but for failures that put campaigns off for a minute.
    let packets = |(at, (_, limit, period, count)): (usize, &(i64, i64, i64, i64))| {
        let size = (*limit).min(10);
        let gone = gateway.state().left.get(&(at as i64)).map_or(0, Vec::len);
        ((count - gone as i64) / size + 2) * (size * period * 1000 / limit + 1000)
    };
    let longest = rated.iter().enumerate().map(packets).max();
    let longest = 120_000 + longest.unwrap_or_default();
    let is_sent = |id: i64| campaigns.campaign(&account, id).unwrap().sent.is_some();
    for _ in 0..longest / 1000 {
        while campaigns.step().unwrap() {}
        if rated.iter().all(|(id, ..)| is_sent(*id)) {
            break;
        }
        clocks.pass(1000);
    }
    let state = gateway.state();
    let forgotten = clocks.forgotten.lock();
    let forgotten = forgotten.unwrap_or_else(PoisonError::into_inner);
    for (at, (id, limit, period, count)) in rated.iter().enumerate() {
        let left = &state.left[&(at as i64)];
        assert_eq!(left.len() as i64, *count, "seed {seed}: campaign {id}");
        for (first, &from) in left.iter().enumerate() {
            for (further, &to) in left[first..].iter().enumerate() {
                // A packet that was due before the scheduler began is no longer waited for.
                let gap = limit.min(&10) * period * 1000 / limit + 1;
                let is_there =
                    |&&(set, began): &&(i64, i64)| (from..=to).contains(&set) && began - set <= gap;
                let jumps = forgotten.iter().filter(is_there).count() as i64;
                let most = limit * (to - from) / (period * 1000) + 10 + 10 * jumps;
                assert!(
                    (further as i64) < most,
                    "seed {seed}, campaign {id}, {limit} in {period} s: {} in {} ms",
                    further + 1,
                    to - from
                );
            }
        }
    }
    crashed
}

#[test]
fn d29_rates_hold_and_each_message_leaves_once() {
    common::crash_through(40, 1, schedule);
}

/// Schedules in which more messages left when the clock was set forward: after a new start, before its first
/// step, and after a hand-over that was cut short.
#[test]
fn d29_rates_hold_where_the_clock_is_set_forward() {
    for seed in [4, 116, 200] {
        schedule(seed);
    }
}
