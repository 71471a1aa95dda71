//! Who is connected, and who has to leave when there is no room for one more.
//!
//! Connections that say nothing cost an attacker nothing. So little is made for them, there is room for
//! many, and a new one does not wait until they are given up: one of them leaves at once. Whoever says
//! something comes in, and takes the place of one that nothing is being done for. Requests whose body has
//! come are always answered.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

/// Not a byte has come yet.
const MUTE: u8 = 0;
/// Something has come, but no head of a request.
const SILENT: u8 = 1;
/// A request was answered, and the next one has not come.
const RESTS: u8 = 2;
/// The head of a request has come.
const ASKS: u8 = 3;
/// All of a request has come, and it is being carried out.
const SERVED: u8 = 4;
/// Nothing of the answer has been taken yet.
const ANSWERED: u8 = 5;
/// A long answer is being taken.
const TAKES: u8 = 6;
const SENT_AWAY: u8 = 7;

/// How often those who could not be sent away are looked at again.
const LOOK: Duration = Duration::from_millis(20);

/// Those who have been sent away and have not left yet, at most: a new one does not wait for them.
const LEAVING: usize = 256;

/// All connections.
pub(super) struct Guests {
    most: usize,
    door: Places,
    inside: Places,
    began: Instant,
    next: AtomicU64,
    there: Mutex<BTreeMap<u64, Arc<Guest>>>,
    waiting: Arc<Waiting>,
    sent_away: AtomicU64,
}

/// Places that connections take.
struct Places {
    free: Arc<Semaphore>,
    /// The states of those who can be sent away, in this order: nothing is being carried out for them.
    leave: &'static [u8],
    /// Until when it is known that nobody can go: microseconds since [`Guests::began`].
    nobody_goes: AtomicU64,
}

impl Places {
    fn new(count: usize, leave: &'static [u8]) -> Places {
        Places {
            free: Arc::new(Semaphore::new(count)),
            leave,
            nobody_goes: AtomicU64::new(0),
        }
    }
}

/// Those who have not asked for anything yet.
#[derive(Default)]
struct Waiting {
    mute: Mutex<Ranks>,
    silent: Mutex<Ranks>,
}

impl Waiting {
    /// Those in a state.
    fn ranks(&self, state: u8) -> MutexGuard<'_, Ranks> {
        let ranks = match state {
            MUTE => &self.mute,
            _ => &self.silent,
        };
        ranks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Guests by what makes one of them the first to go, so that it is found at once: under attack they come by
/// the ten thousand a second.
#[derive(Default)]
struct Ranks {
    /// By network, in the order in which they came.
    networks: HashMap<IpAddr, BTreeMap<u64, Arc<Guest>>>,
    /// How many a network has, which of them came first, and the network.
    sizes: BTreeSet<(usize, Reverse<u64>, IpAddr)>,
}

impl Ranks {
    /// Changes who there is of a network.
    fn change(&mut self, ip: IpAddr, change: impl FnOnce(&mut BTreeMap<u64, Arc<Guest>>)) {
        let network = network(ip);
        let guests = self.networks.entry(network).or_default();
        let size = |guests: &BTreeMap<u64, _>| {
            let first = *guests.first_key_value()?.0;
            Some((guests.len(), Reverse(first), network))
        };
        let before = size(guests);
        change(guests);
        let after = size(guests);
        if after.is_none() {
            self.networks.remove(&network);
        }
        if before != after {
            before.map(|before| self.sizes.remove(&before));
            after.map(|after| self.sizes.insert(after));
        }
    }

    /// Of the network that has most of them, the one who came first.
    fn longest(&self) -> Option<Arc<Guest>> {
        let (_, _, network) = self.sizes.last()?;
        let first = self.networks.get(network)?.first_key_value()?;
        Some(Arc::clone(first.1))
    }
}

/// A connection.
pub(super) struct Guest {
    id: u64,
    /// Its place, unless somebody else has it already.
    place: Mutex<Option<OwnedSemaphorePermit>>,
    waiting: Arc<Waiting>,
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
    guests: Arc<Guests>,
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.guest.waits_no_more(MUTE);
        self.guest.waits_no_more(SILENT);
        *self.guest.own_place() = None;
        self.guests.there().remove(&self.guest.id);
    }
}

impl Seat {
    /// It has said something: a place inside, for which another leaves if need be. One for whom nobody's
    /// request has to be answered first does not wait.
    pub(super) async fn comes_in(&self) {
        let (guest, guests) = (&self.guest, &self.guests);
        let place = guests.place(&guests.inside).await;
        if guest.change(MUTE, SILENT) {
            guest.waits_no_more(MUTE);
            guest.waits(SILENT);
            *guest.own_place() = Some(place);
        }
        guest.unless_sent_away().await;
    }
}

impl Guests {
    /// Room for so many, and for so many more that say nothing.
    pub(super) fn new(inside: usize, at_the_door: usize) -> Arc<Guests> {
        Arc::new(Guests {
            most: inside + at_the_door,
            door: Places::new(at_the_door, &[MUTE]),
            inside: Places::new(inside, &[SILENT, RESTS, ASKS, TAKES]),
            began: Instant::now(),
            next: AtomicU64::new(0),
            there: Mutex::default(),
            waiting: Arc::default(),
            sent_away: AtomicU64::new(0),
        })
    }

    fn there(&self) -> MutexGuard<'_, BTreeMap<u64, Arc<Guest>>> {
        self.there.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place at the door, for which another one that says nothing leaves if need be.
    pub(super) async fn at_the_door(self: &Arc<Guests>, ip: IpAddr) -> Seat {
        while self.len() >= self.most + LEAVING {
            tokio::task::yield_now().await;
        }
        let place = self.place(&self.door).await;
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let guest = Arc::new(Guest {
            id,
            place: Mutex::new(Some(place)),
            waiting: Arc::clone(&self.waiting),
            ip: ip.to_canonical(),
            cut: AtomicBool::new(false),
            state: AtomicU8::new(MUTE),
            began: self.began,
            since: AtomicU64::new(0),
            leave: Notify::new(),
        });
        guest.touch();
        self.there().insert(id, Arc::clone(&guest));
        guest.waits(MUTE);
        Seat {
            guest,
            guests: Arc::clone(self),
        }
    }

    /// A place that is free, or that of one who can be sent away.
    async fn place(&self, places: &Places) -> OwnedSemaphorePermit {
        // Whoever came first has the first place that is free.
        let place = Arc::clone(&places.free).acquire_owned();
        tokio::pin!(place);
        loop {
            let now = self.began.elapsed().as_micros() as u64;
            let is_known = now < places.nobody_goes.load(Ordering::Relaxed);
            if places.free.available_permits() == 0 && !is_known && !self.send_away_from(places) {
                // Others who wait need not look, too.
                let next = now + LOOK.as_micros() as u64;
                places.nobody_goes.store(next, Ordering::Relaxed);
            }
            if let Ok(place) = tokio::time::timeout(LOOK, &mut place).await {
                return place.expect("places are never closed");
            }
        }
    }

    /// Sends one away. Whether there was any that could go.
    pub(super) fn send_one_away(&self) -> bool {
        self.send_away_from(&self.door) || self.send_away_from(&self.inside)
    }

    /// Sends away one of those in the first of the states that anybody is in: whoever has been in it
    /// longest, of the network that has most of them, so that no one network drives out the others.
    fn send_away_from(&self, places: &Places) -> bool {
        for &state in places.leave {
            // One that is busy now was not a moment ago: then the next is looked for.
            let next = || match state {
                MUTE | SILENT => {
                    let first = self.waiting.ranks(state).longest()?;
                    first.waits_no_more(state);
                    Some(first)
                }
                _ => longest(self.there().values(), state),
            };
            while let Some(guest) = next() {
                if guest.change(state, SENT_AWAY) {
                    *guest.own_place() = None;
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
fn longest<'g>(guests: impl Iterator<Item = &'g Arc<Guest>>, state: u8) -> Option<Arc<Guest>> {
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
        .max_by_key(|&(count, since, _)| (count, Reverse(since)));
    most.map(|(_, _, guest)| Arc::clone(guest))
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

    fn own_place(&self) -> MutexGuard<'_, Option<OwnedSemaphorePermit>> {
        self.place.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// It is among those who wait in a state.
    fn waits(self: &Arc<Guest>, state: u8) {
        self.waiting.ranks(state).change(self.ip, |guests| {
            guests.insert(self.id, Arc::clone(self));
        });
    }

    fn waits_no_more(&self, state: u8) {
        self.waiting.ranks(state).change(self.ip, |guests| {
            guests.remove(&self.id);
        });
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
        if self.change(SILENT, ASKS) {
            self.waits_no_more(SILENT);
        } else {
            self.change(RESTS, ASKS);
        }
        self.unless_sent_away().await;
    }

    /// All of a request has come, and it is being carried out.
    pub(super) async fn is_served(&self) {
        let _ = self.change(ASKS, SERVED) || self.change(ANSWERED, SERVED);
        self.unless_sent_away().await;
    }

    /// There is an answer. It is not sent away before it has been given something of it.
    pub(super) fn is_answered(&self) {
        let _ = self.change(SERVED, ANSWERED) || self.change(ASKS, ANSWERED);
    }

    /// There is an answer that takes a while to be taken.
    pub(super) fn takes(&self) {
        let _ = self.change(SERVED, TAKES);
    }

    /// It has taken all of that.
    pub(super) fn has_taken(&self) {
        let _ = self.change(TAKES, RESTS);
    }

    /// It has been given something, or takes nothing.
    pub(super) fn was_given(&self) {
        self.touch();
        self.change(ANSWERED, RESTS);
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

    async fn inside(guests: &Arc<Guests>, ip: IpAddr) -> Seat {
        let seat = guests.at_the_door(ip).await;
        seat.comes_in().await;
        seat
    }

    fn is_away(seat: &Seat) -> bool {
        seat.guest.state.load(Ordering::Acquire) == SENT_AWAY
    }

    #[tokio::test]
    async fn those_nothing_is_done_for_make_room() {
        let guests = Guests::new(4, 32);
        let mute = guests.at_the_door(ip(2)).await;
        let lonely = inside(&guests, ip(1)).await;
        let served = inside(&guests, ip(2)).await;
        served.guest.asks().await;
        served.guest.is_served().await;
        let rests = inside(&guests, ip(2)).await;
        rests.guest.asks().await;
        rests.guest.is_served().await;
        rests.guest.is_answered();
        rests.guest.was_given();
        let silent = inside(&guests, ip(2)).await;
        assert!(guests.send_one_away() && is_away(&mute));
        // Silent ones go before those who have been answered, the one that came first before others.
        let next = inside(&guests, ip(3)).await;
        assert!(is_away(&lonely) && !is_away(&silent));
        lonely.guest.has_to_leave().await;
        drop(lonely);
        let more = [guests.send_one_away(), guests.send_one_away()];
        assert_eq!(more, [true, true]);
        assert!(is_away(&silent) && is_away(&next) && !is_away(&rests));
        assert!(guests.send_one_away() && is_away(&rests));
        // A request that is being carried out is answered, the one behind it, too.
        assert!(!guests.send_one_away() && !is_away(&served));
        served.guest.is_answered();
        served.guest.asks().await;
        served.guest.is_served().await;
        served.guest.was_given();
        assert!(!guests.send_one_away());
        served.guest.is_answered();
        assert!(!guests.send_one_away() && !is_away(&served));
        assert_eq!((guests.len(), guests.sent_away()), (5, 5));
        drop((mute, served, rests, silent, next));
        for state in [MUTE, SILENT] {
            let ranks = guests.waiting.ranks(state);
            assert!(ranks.networks.is_empty() && ranks.sizes.is_empty());
        }
        assert_eq!(guests.inside.free.available_permits(), 4);
        assert_eq!(guests.door.free.available_permits(), 32);
    }

    #[tokio::test]
    async fn the_network_with_most_gives_way() {
        for is_inside in [false, true] {
            let guests = Guests::new(8, 8);
            let come = async |ip: IpAddr| match is_inside {
                true => inside(&guests, ip).await,
                false => guests.at_the_door(ip).await,
            };
            let other = come("2001:db8::1".parse().unwrap()).await;
            let mut crowd = Vec::new();
            for last in 1..=5u16 {
                let ip = std::net::Ipv6Addr::from([0x2001, 0xdb8, 0, 1, 0, 0, 0, last]);
                crowd.push(come(ip.into()).await);
            }
            for expected in &crowd[..4] {
                assert!(guests.send_one_away());
                assert!(is_away(expected));
            }
            assert!(!is_away(&other));
        }
    }

    /// However many say nothing, whoever says something comes in.
    #[tokio::test]
    async fn the_door_is_open() {
        let guests = Guests::new(2, 16);
        let mut crowd = Vec::new();
        for _ in 0..100 {
            crowd.push(guests.at_the_door(ip(1)).await);
        }
        let still = crowd.iter().filter(|seat| !is_away(seat)).count();
        assert_eq!(still, 16);
        let mut came = Vec::new();
        for _ in 0..5 {
            came.push(inside(&guests, ip(1)).await);
        }
        let there = came.iter().filter(|seat| !is_away(seat)).count();
        assert_eq!(there, 2);
    }
}
