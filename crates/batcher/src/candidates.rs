//! Candidates of a chunk, by ranges of four million numbers, most of them in four bytes.
//!
//! A million of them wait until they are looked for together, and memory that is touched first is dear
//! (`docs/performance.md`): so they are small, and not much room is left free between them.

use crate::parts::{PARTS, Parted, Parting};
use recipients_core::{Candidate, Msisdn, Near, Together};
use std::iter::successors;

/// How many ranges have streams of their own, at most. The mobile numbers of a country are in two or three hundred
/// ranges, most of which follow each other.
const STREAMS: usize = 1 << 9;

/// Candidates of a piece.
const PIECE: usize = 64;

/// Candidates of a block of pieces.
const BLOCK: usize = 1 << 12;

/// Candidates, each with what belongs to it, by parts; in the order of the rows as far as numbers can be equal.
///
/// Those of a range make a stream, in pieces: of the ranges that would be at the same place of the table only the
/// first one does, none whose numbers may have twins, and no longer once one has no room in four bytes.
pub(crate) struct Candidates<W> {
    open: Box<[Open; STREAMS]>,
    streams: Box<[Stream; STREAMS]>,
    /// The last stream of each part.
    of_part: [Option<u16>; PARTS],
    /// Each grows with its pieces, and within its room.
    blocks: Vec<Vec<Near<W>>>,
    /// For each piece that is in use, which one comes behind it.
    next: Vec<u32>,
    /// What is in no stream.
    far: Parted<Candidate<W>>,
}

/// What is looked at for each candidate.
#[derive(Clone, Copy)]
struct Open {
    /// The range of a stream that takes more.
    range: u32,
    /// Behind the last candidate of the stream; 0 if no range has come to this place yet, 1 if those that come
    /// have no stream.
    end: u32,
}

impl Open {
    const FREE: Open = Open {
        range: NONE,
        end: 0,
    };

    /// What comes from now on is in no stream.
    fn close(&mut self) {
        self.range = NONE;
        self.end = self.end.max(1);
    }
}

#[derive(Clone, Copy)]
struct Stream {
    range: u32,
    first: u32,
    /// Another stream of the same part.
    other: Option<u16>,
}

/// No range, and no piece.
const NONE: u32 = u32::MAX;

impl Stream {
    const FREE: Stream = Stream {
        range: NONE,
        first: NONE,
        other: None,
    };
}

impl<W> Default for Candidates<W> {
    fn default() -> Candidates<W> {
        Candidates {
            open: Box::new([Open::FREE; STREAMS]),
            streams: Box::new([Stream::FREE; STREAMS]),
            of_part: [None; PARTS],
            blocks: Vec::new(),
            next: Vec::new(),
            far: Parted::default(),
        }
    }
}

impl<W: Copy + Default> Candidates<W> {
    pub(crate) fn clear(&mut self) {
        self.open.fill(Open::FREE);
        self.streams.fill(Stream::FREE);
        self.of_part = [None; PARTS];
        self.next.clear();
        self.far.clear();
    }

    /// Adds one behind those of its number.
    #[inline(always)]
    pub(crate) fn push(&mut self, candidate: Candidate<W>, parting: Parting) {
        let range = candidate.range();
        let open = &mut self.open[range as usize % STREAMS];
        let at = open.end as usize;
        if u64::from(open.range) == range
            && !at.is_multiple_of(PIECE)
            && let Some(near) = candidate.near()
        {
            self.blocks[at / BLOCK][at % BLOCK] = near;
            open.end += 1;
        } else if u64::from(open.range) != range && at > 0 {
            self.push_far(candidate, parting);
        } else {
            self.push_first(candidate, parting);
        }
    }

    /// The first one of a piece or of a range, or one that has no room in a stream.
    #[inline(never)]
    fn push_first(&mut self, candidate: Candidate<W>, parting: Parting) {
        let range = candidate.range() as u32;
        let at = range as usize % STREAMS;
        let (open, stream) = (&mut self.open[at], &mut self.streams[at]);
        let Some(near) = candidate.near() else {
            // Those of its number that came before it may be in the stream, those behind it must not.
            open.close();
            return self.push_far(candidate, parting);
        };
        if open.end == 0 {
            let first = u64::from(range) << Candidate::RANGE_BITS;
            if Msisdn::may_have_twins(first..first + (1 << Candidate::RANGE_BITS)) {
                // They do not all come into one part.
                open.close();
                return self.push_far(candidate, parting);
            }
            (open.range, stream.range) = (range, range);
            let of_part = &mut self.of_part[parting.part_of_range(range.into())];
            stream.other = of_part.replace(at as u16);
        }
        let piece = self.next.len();
        self.next.push(NONE);
        match stream.first {
            NONE => stream.first = piece as u32,
            _ => self.next[(open.end as usize - 1) / PIECE] = piece as u32,
        }
        let at = piece * PIECE;
        if at / BLOCK == self.blocks.len() {
            self.blocks.push(Vec::with_capacity(BLOCK));
        }
        let (block, at_block) = (&mut self.blocks[at / BLOCK], at % BLOCK);
        if block.len() == at_block {
            block.resize(at_block + PIECE, Near::default());
        }
        block[at_block] = near;
        open.end = at as u32 + 1;
    }

    fn push_far(&mut self, candidate: Candidate<W>, parting: Parting) {
        self.far
            .push(candidate, parting.part_of(candidate.msisdn()));
    }

    /// The candidates of a part.
    pub(crate) fn part(&self, part: usize) -> impl Iterator<Item = Together<'_, W>> {
        let streams = successors(self.of_part[part], |&at| {
            self.streams[usize::from(at)].other
        });
        let near = streams.flat_map(|at| {
            let range = u64::from(self.streams[usize::from(at)].range);
            let pieces = self.pieces(at.into());
            pieces.map(move |piece| Together::Near(range, piece))
        });
        near.chain(self.far.part(part).map(Together::Any))
    }

    fn pieces(&self, stream: usize) -> impl Iterator<Item = &[Near<W>]> {
        let end = self.open[stream].end as usize;
        let stream = &self.streams[stream];
        let piece = |at: u32| (at != NONE).then_some(at as usize);
        let pieces = successors(piece(stream.first), move |&at| piece(self.next[at]));
        pieces.map(move |at| {
            let from = at * PIECE;
            let is_last = (end - 1) / PIECE == at;
            let len = if is_last { end - from } else { PIECE };
            &self.blocks[from / BLOCK][from % BLOCK..][..len]
        })
    }

    /// How many there is room for in pieces that are in use, and how many have no stream.
    pub(crate) fn room(&self) -> usize {
        self.next.len() * PIECE + self.far.len()
    }

    pub(crate) fn len(&self) -> usize {
        let places = self.streams.iter().zip(&*self.open);
        let streams = places.filter(|(stream, _)| stream.range != NONE);
        let free = streams.map(|(_, open)| (open.end as usize).wrapping_neg() % PIECE);
        self.room() - free.sum::<usize>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// With a class, above the number's bits.
    fn candidate(number: u64, class: u64) -> Candidate {
        Candidate::from_bits(number | class << 50).unwrap()
    }

    fn number() -> impl Strategy<Value = u64> {
        prop_oneof![
            // Few, so that they come again.
            4 => 79_000_000_000u64..79_000_000_040,
            4 => 79_000_000_000u64..79_999_999_999,
            // Another range at the same place of the table.
            2 => (0u64..40).prop_map(|n| 79_000_000_000 + ((STREAMS as u64 * n) << Candidate::RANGE_BITS)),
            // Numbers with likely twins.
            2 => 5_511_987_654_300u64..5_511_987_654_340,
            1 => 1u64..999_999_999_999_999,
        ]
    }

    proptest! {
        /// Nothing is lost or comes into another part, and equal numbers stay in their order, whatever classes
        /// they are of and however often the memory is used again.
        #[test]
        fn parts_have_what_was_pushed(
            chunks in prop::collection::vec(
                prop::collection::vec((number(), prop_oneof![99 => 0u64..4, 1 => 1022u64..1026]), 0..700),
                1..4,
            ),
        ) {
            let parting = Parting::at_random();
            let mut candidates = Candidates::default();
            for chunk in chunks {
                candidates.clear();
                let mut expected = vec![Vec::new(); PARTS];
                for &(number, class) in &chunk {
                    let candidate = candidate(number, class);
                    candidates.push(candidate, parting);
                    expected[parting.part_of(candidate.msisdn())].push(candidate.to_bits());
                }
                prop_assert_eq!(candidates.len(), chunk.len());
                let taken = candidates.streams.iter().filter(|stream| stream.range != NONE);
                let free = candidates.room() - candidates.len();
                prop_assert!(free < PIECE * taken.count().max(1), "room for {} more", free);
                for (part, mut expected) in expected.into_iter().enumerate() {
                    let found = candidates.part(part).flat_map(Together::candidates);
                    let mut found: Vec<_> = found.map(Candidate::to_bits).collect();
                    let number = |bits: &u64| bits % (1 << 50);
                    found.sort_by_key(number);
                    expected.sort_by_key(number);
                    prop_assert_eq!(found, expected);
                }
            }
        }
    }

    #[test]
    fn those_of_a_country_take_little_more_than_four_bytes() {
        let (mut candidates, parting) = (Candidates::default(), Parting::at_random());
        let count = 40_000;
        for chunk in 0..20 {
            candidates.clear();
            for n in 0..count {
                let number = 79_000_000_000 + (chunk * count + n) * 7_919 * 65_537 % 1_000_000_000;
                candidates.push(candidate(number, n % 2), parting);
            }
        }
        assert_eq!(candidates.far.len(), 0);
        let room: usize = candidates
            .blocks
            .iter()
            .map(|block| block.capacity() * size_of::<Near>())
            .sum();
        assert!(
            room < 6 * count as usize,
            "{room} bytes for {count} numbers"
        );
    }
}
