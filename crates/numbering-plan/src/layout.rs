//! The compiled plan as bytes: what a compiler writes and [`Plan::from_bytes`](crate::Plan) reads.
//!
//! A file starts with a text header of `key: value` lines, the first of which is [`MAGIC`]; an empty
//! line ends it. After it come [`HEAD_WORDS`] words: the checksum (CRC-32 of everything else in the
//! file), then the number of elements in each section, in the order of [`Section`]. Then come the
//! sections without gaps. All numbers are little-endian.
//!
//! Look-up: the digits, the calling code first, are taken in groups of three, missing digits at the
//! end being zeros. The first group is a place in `Roots`; what stands there, and in `Steps`, is a
//! place in `Entries` and the factor of a stride: with the next group `g`, the walk goes on to
//! `Entries[place + (g * factor >> 16)]`. What it finds is a place in `Steps`, where the next step is.
//! The first of these places, as many as there are `Leaves`, are leaves: their factor is 0, and they
//! lead to themselves. A leaf names a place in `Rows`, from where there is an element for each number
//! of digits from [`ROW_FIRST`] to [`ROW_LAST`], and an operator.

/// The first line of every compiled plan.
pub const MAGIC: &str = "numbering-plan 1";
/// Words between the text header and the sections.
pub const HEAD_WORDS: usize = 1 + Section::COUNT;
/// A compiled plan is not larger than this, in bytes.
pub const MAX_BYTES: usize = 16 << 20;

/// Elements of a table by three digits: a power of two, so that ten bits of anything are a place in
/// it. The last 24 are never asked for, and zeros.
pub const GROUPS: usize = 1024;

/// The smallest number of digits that a row tells apart.
pub const ROW_FIRST: usize = 3;
/// The largest; more digits are as many as this.
pub const ROW_LAST: usize = 20;
/// Elements of a row.
pub const ROW: usize = ROW_LAST - ROW_FIRST + 1;
/// The factor of a stride of one, two and three digits: of a group, the first one, two or three
/// digits are `group * factor >> 16`.
pub const STRIDES: [u32; 3] = [656, 6554, 65536];

/// The parts of a compiled plan.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(usize)]
pub enum Section {
    /// Two letters, or `[0, 1]` for `001`. A territory's place is its number; element 0 is zeros.
    /// Main territories come right before the others of their calling code.
    Territories,
    /// For each territory: calling code, then where the automata for its international prefix,
    /// its national prefix and all its national numbers start in `Readers` (0: none), as `u16`;
    /// then the lengths of national numbers and those of local dialling, as `u32`: bit n for n
    /// digits. Element 0 is zeros.
    Regions,
    /// For the first three digits of a number the calling code that they start with: the number of
    /// its main territory and the code itself, zeros if there is none. Two `u16`, [`GROUPS`] times.
    CallingCodes,
    /// For the first three digits of a number, the first step: place in `Entries` and factor of the
    /// stride, two `u32`, [`GROUPS`] times.
    Roots,
    /// The other steps, as in `Roots`; those of leaves come first.
    Steps,
    /// Places in `Steps`, `u16`.
    Entries,
    /// Place in `Rows`, and operator: two `u16`.
    Leaves,
    /// `u32`: territory as it is packed (bits 0 to 15), class (16 to 23), whether a national prefix
    /// may stand after the calling code (31).
    Rows,
    /// States of the automata for prefixes: for each digit the next state (0: none), what is done
    /// if the match ends here, and what if the number ends here too (0: it does not match).
    /// Twelve `u16`.
    Readers,
    /// What is done with a prefix: digits cut, start and length of the part of them that is kept,
    /// and the `Inserts` that come before it (0: none). Four bytes. Element 0 does nothing.
    Actions,
    /// Number of digits, then at most seven digits as values: eight bytes. Element 0 is empty.
    Inserts,
    /// Where each operator's name ends in `Names`, `u32`; the first belongs to operator 1.
    Operators,
    /// The names of the operators in UTF-8, without gaps.
    Names,
}

impl Section {
    /// How many there are.
    pub const COUNT: usize = 13;

    /// All, in the order of the file.
    pub const ALL: [Section; Section::COUNT] = [
        Section::Territories,
        Section::Regions,
        Section::CallingCodes,
        Section::Roots,
        Section::Steps,
        Section::Entries,
        Section::Leaves,
        Section::Rows,
        Section::Readers,
        Section::Actions,
        Section::Inserts,
        Section::Operators,
        Section::Names,
    ];

    /// Bytes of an element.
    pub const fn element(self) -> usize {
        match self {
            Section::Territories | Section::Entries => 2,
            Section::Regions => 16,
            Section::Roots | Section::Steps | Section::Inserts => 8,
            Section::CallingCodes
            | Section::Leaves
            | Section::Rows
            | Section::Actions
            | Section::Operators => 4,
            Section::Readers => 24,
            Section::Names => 1,
        }
    }
}

/// CRC-32 (ISO-HDLC, as in gzip) of the parts one after another.
pub const fn checksum(parts: [&[u8]; 2]) -> u32 {
    let mut crc = u32::MAX;
    let mut part = 0;
    while part < parts.len() {
        let bytes = parts[part];
        let mut at = 0;
        while at < bytes.len() {
            crc = CRC[((crc ^ bytes[at] as u32) & 0xff) as usize] ^ (crc >> 8);
            at += 1;
        }
        part += 1;
    }
    !crc
}

const CRC: [u32; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut crc = byte as u32;
        let mut bit = 0;
        while bit < 8 {
            crc = (crc >> 1) ^ (0xedb8_8320 * (crc & 1));
            bit += 1;
        }
        table[byte] = crc;
        byte += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_that_of_gzip() {
        assert_eq!(checksum([b"1234", b"56789"]), 0xcbf4_3926);
    }

    #[test]
    fn strides_take_the_first_digits_of_a_group() {
        for group in 0..1000u32 {
            for (divisor, factor) in [100, 10, 1].into_iter().zip(STRIDES) {
                assert_eq!((group * factor) >> 16, group / divisor);
            }
        }
    }
}
