//! Eight bytes at a time in ordinary registers.

use super::SURPLUS;
use crate::answer::Notes;
use crate::batch::{PASS, Work};
use crate::digits::{POWERS, ZEROS, eight, sixteen, three};
use crate::lookup::{QUICK_DIGITS, Read};
use crate::text::{DIGIT, MEANING, PLUS, SEPARATOR, UNCLEAR};

const HIGHS: u64 = u64::from_le_bytes([0x80; 8]);

/// Longer fields are not common enough to be quick.
const QUICK_BYTES: usize = 48;

pub(super) fn line_ends(text: &[u8], ends: &mut [u32; PASS + SURPLUS]) -> usize {
    let mut count = 0;
    let (words, tail) = text.as_chunks::<8>();
    for (i, &word) in words.iter().enumerate() {
        // A byte of zeros stands where a newline was; the lowest one is told exactly, and each is
        // the lowest once.
        let mut word = u64::from_le_bytes(word) ^ u64::from_le_bytes([b'\n'; 8]);
        loop {
            let zeros = word.wrapping_sub(HIGHS >> 7) & !word & HIGHS;
            if zeros == 0 {
                break;
            }
            let byte = zeros.trailing_zeros() / 8;
            ends[count] = (8 * i) as u32 + byte;
            count += 1;
            word |= 0xff << (8 * byte);
        }
        if count >= PASS {
            return count;
        }
    }
    for (i, &byte) in tail.iter().enumerate() {
        if byte == b'\n' {
            ends[count] = (8 * words.len() + i) as u32;
            count += 1;
        }
    }
    count
}

pub(super) fn read_fields(fields: &[&[u8]], work: &mut Work) {
    for (at, field) in fields.iter().enumerate() {
        let (read, slow) = read(field);
        work.put(at, read, slow);
    }
}

/// What is read of a field, and whether it needs more thought (then nothing was read).
#[inline(always)]
pub(super) fn read(field: &[u8]) -> (Read, bool) {
    let (digits, plus) = match field {
        [b'+', rest @ ..] => (rest, Notes::PLUS),
        _ => (field, 0),
    };
    match clean(digits, plus) {
        Some(read) => (read, false),
        None => match punctuated(field) {
            Some(read) => (read, false),
            None => (Read::NONE, true),
        },
    }
}

#[inline(always)]
fn word(bytes: &[u8]) -> Option<u64> {
    bytes.first_chunk().map(|chunk| u64::from_le_bytes(*chunk))
}

/// Nonzero unless each byte is at most nine.
#[inline(always)]
fn no_digits(values: u64) -> u64 {
    (values.wrapping_add(HIGHS - u64::from_le_bytes([10; 8])) | values) & HIGHS
}

/// Eight to sixteen digits and nothing else.
#[inline(always)]
fn clean(digits: &[u8], notes: u8) -> Option<Read> {
    let len = digits.len();
    if !(8..=QUICK_DIGITS).contains(&len) {
        return None;
    }
    // Two words cover all digits, and overlap if there are fewer than sixteen.
    let head = word(digits)? ^ ZEROS;
    let tail = word(&digits[len - 8..])? ^ ZEROS;
    if no_digits(head) | no_digits(tail) != 0 || head & 0xffff == 0 {
        return None;
    }
    let more = len - 8;
    // What of the second word does not repeat the first: its last digits.
    let rest = match more {
        0 => 0,
        _ => tail >> (64 - 8 * more),
    };
    Some(Read {
        number: eight(head) * POWERS[more]
            + eight(tail & !(u64::MAX.checked_shr(8 * more as u32).unwrap_or(0))),
        groups: [
            three(head),
            three(head >> 24),
            three(head >> 48 | rest << 16),
            three(rest >> 8),
        ],
        len: len as u8,
        notes,
    })
}

/// Digits among punctuation, all of it ASCII.
#[inline(always)]
fn punctuated(field: &[u8]) -> Option<Read> {
    if field.len() > QUICK_BYTES {
        return None;
    }
    let mut digits = [b'0'; QUICK_BYTES + 16];
    let (mut count, mut seen) = (0, 0);
    // A plus before the first digit, and one after it.
    let (mut early, mut late) = (0, 0);
    for &byte in field {
        let meaning = MEANING[usize::from(byte)];
        digits[count] = byte;
        early |= meaning & (PLUS * u8::from(count == 0));
        late |= meaning & (PLUS * u8::from(count > 0));
        count += usize::from(meaning & DIGIT);
        seen |= meaning;
    }
    if seen & UNCLEAR != 0 || seen & DIGIT == 0 {
        return None;
    }
    let idd = digits[..2] == *b"00" && count >= 2;
    let skip = 2 * usize::from(idd);
    let len = count - skip;
    if !(3..=QUICK_DIGITS).contains(&len) {
        return None;
    }
    digits[count..count + 16].fill(b'0');
    let digits = &digits[skip..skip + 16];
    let (head, tail) = (word(digits)? ^ ZEROS, word(&digits[8..])? ^ ZEROS);
    let clean = count + usize::from(field[0] == b'+') == field.len();
    let mut notes = 0;
    if early != 0 {
        notes |= Notes::PLUS;
    }
    if !clean {
        notes |= Notes::CLEANED;
    }
    if late != 0 || seen & SEPARATOR != 0 {
        notes |= Notes::SEPARATED;
    }
    if idd {
        notes |= Notes::IDD;
    }
    let (number, groups) = sixteen(head, tail, len);
    Some(Read {
        number,
        groups,
        len: len as u8,
        notes,
    })
}
