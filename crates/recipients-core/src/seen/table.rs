//! Numbers that lie far apart, and where each was first.

use super::Change;
use super::mixer::Mixer;

/// A table of mixed bits, `W` bytes each, in ascending order with gaps: the mixed bits tell nearly
/// where they stand, so that few slots are looked at, and growing is copying. 0 is an empty slot;
/// the number whose mixed bits are 0 stands beside.
pub(super) struct Table<const W: usize> {
    /// As many as the numbers are spread over, and some for the last ones to spill into.
    keys: Box<[[u8; W]]>,
    spread: u32,
    pub(super) len: u32,
    has_zero: bool,
    /// First places, beside the keys, and that of the number that stands beside; if wanted.
    places: Option<Box<[u32]>>,
    zero: u32,
}

impl<const W: usize> Table<W> {
    /// How many slots more are there than the numbers are spread over.
    const SPILL: usize = 8;
    /// Slots to begin with.
    const FIRST: u32 = 8;

    pub(super) fn new(places: bool) -> Table<W> {
        Table {
            keys: Box::default(),
            spread: 0,
            len: 0,
            has_zero: false,
            places: places.then(Box::default),
            zero: 0,
        }
    }

    pub(super) fn slots(&self) -> usize {
        self.keys.len()
    }

    pub(super) fn bytes(&self) -> usize {
        let places = self.places.as_ref().map_or(0, |places| 4 * places.len());
        size_of::<Table<W>>() + W * self.keys.len() + places
    }

    #[inline]
    fn key(&self, at: usize) -> u32 {
        let mut bytes = [0; 4];
        bytes[..W].copy_from_slice(&self.keys[at]);
        u32::from_le_bytes(bytes)
    }

    fn put(&mut self, at: usize, key: u32) {
        self.keys[at].copy_from_slice(&key.to_le_bytes()[..W]);
    }

    /// Where the search for mixed bits begins.
    #[inline]
    fn home(&self, key: u32) -> usize {
        ((u64::from(key) * u64::from(self.spread)) >> (8 * W)) as usize
    }

    /// Where the mixed bits are, or else the slot that they belong before.
    #[inline]
    fn find(&self, key: u32) -> Result<usize, usize> {
        let mut at = self.home(key);
        while at < self.keys.len() {
            let there = self.key(at);
            if there == key {
                return Ok(at);
            }
            if there == 0 || there > key {
                break;
            }
            at += 1;
        }
        Err(at)
    }

    fn place(&self, at: usize) -> u32 {
        self.places.as_ref().map_or(0, |places| places[at])
    }

    pub(super) fn get(&self, rest: u32, mixer: &Mixer) -> Option<u32> {
        match mixer.mix::<W>(rest) {
            0 => self.has_zero.then_some(self.zero),
            key => Some(self.place(self.find(key).ok()?)),
        }
    }

    #[inline]
    pub(super) fn insert(&mut self, rest: u32, place: u32, mixer: &Mixer) -> Change {
        let key = mixer.mix::<W>(rest);
        if key == 0 {
            let found = self.insert_zero(place);
            return Change { found, bytes: 0 };
        }
        let mut taken = 0;
        loop {
            let at = match self.find(key) {
                Ok(at) => {
                    return Change {
                        found: Some(self.place(at)),
                        bytes: taken,
                    };
                }
                Err(at) => at,
            };
            // Seven eighths full at most, and room for the ones that make way.
            let has_room = 8 * u64::from(self.len) < 7 * u64::from(self.spread);
            let gap = match has_room {
                true => (at..self.keys.len()).find(|&gap| self.key(gap) == 0),
                false => None,
            };
            let Some(gap) = gap else {
                taken += self.grow();
                continue;
            };
            self.keys.copy_within(at..gap, at + 1);
            self.put(at, key);
            if let Some(places) = &mut self.places {
                places.copy_within(at..gap, at + 1);
                places[at] = place;
            }
            self.len += 1;
            return Change {
                found: None,
                bytes: taken,
            };
        }
    }

    #[cold]
    fn insert_zero(&mut self, place: u32) -> Option<u32> {
        if self.has_zero {
            return Some(self.zero);
        }
        (self.has_zero, self.zero) = (true, place);
        self.len += 1;
        None
    }

    /// Spreads the keys over more slots, a third, or an eighth where places make them dear; how many bytes more
    /// that takes.
    #[cold]
    #[inline(never)]
    fn grow(&mut self) -> isize {
        let before = self.bytes();
        // Those of a few thousand numbers burst, or give way to other shapes.
        let more = self.spread / if self.places.is_some() { 8 } else { 3 };
        self.spread += more + Self::FIRST;
        let slots = self.spread as usize + Self::SPILL;
        let old = std::mem::replace(&mut self.keys, vec![[0; W]; slots].into());
        let old_places = self.places.as_mut();
        let old_places = old_places.map(|places| std::mem::replace(places, vec![0; slots].into()));
        let mut next = 0;
        for (from, bytes) in old.iter().enumerate() {
            let mut key = [0; 4];
            key[..W].copy_from_slice(bytes);
            let key = u32::from_le_bytes(key);
            if key == 0 {
                continue;
            }
            let at = self.home(key).max(next);
            if at >= self.keys.len() {
                self.extend(at + 1 + Self::SPILL);
            }
            self.keys[at] = *bytes;
            if let (Some(places), Some(old)) = (&mut self.places, &old_places) {
                places[at] = old[from];
            }
            next = at + 1;
        }
        self.bytes() as isize - before as isize
    }

    /// Gives the last keys more than their share of room.
    #[cold]
    fn extend(&mut self, slots: usize) {
        fn longer<T: Copy>(old: &mut Box<[T]>, slots: usize, empty: T) {
            let mut new = Vec::with_capacity(slots);
            new.extend_from_slice(old);
            new.resize(slots, empty);
            *old = new.into();
        }
        longer(&mut self.keys, slots, [0; W]);
        if let Some(places) = &mut self.places {
            longer(places, slots, 0);
        }
    }

    pub(super) fn for_each(&self, mixer: &Mixer, mut each: impl FnMut(u32, u32)) {
        if self.has_zero {
            each(mixer.unmix::<W>(0), self.zero);
        }
        for at in 0..self.keys.len() {
            if let key @ 1.. = self.key(at) {
                each(mixer.unmix::<W>(key), self.place(at));
            }
        }
    }
}
