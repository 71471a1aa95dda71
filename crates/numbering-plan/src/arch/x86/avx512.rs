//! Digits moved together by compression; nothing is touched where a mask says no.

use super::*;

/// # Safety
///
/// The processor has AVX-512 with VBMI and VBMI2.
pub(in crate::arch) unsafe fn line_ends(text: &[u8], ends: &mut [u32; PASS + SURPLUS]) -> usize {
    // SAFETY: the caller promises the instructions.
    unsafe { find_ends(text, ends) }
}

/// # Safety
///
/// The processor has AVX-512 with VBMI and VBMI2.
pub(in crate::arch) unsafe fn read_fields(fields: &[&[u8]], work: &mut Work) {
    // SAFETY: the caller promises the instructions.
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
    let mut places = Places::new(digits, pluses, there);
    if !EAGER && let Some((plus, count)) = plain(places, zeros, there, bytes.len()) {
        let read = numbers(arranged(values, count, plus));
        return (read_plain(read, plus, count), false, false);
    }
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
            let third = _mm256_mask_cmplt_epu8_mask(beyond, text, _mm256_set1_epi8(0xa8_u8 as i8));
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
