//! Thirty-two bytes at a time, with AVX2 or AVX-512.

#![allow(
    unsafe_code,
    reason = "vector loads and calls of functions for certain processors"
)]

use super::SURPLUS;
use crate::MAX_NATIONAL_DIGITS;
use crate::answer::Notes;
use crate::batch::{PASS, Work};
use crate::digits::POWERS;
use crate::layout::STRIDES;
use crate::lookup::{QUICK_DIGITS, Read};
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

/// As many digits as AVX-512 reads: with a calling code of one digit, all that the rows of the plan
/// tell apart.
const MOST_DIGITS: usize = 1 + MAX_NATIONAL_DIGITS;

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

pub(super) mod avx512 {
    use super::*;

    pub(in crate::arch) fn line_ends(text: &[u8], ends: &mut [u32; PASS + SURPLUS]) -> usize {
        // SAFETY: only called where `has_avx512` said yes.
        unsafe { find_ends(text, ends) }
    }

    pub(in crate::arch) fn read_fields(fields: &[&[u8]], work: &mut Work) {
        // SAFETY: only called where `has_avx512` said yes.
        unsafe {
            match work.messy() {
                true => all_fields::<true>(fields, work),
                false => all_fields::<false>(fields, work),
            }
        }
    }

    /// The bytes of a block of at most 64, zeros after it.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw")]
    fn block(bytes: &[u8]) -> __m512i {
        let mask = u64::MAX >> (64 - bytes.len().clamp(1, 64));
        let mask = if bytes.is_empty() { 0 } else { mask };
        // SAFETY: the mask has as many bits as there are bytes; masked bytes are not touched.
        unsafe { _mm512_maskz_loadu_epi8(mask, bytes.as_ptr().cast()) }
    }

    #[target_feature(
        enable = "avx512f,avx512bw,avx512vl,avx512vbmi,avx512vbmi2,bmi1,bmi2,popcnt,lzcnt"
    )]
    fn find_ends(text: &[u8], ends: &mut [u32; PASS + SURPLUS]) -> usize {
        static COUNTING: Bytes<64> = Bytes({
            let mut bytes = [0; 64];
            let mut at = 0;
            while at < 64 {
                bytes[at] = at as u8;
                at += 1;
            }
            bytes
        });
        let counting = block(&COUNTING.0);
        let newline = _mm512_set1_epi8(b'\n' as i8);
        let mut count = 0;
        for (i, bytes) in text.chunks(64).enumerate() {
            let mut found = _mm512_cmpeq_epi8_mask(block(bytes), newline);
            let base = _mm512_set1_epi32(64 * i as i32);
            loop {
                let places = _mm512_maskz_compress_epi8(found, counting);
                let places = _mm512_cvtepu8_epi32(_mm512_castsi512_si128(places));
                let places = _mm512_add_epi32(places, base);
                let room = &mut ends[count..count + 16];
                // SAFETY: there is room for sixteen places.
                unsafe { _mm512_storeu_si512(room.as_mut_ptr().cast(), places) };
                let here = found.count_ones() as usize;
                if here <= 16 {
                    count += here;
                    break;
                }
                count += 16;
                for _ in 0..16 {
                    found &= found - 1;
                }
            }
            if count >= PASS {
                break;
            }
        }
        count
    }

    #[target_feature(
        enable = "avx512f,avx512bw,avx512vl,avx512vbmi,avx512vbmi2,bmi1,bmi2,popcnt,lzcnt"
    )]
    fn all_fields<const EAGER: bool>(fields: &[&[u8]], work: &mut Work) {
        let mut messy = 0;
        for (at, bytes) in fields.iter().enumerate() {
            let (read, slow, punctuated) = field::<EAGER>(bytes);
            work.put(at, read, slow);
            messy += usize::from(punctuated);
        }
        work.set_messy(messy, fields.len());
    }

    #[inline]
    #[target_feature(
        enable = "avx512f,avx512bw,avx512vl,avx512vbmi,avx512vbmi2,bmi1,bmi2,popcnt,lzcnt"
    )]
    fn field<const EAGER: bool>(bytes: &[u8]) -> (Read, bool, bool) {
        let width = bytes.len().min(WIDE);
        let there = _bzhi_u32(u32::MAX, width as u32);
        // SAFETY: the mask has a bit for each byte of the field that is read; masked bytes are not
        // touched, also where they lie on a page that is not there.
        let text = unsafe { _mm256_maskz_loadu_epi8(there, bytes.as_ptr().cast()) };
        let values = _mm256_sub_epi8(text, _mm256_set1_epi8(b'0' as i8));
        let digits = _mm256_mask_cmplt_epu8_mask(there, values, _mm256_set1_epi8(10));
        let zeros = _mm256_mask_cmpeq_epi8_mask(digits, values, _mm256_setzero_si256());
        let pluses = _mm256_cmpeq_epi8_mask(text, _mm256_set1_epi8(b'+' as i8));
        if !EAGER {
            // Digits, perhaps a plus before them, and no 00: nothing to move together.
            let plus = pluses & 1;
            let len = bytes.len() - plus as usize;
            let clean = digits | plus == there && zeros >> plus & 3 != 3;
            if clean && (3..=MOST_DIGITS).contains(&len) {
                let (groups, number) = numbers(arranged(values, len, plus));
                let read = Read {
                    number: number + lead(groups, len),
                    groups,
                    len: len as u8,
                    notes: Notes::PLUS * plus as u8,
                };
                return (read, false, false);
            }
        }
        let mut places = Places {
            digits,
            pluses,
            others: there & !digits & !pluses,
            unclear: 0,
            separators: 0,
        };
        if EAGER || places.others != 0 {
            // Letters of either case, moved to where they are smaller than 26.
            let letters = _mm256_sub_epi8(
                _mm256_or_si256(text, _mm256_set1_epi8(0x20)),
                _mm256_set1_epi8(b'a' as i8),
            );
            let letters = _mm256_cmplt_epu8_mask(letters, _mm256_set1_epi8(26));
            let mut beyond = _mm256_movepi8_mask(text);
            if EAGER || beyond != 0 {
                // U+00A0 is C2 A0, and U+2000 to U+2027 are E2 80 80 to E2 80 A7.
                let is = |byte: u8| _mm256_cmpeq_epi8_mask(text, _mm256_set1_epi8(byte as i8));
                let space = is(0xc2) & (is(0xa0) >> 1);
                let third =
                    _mm256_mask_cmplt_epu8_mask(beyond, text, _mm256_set1_epi8(0xa8_u8 as i8));
                let mark = is(0xe2) & (is(0x80) >> 1) & (third >> 2);
                beyond &= !(space | space << 1 | mark | mark << 1 | mark << 2);
            }
            places.unclear = letters & there | beyond;
            places.separators = separators(text);
        }
        let (notes, digits, mut slow) = judge(places, zeros, MOST_DIGITS);
        slow |= bytes.len() > WIDE;
        let len = digits.count_ones() as usize;
        let len = select_unpredictable(slow, 0, len);
        let packed = _mm256_maskz_compress_epi8(digits, values);
        let (groups, number) = numbers(arranged(packed, len, 0));
        let read = Read {
            number: number + lead(groups, len),
            groups,
            len: len as u8,
            notes,
        };
        (read, slow, places.others != 0)
    }

    /// What the digits before the last sixteen add to the number.
    #[inline(always)]
    fn lead(groups: [u16; 4], len: usize) -> u64 {
        const FACTORS: [u32; MOST_DIGITS + 1] = {
            let mut factors = [0; MOST_DIGITS + 1];
            factors[17] = STRIDES[0];
            factors[18] = STRIDES[1];
            factors
        };
        u64::from((u32::from(groups[0]) * FACTORS[len]) >> 16) * POWERS[16]
    }

    /// So many digits, from a certain one on, as [`numbers`] wants them.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vbmi")]
    fn arranged(values: __m256i, len: usize, start: u32) -> __m256i {
        // SAFETY: the vector has 32 bytes and is aligned to 64.
        let order = unsafe { _mm256_load_si256(ARRANGED.0.as_ptr().cast()) };
        let order = _mm256_add_epi8(order, _mm256_set1_epi8(start as i8));
        let len_there = _mm256_set1_epi8(len as i8);
        let order = _mm256_mask_add_epi8(order, 0xffff_0000, order, len_there);
        _mm256_maskz_permutexvar_epi8(HELD[len], order, values)
    }

    /// Where one of `, ; / | . :` or a line break stands.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl")]
    fn separators(text: __m256i) -> u32 {
        let is = |byte: u8| _mm256_cmpeq_epi8_mask(text, _mm256_set1_epi8(byte as i8));
        let among = |first: u8, count: i8| {
            let from_first = _mm256_sub_epi8(text, _mm256_set1_epi8(first as i8));
            _mm256_cmplt_epu8_mask(from_first, _mm256_set1_epi8(count))
        };
        // `.` and `/`, `:` and `;`, and the line breaks are neighbours.
        is(b',') | is(b'|') | among(b'.', 2) | among(b':', 2) | among(b'\n', 4)
    }
}

pub(super) mod avx2 {
    use super::*;

    pub(in crate::arch) fn line_ends(text: &[u8], ends: &mut [u32; PASS + SURPLUS]) -> usize {
        // SAFETY: only called where `has_avx2` said yes.
        unsafe { find_ends(text, ends) }
    }

    pub(in crate::arch) fn read_fields(fields: &[&[u8]], work: &mut Work) {
        // SAFETY: only called where `has_avx2` said yes.
        unsafe {
            match work.messy() {
                true => all_fields::<true>(fields, work),
                false => all_fields::<false>(fields, work),
            }
        }
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn load(bytes: &[u8; WIDE]) -> __m256i {
        // SAFETY: there are as many bytes as the vector has.
        unsafe { _mm256_loadu_si256(bytes.as_ptr().cast()) }
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn load_half(bytes: &[u8; 16]) -> __m128i {
        // SAFETY: there are as many bytes as the vector has.
        unsafe { _mm_loadu_si128(bytes.as_ptr().cast()) }
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn is(text: __m256i, byte: u8) -> u32 {
        let byte = _mm256_set1_epi8(byte as i8);
        _mm256_movemask_epi8(_mm256_cmpeq_epi8(text, byte)) as u32
    }

    /// Where a byte is one of `count` bytes from `first` on.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn among(text: __m256i, first: u8, count: u8) -> u32 {
        let from_first = _mm256_sub_epi8(text, _mm256_set1_epi8(first as i8));
        let last = _mm256_set1_epi8(count as i8 - 1);
        let inside = _mm256_cmpeq_epi8(_mm256_min_epu8(from_first, last), from_first);
        _mm256_movemask_epi8(inside) as u32
    }

    #[target_feature(enable = "avx2,bmi1,bmi2,popcnt,lzcnt")]
    fn find_ends(text: &[u8], ends: &mut [u32; PASS + SURPLUS]) -> usize {
        let mut count = 0;
        let (blocks, tail) = text.as_chunks::<WIDE>();
        for (i, block) in blocks.iter().enumerate() {
            let mut found = is(load(block), b'\n');
            let base = (WIDE * i) as u32;
            let here = found.count_ones() as usize;
            // Four at a time without asking whether there are so many; what is written beyond the
            // last one is written over.
            let mut at = count;
            while at < count + here {
                for slot in &mut ends[at..at + 4] {
                    *slot = base.wrapping_add(found.trailing_zeros());
                    found &= found.wrapping_sub(1);
                }
                at += 4;
            }
            count += here;
            if count >= PASS {
                return count;
            }
        }
        for (i, &byte) in tail.iter().enumerate() {
            if byte == b'\n' {
                ends[count] = (WIDE * blocks.len() + i) as u32;
                count += 1;
            }
        }
        count
    }

    #[target_feature(enable = "avx2,bmi1,bmi2,popcnt,lzcnt")]
    fn all_fields<const EAGER: bool>(fields: &[&[u8]], work: &mut Work) {
        let mut messy = 0;
        for (at, bytes) in fields.iter().enumerate() {
            let (read, slow, punctuated) = field::<EAGER>(bytes);
            work.put(at, read, slow);
            messy += usize::from(punctuated);
        }
        work.set_messy(messy, fields.len());
    }

    /// The first bytes of a field, and zeros after them if it is shorter. No byte beyond the field is
    /// touched: its first and its last bytes are loaded, and meet or overlap.
    #[inline]
    #[target_feature(enable = "avx2,bmi1,bmi2,popcnt,lzcnt")]
    fn load_field(bytes: &[u8]) -> __m256i {
        let len = bytes.len();
        if let Some(whole) = bytes.first_chunk() {
            return load(whole);
        }
        if let (Some(head), Some(tail)) = (bytes.first_chunk(), bytes.last_chunk()) {
            // The last bytes move to the front, less those that are in the first half already;
            // indexes above 127 give zeros.
            let (head, tail) = (load_half(head), load_half(tail));
            let order = _mm_add_epi8(
                _mm_setr_epi8(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15),
                _mm_set1_epi8((32 - len) as i8),
            );
            let beyond = _mm_cmpgt_epi8(order, _mm_set1_epi8(15));
            let tail = _mm_shuffle_epi8(tail, _mm_or_si128(order, beyond));
            return _mm256_set_m128i(tail, head);
        }
        let (head, tail) = match (bytes.first_chunk::<8>(), bytes.last_chunk::<8>()) {
            (Some(head), Some(tail)) => {
                let shift = 8 * (16 - len) as u32;
                let tail = u64::from_le_bytes(*tail).checked_shr(shift).unwrap_or(0);
                (u64::from_le_bytes(*head), tail)
            }
            _ => {
                let each = bytes.iter().rev();
                (each.fold(0, |word, &byte| word << 8 | u64::from(byte)), 0)
            }
        };
        _mm256_set_epi64x(0, 0, tail as i64, head as i64)
    }

    /// The digits among eight bytes, moved to the front: byte indexes by the set of digits.
    static PACKED: [u64; 256] = {
        let mut packed = [0; 256];
        let mut set = 0;
        while set < 256 {
            let (mut at, mut count) = (0, 0);
            while at < 8 {
                if set >> at & 1 == 1 {
                    packed[set] |= (at as u64) << (8 * count);
                    count += 1;
                }
                at += 1;
            }
            set += 1;
        }
        packed
    };

    /// The first bytes of a vector, by how many.
    static FIRST: [u8; 32] = {
        let mut first = [0; 32];
        let mut at = 0;
        while at < 16 {
            first[at] = 0xff;
            at += 1;
        }
        first
    };

    #[inline]
    #[target_feature(enable = "avx2,bmi1,bmi2,popcnt,lzcnt")]
    fn field<const EAGER: bool>(bytes: &[u8]) -> (Read, bool, bool) {
        let len = bytes.len();
        let there = _bzhi_u32(u32::MAX, len.min(WIDE) as u32);
        let text = load_field(bytes);
        let digits = among(text, b'0', 10) & there;
        let pluses = is(text, b'+') & there;
        let mut places = Places {
            digits,
            pluses,
            others: there & !digits & !pluses,
            unclear: 0,
            separators: 0,
        };
        if EAGER || places.others != 0 {
            let lower = _mm256_or_si256(text, _mm256_set1_epi8(0x20));
            let mut beyond = _mm256_movemask_epi8(text) as u32 & there;
            if EAGER || beyond != 0 {
                // U+00A0 is C2 A0, and U+2000 to U+2027 are E2 80 80 to E2 80 A7.
                let space = is(text, 0xc2) & (is(text, 0xa0) & there) >> 1;
                let third = among(text, 0x80, 0x28) & there;
                let mark = is(text, 0xe2) & is(text, 0x80) >> 1 & third >> 2;
                beyond &= !(space | space << 1 | mark | mark << 1 | mark << 2);
            }
            places.unclear = among(lower, b'a', 26) & there | beyond;
            // `.` and `/`, `:` and `;`, and the line breaks are neighbours.
            let separators = is(text, b',')
                | is(text, b'|')
                | among(text, b'.', 2)
                | among(text, b':', 2)
                | among(text, b'\n', 4);
            places.separators = separators & there;
        }
        let zeros = is(text, b'0') & there;
        let (notes, digits, mut slow) = judge(places, zeros, QUICK_DIGITS);
        slow |= len > WIDE;
        let count = select_unpredictable(slow, 0, digits.count_ones() as usize);
        let start = digits.trailing_zeros() as usize;
        let together = digits >> (start & 31) == _bzhi_u32(u32::MAX, count as u32);
        let packed = match start {
            0 if together => _mm256_castsi256_si128(text),
            1 if together => _mm256_castsi256_si128(shifted(text)),
            _ => load_half(&pack(text, digits)),
        };
        let values = _mm_sub_epi8(packed, _mm_set1_epi8(b'0' as i8));
        let first = FIRST[16 - count..][..16].first_chunk().unwrap_or(&[0; 16]);
        let values = _mm256_broadcastsi128_si256(_mm_and_si128(values, load_half(first)));
        // Bytes with the high bit set become zeros.
        let arranged = _mm256_setr_epi8(
            0, 1, 2, -1, 3, 4, 5, -1, 6, 7, 8, -1, 9, 10, 11, -1, //
            -16, -15, -14, -13, -12, -11, -10, -9, -8, -7, -6, -5, -4, -3, -2, -1,
        );
        let shift =
            _mm256_inserti128_si256::<1>(_mm256_setzero_si256(), _mm_set1_epi8(count as i8));
        let arranged = _mm256_shuffle_epi8(values, _mm256_add_epi8(arranged, shift));
        let (groups, number) = numbers(arranged);
        let read = Read {
            number,
            groups,
            len: count as u8,
            notes,
        };
        (read, slow, places.others != 0)
    }

    /// Without the first byte.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn shifted(text: __m256i) -> __m256i {
        let upper = _mm256_permute2x128_si256::<0x81>(text, text);
        _mm256_alignr_epi8::<1>(upper, text)
    }

    /// The first sixteen digits, moved together.
    #[inline]
    #[target_feature(enable = "avx2,bmi1,bmi2,popcnt,lzcnt")]
    fn pack(text: __m256i, mut digits: u32) -> [u8; 16] {
        let mut packed = [0; WIDE + 8];
        let mut count = 0;
        let words = [
            _mm256_extract_epi64::<0>(text),
            _mm256_extract_epi64::<1>(text),
            _mm256_extract_epi64::<2>(text),
            _mm256_extract_epi64::<3>(text),
        ];
        for bytes in words {
            let set = digits as u8;
            let bytes = _mm_cvtsi64_si128(bytes);
            let order = _mm_cvtsi64_si128(PACKED[usize::from(set)] as i64);
            let moved = _mm_cvtsi128_si64(_mm_shuffle_epi8(bytes, order));
            packed[count..count + 8].copy_from_slice(&moved.to_le_bytes());
            count += set.count_ones() as usize;
            digits >>= 8;
        }
        let [first, ..] = *packed.as_chunks::<16>().0 else {
            return [0; 16];
        };
        first
    }
}
