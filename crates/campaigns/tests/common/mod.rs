//! What the tests of campaigns share.
#![allow(dead_code, reason = "each test program uses a part of it")]

use recipients_campaigns::{
    Account, Campaigns, Clock, Faults, ManualClock, MessageStatus, Moment, Money, NewCampaign,
    Options, Outgoing, Receipt, Settings, Transport,
};
use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// 2026-11-24 12:00:00 UTC.
pub(crate) const NOON: i64 = 1_795_521_600_000;

/// Keeps count of what was handed over, whatever crashes around it.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    pub(crate) handed: Mutex<HashMap<i64, u32>>,
    /// Crashes of the program that talks to it: before and after a hand-over, once the countdown
    /// comes to nought.
    pub(crate) crash: Mutex<Option<(u32, bool)>>,
    /// Nothing is foretold of messages to multiples of this.
    pub(crate) silent: Option<u64>,
}

impl Ledger {
    fn crashes(&self, after: bool) -> bool {
        let mut crash = self.crash.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut *crash {
            Some((0, when)) if *when == after => {
                *crash = None;
                true
            }
            Some((left, when)) if *when == after => {
                *left -= 1;
                false
            }
            _ => false,
        }
    }

    /// Crashes around the hand-over after so many others: behind it, or before.
    pub(crate) fn arm(&self, left: u32, after: bool) {
        *self.crash.lock().unwrap_or_else(PoisonError::into_inner) = Some((left, after));
    }

    pub(crate) fn disarm(&self) {
        *self.crash.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// How often each message was handed over.
    pub(crate) fn times(&self) -> HashMap<i64, u32> {
        let handed = self.handed.lock().unwrap_or_else(PoisonError::into_inner);
        handed.clone()
    }
}

impl Transport for Ledger {
    fn knows(&self, messages: &[Outgoing]) -> Result<Vec<bool>, String> {
        let handed = self.handed.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(messages
            .iter()
            .map(|m| handed.contains_key(&m.id))
            .collect())
    }

    fn hand_over(&self, messages: &[Outgoing]) -> Result<Vec<Receipt>, String> {
        assert!(!self.crashes(false), "crash");
        {
            let mut handed = self.handed.lock().unwrap_or_else(PoisonError::into_inner);
            for message in messages {
                *handed.entry(message.id).or_default() += 1;
            }
        }
        assert!(!self.crashes(true), "crash");
        Ok(self.receipts(messages))
    }

    fn receipts(&self, messages: &[Outgoing]) -> Vec<Receipt> {
        messages
            .iter()
            .map(|message| Receipt {
                status: MessageStatus::Accepted,
                foretold: (self.silent)
                    .is_none_or(|of| message.number.as_u64() % of != 0)
                    .then_some((MessageStatus::Delivered, message.at + 1000)),
            })
            .collect()
    }
}

/// Crashes the program at a commit.
#[derive(Debug, Default)]
pub(crate) struct Crashes {
    left: AtomicI64,
    after: AtomicBool,
}

impl Crashes {
    /// Crashes at the commit after so many others: behind it, or before. Never, if it is disarmed.
    pub(crate) fn arm(&self, others: u64, after: bool) {
        self.after.store(after, Ordering::SeqCst);
        self.left.store(others as i64 + 1, Ordering::SeqCst);
    }

    pub(crate) fn disarm(&self) {
        self.left.store(0, Ordering::SeqCst);
    }
}

impl Faults for Crashes {
    fn commit(&self, moment: Moment) {
        if (moment == Moment::After) == self.after.load(Ordering::SeqCst)
            && self.left.fetch_sub(1, Ordering::SeqCst) == 1
        {
            panic!("crash");
        }
    }
}

/// What a program comes to; nothing if it crashes, as it was told to.
pub(crate) fn survive<T>(program: impl FnOnce() -> T) -> Option<T> {
    match catch_unwind(AssertUnwindSafe(program)) {
        Ok(value) => Some(value),
        Err(panic) if panic.downcast_ref::<&str>() == Some(&"crash") => None,
        Err(panic) => resume_unwind(panic),
    }
}

/// Campaigns with a clock that stands still.
pub(crate) struct World {
    pub(crate) campaigns: Campaigns,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) account: Account,
    pub(crate) folder: tempfile::TempDir,
}

pub(crate) fn world(settings: &Settings) -> World {
    world_with(settings, |_| {})
}

pub(crate) fn world_with(settings: &Settings, change: impl FnOnce(&mut Options)) -> World {
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::at(NOON));
    let mut options = Options {
        clock: Arc::clone(&clock) as Arc<dyn Clock>,
        threads: 1,
        ..Options::default()
    };
    change(&mut options);
    let campaigns = open(folder.path(), options);
    let key = campaigns.add_account("test", settings, Money(0)).unwrap();
    let account = campaigns.account_by_key(&key).unwrap();
    World {
        campaigns,
        clock,
        account,
        folder,
    }
}

pub(crate) fn open(folder: &Path, options: Options) -> Campaigns {
    Campaigns::open(&folder.join("test.db"), options).unwrap()
}

pub(crate) fn campaign(text: &str) -> NewCampaign {
    NewCampaign {
        text: Some(text.to_owned()),
        ..NewCampaign::default()
    }
}

/// Does what is due until nothing is.
pub(crate) fn settle(campaigns: &Campaigns) {
    while campaigns.work().unwrap() {}
    while campaigns.step().unwrap() {}
}

/// The seeds of the schedules to be tried: `RECIPIENTS_SCHEDULES` of them, or so many, from
/// `RECIPIENTS_SEED` or 0 on.
pub(crate) fn seeds(default: u64) -> std::ops::Range<u64> {
    let set = |name: &str| std::env::var(name).ok().map(|n| n.parse::<u64>().unwrap());
    let first = set("RECIPIENTS_SEED").unwrap_or(0);
    first..first + set("RECIPIENTS_SCHEDULES").unwrap_or(default)
}

/// Tries schedules, each of which says how many crashes there were, and that these were more than so many a
/// schedule. Nothing is said of crashes that were asked for.
pub(crate) fn crash_through(default: u64, least: u64, schedule: impl FnMut(u64) -> u32) {
    let tell = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        if info.payload().downcast_ref::<&str>() != Some(&"crash") {
            tell(info);
        }
    }));
    let seeds = seeds(default);
    let schedules = seeds.end - seeds.start;
    let crashes: u32 = seeds.map(schedule).sum();
    assert!(u64::from(crashes) > least * schedules, "{crashes} crashes");
}

/// A small generator of numbers that look random: the same for the same seed.
#[derive(Debug)]
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        let mixed = self.0 ^ (self.0 >> 33);
        (mixed.wrapping_mul(0xff51_afd7_ed55_8ccd) >> 33) % limit
    }
}
