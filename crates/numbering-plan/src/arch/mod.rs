//! Taking digits out of fields, with the instructions that the processor has.
//!
//! The only module with `unsafe` in it. All paths give the same result; the portable one is safe
//! Rust and the judge of the others.

#![allow(
    unsafe_code,
    reason = "functions for certain processors are called here"
)]

mod portable;
#[cfg(target_arch = "x86_64")]
mod x86;

use crate::batch::{PASS, Work};
use crate::lookup::Read;

/// Which instructions are used.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Path {
    /// Those that every processor has.
    Portable,
    /// AVX2 (x86-64).
    Avx2,
    /// AVX-512 with byte permutations and compression (VBMI, VBMI2; x86-64).
    Avx512,
}

impl Path {
    /// Every path, the slowest first.
    pub const ALL: [Path; 3] = [Path::Portable, Path::Avx2, Path::Avx512];

    /// Whether this processor has the instructions.
    pub fn is_available(self) -> bool {
        match self {
            Path::Portable => true,
            #[cfg(target_arch = "x86_64")]
            Path::Avx2 => x86::has_avx2(),
            #[cfg(target_arch = "x86_64")]
            Path::Avx512 => x86::has_avx512(),
            #[cfg(not(target_arch = "x86_64"))]
            _ => false,
        }
    }

    /// The fastest path of this processor.
    pub fn best() -> Path {
        let mut best = Path::Portable;
        for path in Path::ALL {
            if path.is_available() {
                best = path;
            }
        }
        best
    }

    /// This path, or the portable one where the processor does not have it.
    fn or_portable(self) -> Path {
        match self.is_available() {
            true => self,
            false => Path::Portable,
        }
    }
}

/// Places that [`line_ends`] may write beyond the last one.
pub(crate) const SURPLUS: usize = 64;

/// Finds ends of lines, at least as many as a pass takes if there are so many; how many it found.
#[inline(never)]
pub(crate) fn line_ends(path: Path, text: &[u8], ends: &mut [u32; PASS + SURPLUS]) -> usize {
    match path.or_portable() {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: `or_portable` leaves only what the processor has.
        Path::Avx512 => unsafe { x86::avx512::line_ends(text, ends) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: `or_portable` leaves only what the processor has.
        Path::Avx2 => unsafe { x86::avx2::line_ends(text, ends) },
        _ => portable::line_ends(text, ends),
    }
}

/// Reads one field if it can be read quickly.
#[inline]
pub(crate) fn read_field(field: &[u8]) -> Option<Read> {
    let (read, slow) = portable::read(field);
    (!slow).then_some(read)
}

/// Reads fields, as many as a pass takes at most. If they lie within the text, what stands behind a field may be
/// loaded along with it.
#[inline(never)]
pub(crate) fn read_fields(path: Path, text: &[u8], fields: &[&[u8]], work: &mut Work) {
    match path.or_portable() {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: `or_portable` leaves only what the processor has.
        Path::Avx512 => unsafe { x86::avx512::read_fields(fields, work) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: `or_portable` leaves only what the processor has.
        Path::Avx2 => unsafe { x86::avx2::read_fields(text, fields, work) },
        _ => portable::read_fields(fields, work),
    }
}
