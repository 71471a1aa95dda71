//! Where a number belongs.

use core::fmt;
use core::num::NonZeroU16;

/// A territory: ISO 3166 alpha-2, or `001` for networks that belong to no country.
///
/// ```
/// use numbering_plan::Territory;
///
/// assert_eq!(Territory::parse("ua").unwrap().to_string(), "UA");
/// assert_eq!(Territory::parse("001"), Some(Territory::WORLD));
/// assert_eq!(Territory::parse("380"), None);
/// ```
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Territory(NonZeroU16);

impl Territory {
    /// `001`: satellite and other global networks, universal freephone and their like.
    pub const WORLD: Territory = Territory(NonZeroU16::MIN);

    /// The two bytes that stand for it in a compiled plan, as a number; 0 is none.
    pub(crate) const fn from_packed(packed: u16) -> Option<Territory> {
        match NonZeroU16::new(packed) {
            Some(packed) => Some(Territory(packed)),
            None => None,
        }
    }

    /// The number that stands for it in a compiled plan: its two letters as bytes, the first one
    /// high, or 1 for `001`.
    pub const fn packed(self) -> u16 {
        self.0.get()
    }

    /// What it is called, written without memory of its own.
    ///
    /// ```
    /// use numbering_plan::Territory;
    ///
    /// let ukraine = Territory::parse("ua").unwrap();
    /// assert_eq!(ukraine.encode(&mut [0; 2]), "UA");
    /// assert_eq!(Territory::WORLD.encode(&mut [0; 2]), "001");
    /// ```
    pub fn encode(self, buffer: &mut [u8; 2]) -> &str {
        if self == Territory::WORLD {
            return "001";
        }
        *buffer = self.0.get().to_be_bytes();
        core::str::from_utf8(buffer).unwrap_or("??")
    }

    /// Reads two ASCII letters of either case, or `001`.
    pub fn parse(text: &str) -> Option<Territory> {
        if text == "001" {
            return Some(Territory::WORLD);
        }
        match text.as_bytes() {
            [a, b] if a.is_ascii_alphabetic() && b.is_ascii_alphabetic() => {
                let packed = [a.to_ascii_uppercase(), b.to_ascii_uppercase()];
                NonZeroU16::new(u16::from_be_bytes(packed)).map(Territory)
            }
            _ => None,
        }
    }
}

impl fmt::Display for Territory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.encode(&mut [0; 2]))
    }
}

impl fmt::Debug for Territory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Territory({self})")
    }
}
