//! Which row had a number before.

/// What the set of numbers tells about the number of a row.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Winner(u64);

impl Winner {
    /// No row before has it.
    pub(crate) const NONE: Winner = Winner(0);
    const DUPLICATE: u64 = 1 << 62;
    /// A row before has its likely twin.
    const LIKELY: u64 = 1 << 63;

    /// A row before has the number; 0 is a place that nobody wants to know.
    pub(crate) fn duplicate_of(place: u64) -> Winner {
        Winner(Winner::DUPLICATE | place)
    }

    /// A row before has a number that likely is another way to write this one.
    pub(crate) fn likely(place: u64) -> Winner {
        Winner(Winner::LIKELY | place)
    }

    pub(crate) fn is_duplicate(self) -> bool {
        self.0 & Winner::DUPLICATE != 0
    }

    pub(crate) fn is_likely(self) -> bool {
        self.0 & Winner::LIKELY != 0
    }

    /// Where the row stands, if there is one and it is known.
    pub(crate) fn place(self) -> Option<u64> {
        let place = self.0 & !(Winner::DUPLICATE | Winner::LIKELY);
        (place != 0).then_some(place)
    }

    pub(crate) fn to_bits(self) -> u64 {
        self.0
    }

    pub(crate) fn from_bits(bits: u64) -> Winner {
        Winner(bits)
    }
}
