//! Who is connected, and who has to leave when there is no room for one more.
//!
//! Connections that say nothing cost an attacker nothing. So a new one does not wait until they are
//! given up: of those nothing is being done for, one leaves at once. Requests whose body has come are
//! always answered.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

/// No request has come yet.
const SILENT: u8 = 0;
/// A request was answered, and the next one has not come.
const RESTS: u8 = 1;
/// The head of a request has come.
const ASKS: u8 = 2;
/// All of a request has come.
const SERVED: u8 = 3;
const SENT_AWAY: u8 = 4;

/// How often those who could not be sent away are looked at again.
const LOOK: Duration = Duration::from_millis(20);

/// All connections.
pub(super) struct Guests {
    seats: Arc<Semaphore>,
    began: Instant,
    next: AtomicU64,
    there: Mutex<BTreeMap<u64, Arc<Guest>>>,
    sent_away: AtomicU64,
}

/// A connection.
pub(super) struct Guest {
    /// Where it comes from.
    pub(super) ip: IpAddr,
    /// Nothing more is written to it.
    pub(super) cut: AtomicBool,
    state: AtomicU8,
    began: Instant,
    /// When it came, asked last, or was given something last: microseconds since `began`.
    since: AtomicU64,
    leave: Notify,
}

/// A connection's place, which is free again when this goes.
pub(super) struct Seat {
    pub(super) guest: Arc<Guest>,
    id: u64,
    guests: Arc<Guests>,
    _permit: OwnedSemaphorePermit,
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.guests.there().remove(&self.id);
    }
}

impl Guests {
    /// Room for so many.
    pub(super) fn new(most: usize) -> Arc<Guests> {
        Arc::new(Guests {
            seats: Arc::new(Semaphore::new(most)),
            began: Instant::now(),
            next: AtomicU64::new(0),
            there: Mutex::default(),
            sent_away: AtomicU64::new(0),
        })
    }

    fn there(&self) -> std::sync::MutexGuard<'_, BTreeMap<u64, Arc<Guest>>> {
        self.there.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place for one more, for which another leaves if need be. One that waits for nobody's
    /// request to be answered does not wait.
    pub(super) async fn seat(self: &Arc<Guests>, ip: IpAddr) -> Seat {
        let permit = loop {
            let seats = Arc::clone(&self.seats);
            if let Ok(permit) = Arc::clone(&seats).try_acquire_owned() {
                break permit;
            }
            self.send_one_away();
            if let Ok(Ok(permit)) = tokio::time::timeout(LOOK, seats.acquire_owned()).await {
                break permit;
            }
        };
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let guest = Arc::new(Guest {
            ip: ip.to_canonical(),
            cut: AtomicBool::new(false),
            state: AtomicU8::new(SILENT),
            began: self.began,
            since: AtomicU64::new(0),
            leave: Notify::new(),
        });
        guest.touch();
        self.there().insert(id, Arc::clone(&guest));
        Seat {
            guest,
            id,
            guests: Arc::clone(self),
            _permit: permit,
        }
    }

    /// Sends away one of those who have said nothing, or else of those who rest, or else of those whose
    /// request is still coming: whoever has been so longest, of the network that has most of them, so
    /// that no one network drives out the others. Whether there was any.
    pub(super) fn send_one_away(&self) -> bool {
        let there = self.there();
        for state in [SILENT, RESTS, ASKS] {
            // One that is busy now was not a moment ago: then the next is looked for.
            while let Some(guest) = longest(there.values(), state) {
                if guest.change(state, SENT_AWAY) {
                    guest.leave.notify_one();
                    self.sent_away.fetch_add(1, Ordering::Relaxed);
                    return true;
                }
            }
        }
        false
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.there().len()
    }

    /// How many had to leave so far.
    pub(super) fn sent_away(&self) -> u64 {
        self.sent_away.load(Ordering::Relaxed)
    }
}

/// Of the network with most guests in a state, the one who has been in it longest.
fn longest<'g>(guests: impl Iterator<Item = &'g Arc<Guest>>, state: u8) -> Option<&'g Arc<Guest>> {
    let is_so = |guest: &&Arc<Guest>| guest.state.load(Ordering::Acquire) == state;
    let mut networks: HashMap<IpAddr, (usize, u64, &Arc<Guest>)> = HashMap::new();
    for guest in guests.filter(is_so) {
        let since = guest.since.load(Ordering::Relaxed);
        let (count, longest, who) = networks
            .entry(network(guest.ip))
            .or_insert((0, since, guest));
        *count += 1;
        if since < *longest {
            (*longest, *who) = (since, guest);
        }
    }
    let most = networks
        .into_values()
        .max_by_key(|&(count, since, _)| (count, std::cmp::Reverse(since)));
    most.map(|(_, _, guest)| guest)
}

/// What one customer of a provider has: an IPv4 address, or 64 bits of an IPv6 address.
fn network(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V4(_) => ip,
        IpAddr::V6(ip) => IpAddr::V6((u128::from(ip) & !u128::from(u64::MAX)).into()),
    }
}

impl Guest {
    fn touch(&self) {
        let since = self.began.elapsed().as_micros() as u64;
        self.since.store(since, Ordering::Relaxed);
    }

    fn change(&self, from: u8, to: u8) -> bool {
        let changed = self
            .state
            .compare_exchange(from, to, Ordering::AcqRel, Ordering::Acquire);
        changed.is_ok()
    }

    /// The head of a request has come.
    pub(super) async fn asks(&self) {
        self.touch();
        let _ = self.change(SILENT, ASKS) || self.change(RESTS, ASKS);
        self.unless_sent_away().await;
    }

    /// All of a request has come, and it is being carried out.
    pub(super) async fn is_served(&self) {
        let _ = self.change(ASKS, SERVED);
        self.unless_sent_away().await;
    }

    /// It has been given something of an answer.
    pub(super) fn was_given(&self) {
        self.touch();
        let _ = self.change(SERVED, RESTS) || self.change(ASKS, RESTS);
    }

    /// For those who have to leave nothing is done any more.
    async fn unless_sent_away(&self) {
        if self.state.load(Ordering::Acquire) == SENT_AWAY {
            std::future::pending().await
        }
    }

    /// Comes when it has to leave.
    pub(super) async fn has_to_leave(&self) {
        self.leave.notified().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(last: u8) -> IpAddr {
        [10, 0, 0, last].into()
    }

    #[tokio::test]
    async fn those_nothing_is_done_for_make_room() {
        let guests = Guests::new(4);
        let lonely = guests.seat(ip(1)).await;
        let served = guests.seat(ip(2)).await;
        served.guest.asks().await;
        served.guest.is_served().await;
        let rests = guests.seat(ip(2)).await;
        rests.guest.asks().await;
        rests.guest.is_served().await;
        rests.guest.was_given();
        let silent = guests.seat(ip(2)).await;
        assert!(guests.send_one_away());
        let is_away = |seat: &Seat| seat.guest.state.load(Ordering::Acquire) == SENT_AWAY;
        // Silent ones go before those who have been answered, the one that came first before others.
        assert!(is_away(&lonely) && !is_away(&silent));
        lonely.guest.has_to_leave().await;
        drop(lonely);
        let next = guests.seat(ip(3)).await;
        let more = [guests.send_one_away(), guests.send_one_away()];
        assert_eq!(more, [true, true]);
        assert!(is_away(&silent) && is_away(&next) && !is_away(&rests));
        assert!(guests.send_one_away() && is_away(&rests));
        // A request that is being carried out is answered.
        assert!(!guests.send_one_away() && !is_away(&served));
        assert_eq!((guests.len(), guests.sent_away()), (4, 4));
    }

    #[tokio::test]
    async fn the_network_with_most_gives_way() {
        let guests = Guests::new(8);
        let other = guests.seat("2001:db8::1".parse().unwrap()).await;
        let mut crowd = Vec::new();
        for last in 1..=5u16 {
            let ip = std::net::Ipv6Addr::from([0x2001, 0xdb8, 0, 1, 0, 0, 0, last]);
            crowd.push(guests.seat(ip.into()).await);
        }
        for expected in &crowd[..4] {
            assert!(guests.send_one_away());
            assert_eq!(expected.guest.state.load(Ordering::Acquire), SENT_AWAY);
        }
        assert_eq!(other.guest.state.load(Ordering::Acquire), SILENT);
    }
}
