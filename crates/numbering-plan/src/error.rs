//! Why bytes are no compiled plan.

use crate::layout::Section;
use core::fmt;

/// The bytes are no compiled plan that this version of the library can use.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Error(pub(crate) Fault);

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Fault {
    NoPlan,
    TooLarge,
    Length,
    Checksum,
    Header,
    Element(Section, usize),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use crate::layout::{MAGIC, MAX_BYTES};
        match self.0 {
            Fault::NoPlan => write!(
                f,
                "not a compiled numbering plan (`{MAGIC}` expected first)"
            ),
            Fault::TooLarge => write!(
                f,
                "larger than a compiled numbering plan may be ({} MiB)",
                MAX_BYTES >> 20
            ),
            Fault::Length => f.write_str("the compiled numbering plan is cut off or has a surplus"),
            Fault::Checksum => {
                f.write_str("the compiled numbering plan is damaged (its checksum is wrong)")
            }
            Fault::Header => f.write_str(
                "the header of the compiled numbering plan lacks version, date or licence",
            ),
            Fault::Element(section, at) => write!(
                f,
                "the compiled numbering plan contradicts itself ({section:?}, element {at})"
            ),
        }
    }
}

impl core::error::Error for Error {}
