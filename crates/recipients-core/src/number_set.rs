//! A set of numbers that does not change, in few bytes that can be looked up where they are.
//!
//! The bytes, all integers with the lowest byte first:
//!
//! | what | bytes |
//! |---|---|
//! | `RCPTSET` and the version, 1 | 8 |
//! | how many numbers there are | 8 |
//! | how many bytes the differences take | 8 |
//! | how many words the filter has | 8 |
//! | CRC-32 of everything behind these 40 bytes | 4 |
//! | CRC-32 of the bytes before this one | 4 |
//! | the differences of ascending numbers, without the first of every 64, in LEB128 | |
//! | for every 64 numbers: the first, and where its differences begin | 16 each |
//! | the filter | 8 each |
//!
//! The filter answers nearly all questions for numbers that are not there by one word: of each
//! number that is there, one word has four bits set. The same numbers give the same bytes.

use crate::error::ErrorKind;
use crate::{Error, Msisdn};
use std::fmt;
use std::sync::Arc;

const MAGIC: [u8; 8] = *b"RCPTSET\x01";
const HEADER: usize = 40;
/// Numbers of a block.
const BLOCK: usize = 64;
/// Bytes that a block takes in the index.
const ENTRY: usize = 16;
/// Numbers for each word of the filter: 16 bits a number, which lets one of 150 strangers through.
const PER_WORD: u64 = 4;

/// Numbers, sorted and packed: 3 to 5 bytes each.
///
/// `Debug` shows no number.
///
/// ```
/// use recipients_core::{Msisdn, NumberSet};
///
/// let number = |n| Msisdn::from_u64(n).unwrap();
/// let set: NumberSet = [number(380971112233), number(79101112233)].into_iter().collect();
/// assert!(set.contains(number(79101112233)) && !set.contains(number(79101112234)));
///
/// let same = NumberSet::open(set.as_bytes().to_vec()).unwrap();
/// assert_eq!(same.iter().collect::<Vec<_>>(), set.iter().collect::<Vec<_>>());
/// ```
#[derive(Clone)]
pub struct NumberSet {
    bytes: Arc<dyn AsRef<[u8]> + Send + Sync>,
    parts: Parts,
}

/// Where the parts of the bytes are.
#[derive(Clone, Copy)]
struct Parts {
    len: u64,
    index: usize,
    blocks: usize,
    filter: usize,
    words: u64,
}

impl Parts {
    fn read(bytes: &[u8]) -> Option<Parts> {
        if bytes.len() < HEADER || bytes[..8] != MAGIC {
            return None;
        }
        let (len, differences, words) = (word(bytes, 8), word(bytes, 16), word(bytes, 24));
        let blocks = usize::try_from(len.div_ceil(BLOCK as u64)).ok()?;
        let index = usize::try_from(differences).ok()?.checked_add(HEADER)?;
        let filter = blocks.checked_mul(ENTRY)?.checked_add(index)?;
        let end = usize::try_from(words)
            .ok()?
            .checked_mul(8)?
            .checked_add(filter)?;
        let fits = end == bytes.len() && words == words_for(len);
        fits.then_some(Parts {
            len,
            index,
            blocks,
            filter,
            words,
        })
    }
}

fn words_for(len: u64) -> u64 {
    len.div_ceil(PER_WORD).max(1)
}

#[inline]
fn word(bytes: &[u8], at: usize) -> u64 {
    let mut word = [0; 8];
    word.copy_from_slice(&bytes[at..at + 8]);
    u64::from_le_bytes(word)
}

/// Which word of the filter speaks of a number, and its bits.
#[inline]
fn filter_bits(number: u64, words: u64) -> (usize, u64) {
    let mixed = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mixed = (mixed ^ mixed >> 32).wrapping_mul(0xd6e8_feb8_6659_fd93);
    let at = (u128::from(mixed) * u128::from(words)) >> 64;
    let bits = (0..4).fold(0, |bits, i| bits | 1 << (mixed >> (6 * i) & 63));
    (at as usize, bits)
}

/// One difference, and where the next one begins; `None` beyond the end or nine bytes.
#[inline]
fn difference(bytes: &[u8], mut at: usize) -> Option<(u64, usize)> {
    let mut value = 0;
    for shift in (0..63).step_by(7) {
        let byte = *bytes.get(at)?;
        at += 1;
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some((value, at));
        }
    }
    None
}

impl NumberSet {
    /// What the bytes of every version begin with.
    pub const MAGIC: &'static [u8] = MAGIC.split_at(7).0;

    /// Takes numbers in ascending order, none twice.
    ///
    /// # Panics
    ///
    /// If they are not.
    pub fn from_sorted(numbers: &[Msisdn]) -> NumberSet {
        let words = words_for(numbers.len() as u64);
        let mut bytes = vec![0; HEADER];
        let mut index = Vec::with_capacity(numbers.len().div_ceil(BLOCK) * ENTRY);
        let mut filter = vec![0u64; words as usize];
        let mut last = 0;
        for (i, number) in numbers.iter().enumerate() {
            let number = number.as_u64();
            assert!(number > last, "numbers in ascending order");
            match i % BLOCK {
                0 => {
                    index.extend_from_slice(&number.to_le_bytes());
                    index.extend_from_slice(&((bytes.len() - HEADER) as u64).to_le_bytes());
                }
                _ => {
                    let mut rest = number - last;
                    while rest >= 0x80 {
                        bytes.push(rest as u8 | 0x80);
                        rest >>= 7;
                    }
                    bytes.push(rest as u8);
                }
            }
            last = number;
            let (at, bits) = filter_bits(number, words);
            filter[at] |= bits;
        }
        let differences = bytes.len() - HEADER;
        bytes.extend_from_slice(&index);
        bytes.extend(filter.iter().flat_map(|word| word.to_le_bytes()));
        bytes[..8].copy_from_slice(&MAGIC);
        for (at, value) in [(8, numbers.len()), (16, differences), (24, filter.len())] {
            bytes[at..at + 8].copy_from_slice(&(value as u64).to_le_bytes());
        }
        let crc = crc32fast::hash(&bytes[HEADER..]);
        bytes[32..36].copy_from_slice(&crc.to_le_bytes());
        let crc = crc32fast::hash(&bytes[..36]);
        bytes[36..40].copy_from_slice(&crc.to_le_bytes());
        let parts = Parts::read(&bytes).expect("just written");
        NumberSet {
            bytes: Arc::new(bytes),
            parts,
        }
    }

    /// Takes bytes that [`NumberSet::as_bytes`] gave, wherever they are: in memory, or a file that
    /// is mapped into it and does not change meanwhile. All of them are checked.
    ///
    /// # Errors
    ///
    /// If they are no such set, of another version, or damaged.
    pub fn open(bytes: impl AsRef<[u8]> + Send + Sync + 'static) -> Result<NumberSet, Error> {
        let refuse = |why| Err(Error::new(ErrorKind::NoNumberSet(why)));
        let all = bytes.as_ref();
        if all.len() < HEADER || !all.starts_with(NumberSet::MAGIC) {
            return refuse("it does not begin as a compiled list does");
        }
        if all[7] != MAGIC[7] {
            return refuse("it was made by another version of this program; build it again");
        }
        let crc = |at: usize, of: &[u8]| crc32fast::hash(of).to_le_bytes() == all[at..at + 4];
        if !crc(36, &all[..36]) || !crc(32, &all[HEADER..]) {
            return refuse("it is damaged: its checksum does not match");
        }
        let Some(parts) = Parts::read(all) else {
            return refuse("it is damaged: its parts do not have the sizes that it tells");
        };
        if !is_sound(all, &parts) {
            return refuse("it is damaged: its numbers are not in order");
        }
        Ok(NumberSet {
            bytes: Arc::new(bytes),
            parts,
        })
    }

    /// The bytes to be kept.
    pub fn as_bytes(&self) -> &[u8] {
        (*self.bytes).as_ref()
    }

    /// Whether the number is there.
    #[inline]
    pub fn contains(&self, number: Msisdn) -> bool {
        let bytes = self.as_bytes();
        let (at, bits) = filter_bits(number.as_u64(), self.parts.words);
        word(bytes, self.parts.filter + 8 * at) & bits == bits
            && self.is_in_its_block(bytes, number.as_u64())
    }

    #[inline(never)]
    fn is_in_its_block(&self, bytes: &[u8], number: u64) -> bool {
        let first = |block: usize| word(bytes, self.parts.index + ENTRY * block);
        // The last block that begins with the number or a smaller one.
        let (mut low, mut high) = (0, self.parts.blocks);
        while low < high {
            let middle = low + (high - low) / 2;
            match first(middle) <= number {
                true => low = middle + 1,
                false => high = middle,
            }
        }
        let Some(block) = low.checked_sub(1) else {
            return false;
        };
        self.block(bytes, block).any(|there| there == number)
    }

    /// The numbers of a block.
    fn block<'b>(&self, bytes: &'b [u8], block: usize) -> impl Iterator<Item = u64> + use<'b> {
        let entry = self.parts.index + ENTRY * block;
        let (first, start) = (word(bytes, entry), word(bytes, entry + 8));
        let len = (self.parts.len - (block * BLOCK) as u64).min(BLOCK as u64);
        let mut at = HEADER + start as usize;
        let mut next = Some(first);
        (0..len).map_while(move |i| {
            let number = next?;
            next = match i + 1 < len {
                true => difference(bytes, at).map(|(more, end)| {
                    at = end;
                    number + more
                }),
                false => None,
            };
            Some(number)
        })
    }

    /// The numbers in ascending order.
    pub fn iter(&self) -> impl Iterator<Item = Msisdn> + '_ {
        (0..self.parts.blocks)
            .flat_map(|block| self.block(self.as_bytes(), block))
            .filter_map(Msisdn::from_u64)
    }

    /// How many there are.
    pub fn len(&self) -> u64 {
        self.parts.len
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Whether the numbers ascend within 15 digits, every block begins where it should, and the filter
/// lets each of them through.
fn is_sound(bytes: &[u8], parts: &Parts) -> bool {
    let (mut at, mut last) = (HEADER, 0);
    for i in 0..parts.len {
        let number = if i % BLOCK as u64 == 0 {
            let entry = parts.index + ENTRY * (i / BLOCK as u64) as usize;
            if word(bytes, entry + 8) != (at - HEADER) as u64 {
                return false;
            }
            word(bytes, entry)
        } else {
            match difference(&bytes[..parts.index], at) {
                Some((more, end)) => {
                    at = end;
                    last + more
                }
                None => return false,
            }
        };
        let (word_at, bits) = filter_bits(number, parts.words);
        let passes = word(bytes, parts.filter + 8 * word_at) & bits == bits;
        if number <= last || Msisdn::from_u64(number).is_none() || !passes {
            return false;
        }
        last = number;
    }
    at == parts.index
}

impl Default for NumberSet {
    fn default() -> NumberSet {
        NumberSet::from_sorted(&[])
    }
}

impl FromIterator<Msisdn> for NumberSet {
    fn from_iter<I: IntoIterator<Item = Msisdn>>(numbers: I) -> NumberSet {
        let mut numbers: Vec<Msisdn> = numbers.into_iter().collect();
        numbers.sort_unstable();
        numbers.dedup();
        NumberSet::from_sorted(&numbers)
    }
}

impl fmt::Debug for NumberSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NumberSet({} numbers)", self.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    proptest! {
        #[test]
        fn it_holds_what_it_was_given(
            numbers in prop::collection::vec(prop_oneof![
                380_970_000_000u64..380_970_000_400,
                1u64..1_000_000_000_000_000,
            ], 0..400),
            others in prop::collection::vec(380_970_000_000u64..380_970_000_400, 50),
        ) {
            let model: BTreeSet<u64> = numbers.iter().copied().collect();
            let built: NumberSet = numbers.iter().filter_map(|&n| Msisdn::from_u64(n)).collect();
            let set = NumberSet::open(built.as_bytes().to_vec()).unwrap();
            prop_assert_eq!(set.len(), model.len() as u64);
            prop_assert!(set.iter().map(Msisdn::as_u64).eq(model.iter().copied()));
            for &number in numbers.iter().chain(&others) {
                prop_assert_eq!(set.contains(Msisdn::from_u64(number).unwrap()), model.contains(&number));
            }
        }

        /// Damaged bytes are refused; and what a hostile hand has given good checksums is refused,
        /// or at least does no harm.
        #[test]
        fn damage_is_told(at in 0usize..4096, bit in 0u8..8, mended: bool) {
            let set: NumberSet = (0..300).filter_map(|n| Msisdn::from_u64(79_000_000_000 + n * n)).collect();
            let mut bytes = set.as_bytes().to_vec();
            let at = at % bytes.len();
            bytes[at] ^= 1 << bit;
            if mended {
                let crc = crc32fast::hash(&bytes[HEADER..]);
                bytes[32..36].copy_from_slice(&crc.to_le_bytes());
                let crc = crc32fast::hash(&bytes[..36]);
                bytes[36..40].copy_from_slice(&crc.to_le_bytes());
            }
            match NumberSet::open(bytes) {
                // A bit more in the filter lets more strangers ask.
                Ok(set) => prop_assert!(mended && set.iter().count() as u64 == set.len()),
                Err(error) => prop_assert!(!error.to_string().is_empty()),
            }
        }
    }
}
