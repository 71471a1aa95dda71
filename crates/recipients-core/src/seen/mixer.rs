//! Bits of numbers, mixed: numbers are chosen by whoever wrote the list.

use ahash::RandomState;

/// Turns the bits of a number into other bits of the same width, and back.
#[derive(Clone, Copy)]
pub(super) struct Mixer {
    salt: u32,
    factors: [u32; 2],
    inverses: [u32; 2],
}

impl Mixer {
    pub(super) fn at_random() -> Mixer {
        let key = RandomState::new();
        let odd = |n: u32| key.hash_one(n) as u32 | 1;
        Mixer::new(key.hash_one(2u32) as u32, [odd(0), odd(1)])
    }

    pub(super) fn new(salt: u32, factors: [u32; 2]) -> Mixer {
        // Newton's iteration doubles the bits that are right; the first three are.
        let inverse = |factor: u32| {
            (0..4).fold(factor, |inverse, _| {
                inverse.wrapping_mul(2u32.wrapping_sub(factor.wrapping_mul(inverse)))
            })
        };
        Mixer {
            salt,
            factors,
            inverses: factors.map(inverse),
        }
    }

    #[inline]
    pub(super) fn mix<const W: usize>(&self, bits: u32) -> u32 {
        let mask = mask::<W>();
        let bits = (bits ^ self.salt).wrapping_mul(self.factors[0]) & mask;
        let bits = bits ^ bits >> (4 * W);
        let bits = bits.wrapping_mul(self.factors[1]) & mask;
        bits ^ bits >> (4 * W)
    }

    #[inline]
    pub(super) fn unmix<const W: usize>(&self, bits: u32) -> u32 {
        let mask = mask::<W>();
        let bits = bits ^ bits >> (4 * W);
        let bits = bits.wrapping_mul(self.inverses[1]) & mask;
        let bits = bits ^ bits >> (4 * W);
        (bits.wrapping_mul(self.inverses[0]) ^ self.salt) & mask
    }
}

const fn mask<const W: usize>() -> u32 {
    u32::MAX >> (32 - 8 * W)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn mixing_is_undone(salt: u32, factors: [u32; 2], bits: u32) {
            let mixer = Mixer::new(salt, factors.map(|factor| factor | 1));
            prop_assert_eq!(mixer.unmix::<4>(mixer.mix::<4>(bits)), bits);
            prop_assert_eq!(mixer.unmix::<3>(mixer.mix::<3>(bits & 0xff_ffff)), bits & 0xff_ffff);
            prop_assert_eq!(mixer.unmix::<2>(mixer.mix::<2>(bits & 0xffff)), bits & 0xffff);
        }
    }
}
