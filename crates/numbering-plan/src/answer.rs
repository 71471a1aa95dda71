//! What the plan says about a field.

use crate::plan::RowElement;
use crate::{Kind, Territory};
use core::fmt;
use core::num::{NonZeroU16, NonZeroU64};

/// How a field stands to the numbering plan.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
#[repr(u8)]
pub enum Standing {
    /// It lies in a range of the plan; [`Answer::kind`] tells which.
    Valid,
    /// Numbers of its calling code can be so long, but no range holds it.
    Possible,
    /// Shorter than every number of its calling code.
    TooShort,
    /// Long enough for local dialling only.
    LocalOnly,
    /// Longer than every number of its calling code.
    TooLong,
    /// Between the lengths that exist.
    ImpossibleLength,
    /// It starts with no calling code that is assigned.
    UnknownCallingCode,
    /// Nothing there but white space and what cannot be seen.
    Blank,
    /// Something is there, but no digit.
    NoDigits,
    /// Letters, or what is no text, stand where only digits and punctuation may.
    Letters,
    /// A number and an extension.
    Extension,
}

impl Standing {
    /// Every standing.
    pub const ALL: [Standing; 11] = [
        Standing::Valid,
        Standing::Possible,
        Standing::TooShort,
        Standing::LocalOnly,
        Standing::TooLong,
        Standing::ImpossibleLength,
        Standing::UnknownCallingCode,
        Standing::Blank,
        Standing::NoDigits,
        Standing::Letters,
        Standing::Extension,
    ];
}

/// The holder of a number range; [`Plan::operator_name`](crate::Plan::operator_name) knows its
/// name.
///
/// The number of an operator stays the same from one plan of this project to the next.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct OperatorId(NonZeroU16);

impl OperatorId {
    /// The number that stands for it in a compiled plan; 0 is none.
    pub const fn from_u16(id: u16) -> Option<OperatorId> {
        match NonZeroU16::new(id) {
            Some(id) => Some(OperatorId(id)),
            None => None,
        }
    }

    /// Its number, from 1.
    pub const fn as_u16(self) -> u16 {
        self.0.get()
    }
}

/// What the plan says about a field or about digits: 16 bytes, `Copy`.
///
/// `Debug` masks the number, because it ends in logs.
#[derive(Clone, Copy, Eq, PartialEq)]
pub struct Answer {
    number: u64,
    /// All the rest in one word, so that it is written at once: from the lowest bit the calling
    /// code and the territory with 16 bits each, class and notes with 8, the operator with 16. The
    /// middle is as in a row of the compiled plan.
    rest: u64,
}

const _: () = assert!(size_of::<Answer>() == 16);

impl Answer {
    /// Nothing was asked yet; stands for an empty field.
    pub const BLANK: Answer = Answer::without_number(Standing::Blank);

    pub(crate) const fn without_number(standing: Standing) -> Answer {
        Answer::new(0, 0, 0, 0, Class::of(standing))
    }

    #[inline(always)]
    pub(crate) const fn new(
        number: u64,
        calling_code: u16,
        territory: u16,
        operator: u16,
        class: Class,
    ) -> Answer {
        let element = RowElement(territory as u32 | (class.0 as u32) << 16);
        Answer::of_element(number, calling_code, element, operator)
    }

    #[inline(always)]
    pub(crate) const fn of_element(
        number: u64,
        calling_code: u16,
        element: RowElement,
        operator: u16,
    ) -> Answer {
        Answer {
            number,
            rest: calling_code as u64 | (element.0 as u64) << 16 | (operator as u64) << 48,
        }
    }

    #[inline(always)]
    pub(crate) const fn with_number(mut self, number: u64) -> Answer {
        self.number = number;
        self
    }

    /// With more notes.
    #[inline(always)]
    pub(crate) const fn noted(mut self, notes: u8) -> Answer {
        self.rest |= (notes as u64) << 40;
        self
    }

    /// Without the mark of a row that a national prefix may have to be seen to.
    #[inline(always)]
    pub(crate) const fn without_mark(mut self) -> Answer {
        self.rest &= !(1 << 47);
        self
    }

    /// A label stood in front: then it must be a number (D3).
    pub(crate) fn if_labelled(self) -> Answer {
        match self.is_possible() {
            true => self,
            false => Answer::without_number(Standing::Letters).noted(self.notes().0),
        }
    }

    #[inline]
    const fn class(self) -> Class {
        Class((self.rest >> 32) as u8)
    }

    /// How the field stands to the plan.
    #[inline]
    pub const fn standing(self) -> Standing {
        self.class().standing()
    }

    /// The kind of line, if it lies in a range.
    #[inline]
    pub const fn kind(self) -> Option<Kind> {
        self.class().kind()
    }

    /// It lies in a range.
    #[inline]
    pub const fn is_valid(self) -> bool {
        self.class().0 < Class::INVALID
    }

    /// It lies in a range, or is as long as if it did.
    #[inline]
    pub const fn is_possible(self) -> bool {
        self.class().0 <= Class::of(Standing::Possible).0
    }

    /// The digits in international format, a national prefix after the calling code left out where
    /// Google's library leaves it out. Absent if nothing could be read, and for more than 19 digits.
    ///
    /// A number of an unassigned calling code has its digits as they were written; they are absent
    /// if the first is 0.
    #[inline]
    pub const fn number(self) -> Option<NonZeroU64> {
        NonZeroU64::new(self.number)
    }

    /// The calling code, if it is assigned.
    #[inline]
    pub const fn calling_code(self) -> Option<u16> {
        match self.rest as u16 {
            0 => None,
            code => Some(code),
        }
    }

    /// The territory; for a number in no range only if its calling code belongs to just one.
    #[inline]
    pub const fn territory(self) -> Option<Territory> {
        Territory::from_packed((self.rest >> 16) as u16)
    }

    /// The holder of the range, if it is known; told for mobile lines, lines that may be mobile,
    /// and pagers. The number may have been ported since.
    #[inline]
    pub const fn operator(self) -> Option<OperatorId> {
        OperatorId::from_u16((self.rest >> 48) as u16)
    }

    /// All but the number in one word, to tell answers that say the same from others at once. What
    /// stands in it is not promised.
    #[inline]
    pub const fn facts(self) -> u64 {
        self.rest
    }

    /// How the field was written.
    #[inline]
    pub const fn notes(self) -> Notes {
        Notes((self.rest >> 40) as u8)
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer")
            .field("standing", &self.standing())
            .field("calling_code", &self.calling_code())
            .field("territory", &self.territory())
            .field("kind", &self.kind())
            .field("operator", &self.operator())
            .field("notes", &self.notes())
            .finish_non_exhaustive()
    }
}

/// A kind or a standing in one byte: kinds first, then [`Class::INVALID`] and the standings.
#[derive(Clone, Copy, Eq, PartialEq)]
pub(crate) struct Class(pub(crate) u8);

impl Class {
    pub(crate) const INVALID: u8 = 11;
    pub(crate) const LAST: u8 = Class::INVALID + Standing::Extension as u8 - 1;

    pub(crate) const fn of(standing: Standing) -> Class {
        // `Valid` has no class of its own: the kinds are its classes.
        Class(Class::INVALID + standing as u8 - 1)
    }

    const fn kind(self) -> Option<Kind> {
        if self.0 < Class::INVALID {
            Some(Kind::ALL[self.0 as usize])
        } else {
            None
        }
    }

    const fn standing(self) -> Standing {
        if self.0 < Class::INVALID {
            Standing::Valid
        } else {
            Standing::ALL[(self.0 - Class::INVALID) as usize + 1]
        }
    }
}

/// How a field was written, as flags.
#[derive(Clone, Copy, Eq, PartialEq)]
pub struct Notes(pub(crate) u8);

impl Notes {
    pub(crate) const PLUS: u8 = 1;
    pub(crate) const IDD: u8 = 2;
    pub(crate) const CLEANED: u8 = 4;
    pub(crate) const SEPARATED: u8 = 8;
    pub(crate) const LABELLED: u8 = 16;
    pub(crate) const PREFIX_REMOVED: u8 = 32;

    /// A plus stands before the first digit.
    pub const fn plus(self) -> bool {
        self.0 & Notes::PLUS != 0
    }

    /// The international prefix `00` stood in front and was left out.
    pub const fn idd(self) -> bool {
        self.0 & Notes::IDD != 0
    }

    /// Something other than a plus in front and ASCII digits was there.
    pub const fn cleaned(self) -> bool {
        self.0 & Notes::CLEANED != 0
    }

    /// Something was there that may part two numbers or a fraction: one of `, ; / | . :`, a line
    /// break, or a plus after the first digit. The answer takes all digits for one number.
    pub const fn separated(self) -> bool {
        self.0 & Notes::SEPARATED != 0
    }

    /// A word such as `tel:` stood before the number.
    pub const fn labelled(self) -> bool {
        self.0 & Notes::LABELLED != 0
    }

    /// A national prefix after the calling code, or instead of it, was left out or rewritten.
    pub const fn prefix_removed(self) -> bool {
        self.0 & Notes::PREFIX_REMOVED != 0
    }
}

impl fmt::Debug for Notes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = [
            (self.plus(), "plus"),
            (self.idd(), "idd"),
            (self.cleaned(), "cleaned"),
            (self.separated(), "separated"),
            (self.labelled(), "labelled"),
            (self.prefix_removed(), "prefix_removed"),
        ];
        f.debug_set()
            .entries(names.iter().filter(|(set, _)| *set).map(|(_, name)| name))
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_is_a_kind_or_a_standing() {
        for (i, kind) in Kind::ALL.into_iter().enumerate() {
            assert_eq!(kind as usize, i);
            let class = Class(kind as u8);
            assert_eq!(
                (class.kind(), class.standing()),
                (Some(kind), Standing::Valid)
            );
        }
        for standing in Standing::ALL.into_iter().skip(1) {
            let class = Class::of(standing);
            assert_eq!((class.kind(), class.standing()), (None, standing));
            assert!((Class::INVALID..=Class::LAST).contains(&class.0));
        }
    }
}
