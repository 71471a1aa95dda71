//! Codes of links that belong to one recipient.
//!
//! Such a code is where its link stands, in which message and which of the text's links, enciphered
//! with a key that the database keeps. So none need be stored until it is followed, which makes
//! tracked recipients cost little more than others; and whoever knows some codes can tell nothing of
//! any other. The cipher is a Feistel network of ten rounds of SHA-256 over 48 bits, as FF1 (NIST SP
//! 800-38G) is one of AES, repeated until the outcome is a code.

use crate::account::LETTERS;
use sha2::{Digest, Sha256};

/// Letters of a code.
const LENGTH: usize = 8;

/// How many codes there are: a little less than 48 bits tell apart.
const CODES: u64 = 62_u64.pow(LENGTH as u32);

/// Links of one text that can be told apart.
const LINKS: u64 = 256;

const ROUNDS: u8 = 10;

/// The bits of half a state.
const HALF: u32 = (1 << 24) - 1;

/// Makes codes, and reads them.
pub(crate) struct Cipher([u8; 32]);

impl std::fmt::Debug for Cipher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Cipher(…)")
    }
}

impl Cipher {
    pub(crate) fn new(key: [u8; 32]) -> Cipher {
        Cipher(key)
    }

    /// The code of a message's link, the `at`-th of its text, as long as there are codes.
    pub(crate) fn code(&self, message: i64, at: usize) -> Option<String> {
        let message = u64::try_from(message).ok()?;
        let at = u64::try_from(at).ok().filter(|&at| at < LINKS)?;
        let place = message.checked_mul(LINKS)? + at;
        let place = Some(place).filter(|&place| place < CODES)?;
        let mut code = self.encipher(place);
        while code >= CODES {
            code = self.encipher(code);
        }
        let mut letters = [0; LENGTH];
        for letter in letters.iter_mut().rev() {
            *letter = LETTERS[(code % 62) as usize];
            code /= 62;
        }
        Some(letters.into_iter().map(char::from).collect())
    }

    /// The message whose link has this code, and which of its text's links it is. Whether there is
    /// such a message is for the store to say.
    pub(crate) fn place(&self, code: &str) -> Option<(i64, usize)> {
        if code.len() != LENGTH {
            return None;
        }
        let mut place = 0;
        for letter in code.bytes() {
            let value = LETTERS.iter().position(|&known| known == letter)?;
            place = place * 62 + value as u64;
        }
        place = self.decipher(place);
        while place >= CODES {
            place = self.decipher(place);
        }
        Some(((place / LINKS) as i64, (place % LINKS) as usize))
    }

    fn encipher(&self, state: u64) -> u64 {
        let (mut left, mut right) = halves(state);
        for round in 0..ROUNDS {
            (left, right) = (right, left ^ self.mix(round, right));
        }
        u64::from(left) << 24 | u64::from(right)
    }

    fn decipher(&self, state: u64) -> u64 {
        let (mut left, mut right) = halves(state);
        for round in (0..ROUNDS).rev() {
            (left, right) = (right ^ self.mix(round, left), left);
        }
        u64::from(left) << 24 | u64::from(right)
    }

    /// Half a state that nobody can foretell without the key.
    fn mix(&self, round: u8, half: u32) -> u32 {
        // Always of the same length, and no longer than one block.
        let mut text = [0; 37];
        text[..32].copy_from_slice(&self.0);
        text[32] = round;
        text[33..].copy_from_slice(&half.to_be_bytes());
        let digest = Sha256::digest(text);
        u32::from_be_bytes([digest[0], digest[1], digest[2], digest[3]]) & HALF
    }
}

fn halves(state: u64) -> (u32, u32) {
    ((state >> 24) as u32 & HALF, state as u32 & HALF)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashSet;

    proptest! {
        #[test]
        fn a_code_leads_back(key: [u8; 32], message in 0..(CODES / LINKS) as i64, at in 0..256usize) {
            let cipher = Cipher::new(key);
            let code = cipher.code(message, at).unwrap();
            prop_assert_eq!(code.len(), LENGTH);
            prop_assert_eq!(cipher.place(&code), Some((message, at)));
        }

        #[test]
        fn a_place_leads_to_one_code_only(key: [u8; 32], code in "[0-9A-Za-z]{8}") {
            let cipher = Cipher::new(key);
            let (message, at) = cipher.place(&code).unwrap();
            prop_assert_eq!(cipher.code(message, at), Some(code));
        }

        #[test]
        fn what_is_no_code_is_nowhere(text in ".{0,12}") {
            let place = Cipher::new([7; 32]).place(&text);
            let is_code = text.len() == LENGTH && text.bytes().all(|b| b.is_ascii_alphanumeric());
            prop_assert_eq!(place.is_some(), is_code);
        }
    }

    #[test]
    fn neighbours_have_nothing_in_common() {
        let cipher = Cipher::new([1; 32]);
        let codes: Vec<String> = (1..2000).map(|id| cipher.code(id, 0).unwrap()).collect();
        assert_eq!(codes.iter().collect::<HashSet<_>>().len(), codes.len());
        // Each letter stands at each place about as often as any other (32 times).
        for at in 0..LENGTH {
            for letter in LETTERS {
                let often = codes.iter().filter(|code| code.as_bytes()[at] == *letter);
                assert!((8..80).contains(&often.count()), "{letter} at {at}");
            }
        }
        let other = Cipher::new([2; 32]);
        assert!((1..2000).all(|id| other.code(id, 0) != cipher.code(id, 0)));
    }

    #[test]
    fn codes_come_to_an_end() {
        let cipher = Cipher::new([1; 32]);
        let last = (CODES / LINKS - 1) as i64;
        assert!(cipher.code(last, 255).is_some());
        assert_eq!(cipher.code(last, 256), None);
        assert_eq!(cipher.code(last + 1, 255), None);
        assert_eq!(cipher.code(i64::MAX, 0), None);
        assert_eq!(cipher.code(-1, 0), None);
    }
}
