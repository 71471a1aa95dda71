//! Digits as values, and what can be computed of eight at once.

use crate::text::Written;

/// `'0'` eight times.
pub(crate) const ZEROS: u64 = u64::from_le_bytes([b'0'; 8]);

/// Eight digits, the first one in the lowest byte, as a number.
#[inline(always)]
pub(crate) const fn eight(values: u64) -> u64 {
    const BYTES: u64 = 0x00ff_00ff_00ff_00ff;
    const HALVES: u64 = 0x0000_ffff_0000_ffff;
    let pairs = (values.wrapping_mul(10).wrapping_add(values >> 8)) & BYTES;
    let fours = (pairs.wrapping_mul(100).wrapping_add(pairs >> 16)) & HALVES;
    (fours.wrapping_mul(10_000).wrapping_add(fours >> 32)) & 0xffff_ffff
}

/// The three digits in the lowest bytes as a number.
#[inline(always)]
pub(crate) fn three(values: u64) -> u16 {
    let digit = |n: u32| (values >> (8 * n)) as u16 & 0xff;
    100 * digit(0) + 10 * digit(1) + digit(2)
}

/// Powers of ten.
pub(crate) const POWERS: [u64; 17] = {
    let mut powers = [1; 17];
    let mut n = 1;
    while n < 17 {
        powers[n] = 10 * powers[n - 1];
        n += 1;
    }
    powers
};

/// The first sixteen digits of a number that has no more: as a number, and in groups of three.
#[inline(always)]
pub(crate) fn sixteen(head: u64, tail: u64, len: usize) -> (u64, [u16; 4]) {
    let number = (eight(head) * POWERS[8] + eight(tail)) / POWERS[16 - len];
    let groups = [
        three(head),
        three(head >> 24),
        three(head >> 48 | tail << 16),
        three(tail >> 8),
    ];
    (number, groups)
}

/// The first twelve digits of a number of at most sixteen, in groups of three, filled up with zeros.
pub(crate) fn groups_of(number: u64, len: usize) -> [u16; 4] {
    let full = number * POWERS[16 - len] / POWERS[4];
    let group = |n: u32| (full / 1000u64.pow(3 - n) % 1000) as u16;
    [group(0), group(1), group(2), group(3)]
}

/// Digits as values, with room in front for a calling code or what a rule inserts; zeros after the
/// last one.
#[derive(Clone, Copy)]
pub(crate) struct Digits {
    values: [u8; Digits::ROOM],
    start: usize,
    end: usize,
}

impl Digits {
    /// A calling code has three digits, and a rule inserts at most seven.
    const FRONT: usize = 12;
    /// Groups and words are read beyond the last digit.
    const ROOM: usize = Digits::FRONT + Written::KEPT + 12;

    /// Digits as values; at most [`Written::KEPT`].
    pub(crate) fn new(digits: &[u8]) -> Digits {
        let mut values = [0; Digits::ROOM];
        let end = Digits::FRONT + digits.len().min(Written::KEPT);
        for (value, &digit) in values[Digits::FRONT..end].iter_mut().zip(digits) {
            *value = digit;
        }
        Digits {
            values,
            start: Digits::FRONT,
            end,
        }
    }

    /// The digits that are kept of a field.
    pub(crate) fn of_written(written: &Written) -> Digits {
        let mut values = [0; Digits::ROOM];
        let end = Digits::FRONT + written.head().len();
        // What is kept is filled up with zeros.
        let kept = &mut values[Digits::FRONT..Digits::FRONT + Written::KEPT];
        for (value, &digit) in kept.iter_mut().zip(written.kept()) {
            *value = digit & 0xf;
        }
        Digits {
            values,
            start: Digits::FRONT,
            end,
        }
    }

    pub(crate) fn as_slice(&self) -> &[u8] {
        &self.values[self.start..self.end]
    }

    pub(crate) fn len(&self) -> usize {
        self.end - self.start
    }

    /// Without the first digits.
    pub(crate) fn skip(mut self, count: usize) -> Digits {
        self.start = (self.start + count).min(self.end);
        self
    }

    /// With digits in front. There is room for what rules ask for.
    pub(crate) fn prepend(mut self, digits: &[u8]) -> Digits {
        let start = self.start.saturating_sub(digits.len());
        for (value, &digit) in self.values[start..self.start].iter_mut().zip(digits) {
            *value = digit;
        }
        self.start = start;
        self
    }

    /// The number, if it is at most 19 digits long and does not start with 0.
    pub(crate) fn number(&self) -> u64 {
        let len = self.len();
        if self.values[self.start] == 0 {
            return 0;
        }
        match len {
            0..=16 => {
                let word = |at: usize| {
                    let bytes = self.values[at..].first_chunk();
                    u64::from_le_bytes(*bytes.unwrap_or(&[0; 8]))
                };
                let sixteen = eight(word(self.start)) * POWERS[8] + eight(word(self.start + 8));
                sixteen / POWERS[16 - len]
            }
            17..=19 => self
                .as_slice()
                .iter()
                .fold(0, |number, &digit| number * 10 + u64::from(digit)),
            _ => 0,
        }
    }

    /// The digits in groups of three.
    pub(crate) fn group(&self, n: usize) -> u16 {
        match self.values.get(self.start + 3 * n..self.start + 3 * n + 3) {
            Some(&[a, b, c]) => 100 * u16::from(a) + 10 * u16::from(b) + u16::from(c),
            _ => 0,
        }
    }
}

/// Up to nineteen digits as values, of which the first twelve are given in groups of three.
pub(crate) fn values_of(groups: [u16; 4], number: u64, len: usize) -> [u8; 20] {
    let mut values = [0; 20];
    for (three, group) in values.as_chunks_mut::<3>().0.iter_mut().zip(groups) {
        *three = [
            (group / 100) as u8,
            (group / 10 % 10) as u8,
            (group % 10) as u8,
        ];
    }
    let mut rest = number;
    for value in values.iter_mut().take(len).skip(12).rev() {
        *value = (rest % 10) as u8;
        rest /= 10;
    }
    values
}

/// A calling code as digits: three values and how many count.
pub(crate) fn code_digits(code: u16) -> ([u8; 3], usize) {
    let digit = |n: u16| (n % 10) as u8;
    match code {
        0..10 => ([digit(code), 0, 0], 1),
        10..100 => ([digit(code / 10), digit(code), 0], 2),
        _ => ([digit(code / 100), digit(code / 10), digit(code)], 3),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_become_numbers_and_groups() {
        let all = [1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9];
        let mut number = 0;
        for len in 1..=all.len() {
            let digits = Digits::new(&all[..len]);
            number = number * 10 + u64::from(all[len - 1]);
            assert_eq!(digits.number(), number);
            assert_eq!(digits.len(), len);
            if len <= 16 {
                let groups = [0, 1, 2, 3].map(|n| digits.group(n));
                assert_eq!(groups_of(number, len), groups);
            }
            let groups = [0, 1, 2, 3].map(|n| digits.group(n));
            assert_eq!(&values_of(groups, number, len)[..len], digits.as_slice());
        }
        assert_eq!(Digits::new(&all).group(1), 456);
        assert_eq!(Digits::new(&all[..4]).group(1), 400);
        assert_eq!(Digits::new(&[0, 1]).number(), 0);
        let cut = Digits::new(&all[..12]).skip(3).prepend(&[9, 9]);
        assert_eq!(cut.number(), 99456789012);
    }
}
