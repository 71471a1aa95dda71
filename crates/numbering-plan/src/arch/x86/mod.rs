//! Thirty-two bytes at a time: what AVX2 and AVX-512 have in common.

#![allow(
    unsafe_code,
    reason = "vector loads and calls of functions for certain processors"
)]

pub(super) mod avx2;
pub(super) mod avx512;

use super::SURPLUS;
use crate::answer::Notes;
use crate::batch::{PASS, Work};
use crate::digits::POWERS;
use crate::layout::STRIDES;
use crate::lookup::{MOST_DIGITS, QUICK_DIGITS, Read};
use core::arch::x86_64::*;
use core::hint::select_unpredictable;

macro_rules! detected {
    ($($feature:tt),*) => {{
        #[cfg(feature = "std")]
        { $(std::arch::is_x86_feature_detected!($feature))&&* }
        #[cfg(not(feature = "std"))]
        { $(cfg!(target_feature = $feature))&&* }
    }};
}

pub(super) fn has_avx2() -> bool {
    detected!("avx2", "bmi1", "bmi2", "popcnt", "lzcnt")
}

pub(super) fn has_avx512() -> bool {
    has_avx2()
        && detected!(
            "avx512f",
            "avx512bw",
            "avx512vl",
            "avx512vbmi",
            "avx512vbmi2"
        )
}

/// Bytes that are read of a field at once; longer fields need more thought.
const WIDE: usize = 32;

/// The byte indexes 0, 1, 2 … and such, as a vector in memory.
#[repr(align(64))]
struct Bytes<const N: usize>([u8; N]);

/// Where the digits of a number go: in the lower half in groups of three, each with a byte to
/// spare; in the upper half to the right end. To the upper half the number of digits is added.
static ARRANGED: Bytes<32> = Bytes([
    0, 1, 2, 0, 3, 4, 5, 0, 6, 7, 8, 0, 9, 10, 11, 0, //
    240, 241, 242, 243, 244, 245, 246, 247, 248, 249, 250, 251, 252, 253, 254, 255,
]);

/// Which of those bytes are digits, by the number of digits.
static HELD: [u32; MOST_DIGITS + 1] = {
    let mut held = [0; MOST_DIGITS + 1];
    let mut len = 0;
    while len <= MOST_DIGITS {
        let mut at = 0;
        while at < 16 {
            if at % 4 < 3 && 3 * (at / 4) + at % 4 < len {
                held[len] |= 1 << at;
            }
            if at + len >= 16 {
                held[len] |= 1 << (16 + at);
            }
            at += 1;
        }
        len += 1;
    }
    held
};

/// Groups of three digits and the number, of digits that are arranged as [`ARRANGED`] says.
#[inline]
#[target_feature(enable = "avx2")]
fn numbers(arranged: __m256i) -> ([u16; 4], u64) {
    let tens = _mm256_setr_epi8(
        100, 10, 1, 0, 100, 10, 1, 0, 100, 10, 1, 0, 100, 10, 1, 0, //
        10, 1, 10, 1, 10, 1, 10, 1, 10, 1, 10, 1, 10, 1, 10, 1,
    );
    let hundreds = _mm256_setr_epi16(1, 1, 1, 1, 1, 1, 1, 1, 100, 1, 100, 1, 100, 1, 100, 1);
    let sums = _mm256_madd_epi16(_mm256_maddubs_epi16(arranged, tens), hundreds);
    let packed = _mm256_packus_epi32(sums, sums);
    let groups = _mm_cvtsi128_si64(_mm256_castsi256_si128(packed)) as u64;
    let fours = _mm256_extracti128_si256::<1>(packed);
    let eights = _mm_madd_epi16(fours, _mm_setr_epi16(10_000, 1, 10_000, 1, 0, 0, 0, 0));
    let eights = _mm_cvtsi128_si64(eights) as u64;
    let number = (eights & 0xffff_ffff) * 100_000_000 + (eights >> 32);
    let group = |n: u32| (groups >> (16 * n)) as u16;
    ([group(0), group(1), group(2), group(3)], number)
}

/// The places of certain bytes in a field, as bits.
#[derive(Clone, Copy)]
struct Places {
    digits: u32,
    pluses: u32,
    /// Neither.
    others: u32,
    /// Letters and bytes beyond ASCII, less spaces that are two bytes long.
    unclear: u32,
    separators: u32,
}

impl Places {
    /// Those of a field of which these bytes are there.
    #[inline(always)]
    fn new(digits: u32, pluses: u32, there: u32) -> Places {
        Places {
            digits,
            pluses,
            others: there & !digits & !pluses,
            unclear: 0,
            separators: 0,
        }
    }
}

/// Of a field that is nothing but digits, perhaps with a plus before them, and does not begin with `00`: whether
/// there is a plus (0 or 1), and how many digits. Nothing has to be moved together then.
#[inline(always)]
fn plain(places: Places, zeros: u32, there: u32, len: usize) -> Option<(u32, usize)> {
    let plus = places.pluses & 1;
    let count = len - plus as usize;
    let is_clean = places.digits | plus == there && zeros >> plus & 3 != 3;
    (is_clean && (3..=QUICK_DIGITS).contains(&count)).then_some((plus, count))
}

/// What is read of such a field.
#[inline(always)]
fn read_plain((groups, number): ([u16; 4], u64), plus: u32, count: usize) -> Read {
    Read {
        number,
        groups,
        len: count as u8,
        notes: Notes::PLUS * plus as u8,
    }
}

/// What the places tell: notes, the digits without `00` in front, and whether the field needs more
/// thought.
#[inline(always)]
fn judge(places: Places, zeros: u32, most: usize) -> (u8, u32, bool) {
    let first = places.digits & places.digits.wrapping_neg();
    let later = places.digits & places.digits.wrapping_sub(1);
    let second = later & later.wrapping_neg();
    // None of this is to be guessed, so it is computed without a branch.
    let idd = (zeros & first != 0) & (zeros & second != 0);
    let without_idd = later & later.wrapping_sub(1);
    let digits = select_unpredictable(idd, without_idd, places.digits);
    let before = first.wrapping_sub(1);
    let early = places.pluses & before;
    let late = places.pluses & !before;
    // A plus is clean only at the very start.
    let cleaned = (places.others | places.pluses & !1) != 0;
    let mut notes = 0;
    notes |= Notes::PLUS * u8::from(early != 0);
    notes |= Notes::IDD * u8::from(idd);
    notes |= Notes::CLEANED * u8::from(cleaned);
    notes |= Notes::SEPARATED * u8::from(late | places.separators != 0);
    let len = digits.count_ones();
    let slow = (places.unclear != 0) | (len < 3) | (len > most as u32);
    (notes, digits, slow)
}
