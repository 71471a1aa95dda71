//! Digits moved together by a table of byte orders.

use super::*;

/// # Safety
///
/// The processor has AVX2 and BMI.
pub(in crate::arch) unsafe fn line_ends(text: &[u8], ends: &mut [u32; PASS + SURPLUS]) -> usize {
    // SAFETY: the caller promises the instructions.
    unsafe { find_ends(text, ends) }
}

/// # Safety
///
/// The processor has AVX2 and BMI.
pub(in crate::arch) unsafe fn read_fields(text: &[u8], fields: &[&[u8]], work: &mut Work) {
    // SAFETY: the caller promises the instructions.
    unsafe {
        match work.messy() {
            true => all_fields::<true>(text, fields, work),
            false => all_fields::<false>(text, fields, work),
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
fn all_fields<const EAGER: bool>(text: &[u8], fields: &[&[u8]], work: &mut Work) {
    let mut messy = 0;
    for (at, bytes) in fields.iter().enumerate() {
        let first = match within(text, bytes) {
            Some(first) => load(first),
            None => load_alone(bytes),
        };
        let (read, slow, punctuated) = field::<EAGER>(first, bytes.len());
        work.put(at, read, slow);
        messy += usize::from(punctuated);
    }
    work.set_messy(messy, fields.len());
}

/// The first bytes of a field that lies within a text, and what stands behind it if it is shorter; unless the text
/// ends before.
#[inline(always)]
fn within<'t>(text: &'t [u8], bytes: &[u8]) -> Option<&'t [u8; WIDE]> {
    // Of a field that lies elsewhere this is no place in the text.
    let at = bytes.as_ptr().addr().wrapping_sub(text.as_ptr().addr());
    text.get(at..)?.first_chunk()
}

/// The first bytes of a field, and zeros after them if it is shorter. No byte beyond the field is
/// touched: its first and its last bytes are loaded, and meet or overlap.
#[inline]
#[target_feature(enable = "avx2,bmi1,bmi2,popcnt,lzcnt")]
fn load_alone(bytes: &[u8]) -> __m256i {
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

/// What is read of a field, of whose first bytes others may stand behind; whether it needs more thought, and
/// whether it has punctuation.
#[inline]
#[target_feature(enable = "avx2,bmi1,bmi2,popcnt,lzcnt")]
fn field<const EAGER: bool>(text: __m256i, len: usize) -> (Read, bool, bool) {
    let there = _bzhi_u32(u32::MAX, len.min(WIDE) as u32);
    let digits = among(text, b'0', 10) & there;
    let pluses = is(text, b'+') & there;
    let zeros = is(text, b'0') & there;
    let mut places = Places::new(digits, pluses, there);
    if !EAGER && let Some((plus, count)) = plain(places, zeros, there, len) {
        let text = match plus {
            0 => text,
            _ => shifted(text),
        };
        let read = numbers_of(_mm256_castsi256_si128(text), count);
        return (read_plain(read, plus, count), false, false);
    }
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
    let (groups, number) = numbers_of(packed, count);
    let read = Read {
        number,
        groups,
        len: count as u8,
        notes,
    };
    (read, slow, places.others != 0)
}

/// [`numbers`] of so many digits.
#[inline]
#[target_feature(enable = "avx2,bmi1,bmi2,popcnt,lzcnt")]
fn numbers_of(digits: __m128i, count: usize) -> ([u16; 4], u64) {
    let values = _mm_sub_epi8(digits, _mm_set1_epi8(b'0' as i8));
    let first = FIRST[16 - count..][..16].first_chunk().unwrap_or(&[0; 16]);
    let values = _mm256_broadcastsi128_si256(_mm_and_si128(values, load_half(first)));
    // Bytes with the high bit set become zeros.
    let arranged = _mm256_setr_epi8(
        0, 1, 2, -1, 3, 4, 5, -1, 6, 7, 8, -1, 9, 10, 11, -1, //
        -16, -15, -14, -13, -12, -11, -10, -9, -8, -7, -6, -5, -4, -3, -2, -1,
    );
    let shift = _mm256_inserti128_si256::<1>(_mm256_setzero_si256(), _mm_set1_epi8(count as i8));
    numbers(_mm256_shuffle_epi8(
        values,
        _mm256_add_epi8(arranged, shift),
    ))
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
