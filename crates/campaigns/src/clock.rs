//! Time, which tests can set, and the account's way of writing it.

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use std::fmt;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Instant;

/// Milliseconds since 1970-01-01 00:00:00 UTC.
pub type Millis = i64;

/// A minute in [`Millis`].
pub const MINUTE: Millis = 60_000;
/// An hour in [`Millis`].
pub const HOUR: Millis = 60 * MINUTE;
/// A day of 24 hours in [`Millis`].
pub const DAY: Millis = 24 * HOUR;

/// Where the time comes from.
pub trait Clock: Send + Sync + fmt::Debug {
    /// Now.
    fn now(&self) -> Millis;

    /// How much time has passed since some moment: it goes on evenly, whatever [`Clock::now`] is set to.
    fn steady(&self) -> Millis;
}

/// The computer's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Millis {
        Timestamp::now().as_millisecond()
    }

    fn steady(&self) -> Millis {
        static FIRST: OnceLock<Instant> = OnceLock::new();
        FIRST.get_or_init(Instant::now).elapsed().as_millis() as Millis
    }
}

/// A clock that stands still until it is set.
#[derive(Debug, Default)]
pub struct ManualClock {
    now: AtomicI64,
    steady: AtomicI64,
}

impl ManualClock {
    /// A clock that shows this time.
    pub fn at(now: Millis) -> ManualClock {
        ManualClock {
            now: AtomicI64::new(now),
            steady: AtomicI64::new(0),
        }
    }

    /// Lets so much time pass; if it is negative, the clock is set back.
    pub fn advance(&self, by: Millis) {
        self.now.fetch_add(by, Ordering::SeqCst);
        self.steady.fetch_add(by.max(0), Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Millis {
        self.now.load(Ordering::SeqCst)
    }

    fn steady(&self) -> Millis {
        self.steady.load(Ordering::SeqCst)
    }
}

/// The account's time zone.
#[derive(Clone, Debug)]
pub struct Zone(TimeZone);

impl Zone {
    /// Universal time.
    pub fn utc() -> Zone {
        Zone::named("UTC").expect("it is everywhere")
    }

    /// The zone of this name in the IANA database, `America/Sao_Paulo` say.
    pub fn named(name: &str) -> Option<Zone> {
        TimeZone::get(name).ok().map(Zone)
    }

    /// `YYYY-MM-DD HH:MM:SS` in this zone.
    pub fn write(&self, at: Millis) -> String {
        let local = self.local(at);
        local.strftime("%Y-%m-%d %H:%M:%S").to_string()
    }

    /// Reads `YYYY-MM-DD HH:MM:SS` in this zone. A time that the clocks skip is the one after.
    pub fn read(&self, text: &str) -> Option<Millis> {
        let (date, time) = text.trim().split_once(' ')?;
        self.at(read_date(date)?, read_time(time)?)
    }

    /// The first moment of `YYYY-MM-DD`, or with a time that moment.
    pub fn from(&self, date: &str, time: Option<&str>) -> Option<Millis> {
        let time = match time {
            Some(time) => read_time(time)?,
            None => Time::midnight(),
        };
        self.at(read_date(date)?, time)
    }

    /// The last second of `YYYY-MM-DD`, or with a time that second, to its end.
    pub fn to(&self, date: &str, time: Option<&str>) -> Option<Millis> {
        let time = match time {
            Some(time) => read_time(time)?,
            None => Time::constant(23, 59, 59, 0),
        };
        Some(self.at(read_date(date)?, time)? + 999)
    }

    /// The first moment of the day that holds this one.
    pub fn day_of(&self, at: Millis) -> Millis {
        let date = self.local(at).date();
        self.at(date, Time::midnight()).unwrap_or(at)
    }

    fn local(&self, at: Millis) -> DateTime {
        let at = Timestamp::from_millisecond(at).unwrap_or(Timestamp::UNIX_EPOCH);
        self.0.to_datetime(at)
    }

    fn at(&self, date: Date, time: Time) -> Option<Millis> {
        // The last moments of the year 9999 are beyond what is reckoned with.
        let at = self.0.to_timestamp(date.to_datetime(time));
        let at = at.unwrap_or(match date.year() {
            ..1 => Timestamp::MIN,
            _ => Timestamp::MAX,
        });
        Some(at.as_millisecond())
    }
}

/// Exactly `YYYY-MM-DD`.
fn read_date(text: &str) -> Option<Date> {
    is_like(text, "0000-00-00").then(|| text.parse().ok())?
}

/// Exactly `HH:MM:SS`.
fn read_time(text: &str) -> Option<Time> {
    let text = text.trim();
    // Second 60 does not come with civil times.
    (is_like(text, "00:00:00") && !text.ends_with(":60")).then(|| text.parse().ok())?
}

fn is_like(text: &str, form: &str) -> bool {
    text.len() == form.len()
        && text
            .bytes()
            .zip(form.bytes())
            .all(|(byte, form)| match form {
                b'0' => byte.is_ascii_digit(),
                form => byte == form,
            })
}

/// The millisecond so many milliseconds later, however far.
pub(crate) fn later(at: Millis, by: Millis) -> Millis {
    debug_assert!(SignedDuration::from_millis(by) >= SignedDuration::ZERO);
    at.saturating_add(by)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_a_zone() {
        let zone = Zone::named("America/Sao_Paulo").unwrap();
        let at = zone.read("2026-11-24 12:00:00").unwrap();
        assert_eq!(at, 1_795_532_400_000);
        assert_eq!(zone.write(at), "2026-11-24 12:00:00");
        assert_eq!(zone.write(zone.day_of(at)), "2026-11-24 00:00:00");
        assert_eq!(zone.to("2026-11-24", None).unwrap() % 1000, 999);
        for bad in [
            "2026-11-24T12:00:00",
            "2026-11-24",
            "24.11.2026 12:00:00",
            "2026-13-01 00:00:00",
            "2026-11-24 24:00:00",
            "2026-11-24 12:00:60",
            "2026-11-24  12:00:00Z",
            "",
        ] {
            assert_eq!(zone.read(bad), None, "{bad}");
        }
        assert!(Zone::named("Mars/Olympus").is_none());
    }
}
