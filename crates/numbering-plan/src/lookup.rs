//! One number at a time: the walk through the table, and Google's rules for prefixes around it.

use crate::answer::{Answer, Class, Notes};
use crate::arch;
use crate::digits::{Digits, POWERS, ZEROS, code_digits, groups_of, sixteen, values_of};
use crate::layout::{ROW_FIRST, ROW_LAST};
use crate::plan::{Plan, Region};
use crate::text::{self, Written};
use crate::{Kind, MAX_NATIONAL_DIGITS, Standing, Territory};
use core::hint::select_unpredictable;

/// The smallest number of national digits that Google's library takes for a number.
const MIN_NATIONAL_DIGITS: usize = 2;

/// The kinds of which Google's carrier data speaks, as bits.
const CARRIED: u32 =
    1 << Kind::Mobile as u32 | 1 << Kind::FixedLineOrMobile as u32 | 1 << Kind::Pager as u32;

/// Digits that are read and rewritten the quick way.
pub(crate) const QUICK_DIGITS: usize = 16;

/// Digits of a number that joins the walk: with a calling code of one digit, all that the rows of the
/// plan tell apart.
pub(crate) const MOST_DIGITS: usize = 1 + MAX_NATIONAL_DIGITS;

/// What is read of a field: its digits in two forms, and how they were written. The international
/// prefix is left out already. At least three digits, or none; at most 18.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Read {
    /// The digits as a number.
    pub(crate) number: u64,
    /// The first twelve digits in groups of three, filled up with zeros.
    pub(crate) groups: [u16; 4],
    /// How many digits there are.
    pub(crate) len: u8,
    /// Bits of [`Notes`].
    pub(crate) notes: u8,
}

impl Read {
    /// Nothing.
    pub(crate) const NONE: Read = Read {
        number: 0,
        groups: [0; 4],
        len: 0,
        notes: 0,
    };

    /// If there are as many digits as join the walk.
    pub(crate) fn of_written(written: &Written) -> Option<Read> {
        let kept = written.kept();
        let idd = written.count() >= 2 && kept.starts_with(b"00");
        let start = 2 * usize::from(idd);
        let len = written.count() - start;
        if !(ROW_FIRST..=MOST_DIGITS).contains(&len) {
            return None;
        }
        let [head, tail] = *kept[start..start + 16].as_chunks::<8>().0 else {
            return None;
        };
        let word = |bytes: [u8; 8]| u64::from_le_bytes(bytes) ^ ZEROS;
        let (number, groups) = sixteen(word(head), word(tail), len.min(QUICK_DIGITS));
        let more = kept[start..start + len].iter().skip(QUICK_DIGITS);
        let number = more.fold(number, |n, &digit| 10 * n + u64::from(digit & 0xf));
        Some(Read {
            number,
            groups,
            len: len as u8,
            notes: written.notes().0 | (Notes::IDD * u8::from(idd)),
        })
    }

    pub(crate) fn is_labelled(&self) -> bool {
        self.notes & Notes::LABELLED != 0
    }
}

impl Plan<'_> {
    /// What a field holds, read as a number in international format: a plus or `00` in front, or
    /// neither. Neither allocates nor fails.
    ///
    /// Letters are not converted to digits; a label in front (`tel:`) is passed over if what
    /// follows can be a number.
    pub fn classify(&self, field: &[u8]) -> Answer {
        if let Some(read) = arch::read_field(field) {
            return self.look_up(&read);
        }
        match text::read(field) {
            Ok(written) => self.international(&written),
            Err(standing) => Answer::without_number(standing),
        }
    }

    /// What these digits are in international format, the international prefix `00` left out.
    pub fn international(&self, written: &Written) -> Answer {
        match Read::of_written(written) {
            Some(read) if read.is_labelled() => self.look_up(&read).if_labelled(),
            Some(read) => self.look_up(&read),
            None => self.international_at_length(written),
        }
    }

    /// One number of as many digits as join the walk.
    fn look_up(&self, read: &Read) -> Answer {
        let walk = |read: &Read| {
            let entry = self.first_entry(read.groups[0], read.groups[1]);
            self.answer_at(self.next_entry(entry, read.groups[2]), read)
        };
        match walk(read) {
            (answer, false) => answer,
            (_, true) => match self.without_prefix_quickly(read) {
                Some(read) => walk(&read).0.without_mark(),
                None => self.with_prefix(read),
            },
        }
    }

    /// The answer after three groups, and whether a national prefix may have to be seen to.
    #[inline(always)]
    pub(crate) fn answer_at(&self, entry: u16, read: &Read) -> (Answer, bool) {
        let found = self.answer(entry, read.groups[0], read.len.into());
        let (found, prefix) = match found {
            Some(found) => found,
            None => self.far(entry, read),
        };
        // No calling code starts with 0, and a number would not keep it.
        let number = select_unpredictable(read.groups[0] < 100, 0, read.number);
        (found.with_number(number).noted(read.notes), prefix)
    }

    /// The steps after the ninth digit, which few numbers need.
    #[cold]
    #[inline(never)]
    fn far(&self, mut entry: u16, read: &Read) -> (Answer, bool) {
        // The digits after the twelfth, filled up to six.
        let more = u32::from(read.len).saturating_sub(12);
        let tail = read.number % 10u64.pow(more);
        let tail = tail * 10u64.pow(6 - more.min(6)) / 10u64.pow(more.max(6) - 6);
        for group in [read.groups[3], (tail / 1000) as u16, (tail % 1000) as u16] {
            entry = self.next_entry(entry, group);
        }
        self.answer_at_last(entry, read.groups[0], read.len.into())
    }

    /// The number without its national prefix, or as it is if it has none that Google's rules take
    /// away. `None` if more digits come of it than the quick way can hold.
    pub(crate) fn without_prefix_quickly(&self, read: &Read) -> Option<Read> {
        let len = usize::from(read.len);
        if len > QUICK_DIGITS {
            return None;
        }
        let values = values_of(read.groups, read.number, len);
        let region = self.region(self.main_territory(read.groups[0])?);
        let (code, code_len) = code_digits(region.calling_code);
        let national = values.get(code_len..len)?;
        let found = self.read_prefix(region.national_prefix, national);
        if found == 0 {
            return Some(*read);
        }
        let action = self.action(found);
        let rest = national.get(action.cut..)?;
        let new = action.insert.len() + action.kept.len();
        // What is too short without its prefix may be a short number with it.
        if matches!(
            standing_of(&region, new + rest.len()),
            Standing::TooShort | Standing::LocalOnly | Standing::ImpossibleLength
        ) {
            return Some(*read);
        }
        let len = code_len + new + rest.len();
        let notes = read.notes | Notes::PREFIX_REMOVED;
        let fits = |national: &[u8]| self.reads_all(region.general, national);
        if new == 0 {
            if fits(national) && !fits(rest) {
                return Some(*read);
            }
            let power = *POWERS.get(rest.len())?;
            let number = u64::from(region.calling_code) * power + read.number % power;
            return Some(Read {
                number,
                groups: groups_of(number, len),
                len: len as u8,
                notes,
            });
        }
        if len > QUICK_DIGITS {
            return None;
        }
        let kept = national.get(action.kept)?;
        let digits = code[..code_len]
            .iter()
            .chain(action.insert)
            .chain(kept)
            .chain(rest);
        let mut rewritten = [0; 16];
        for (value, &digit) in rewritten.iter_mut().zip(digits) {
            *value = digit;
        }
        if rewritten[..len] == values[..usize::from(read.len)]
            || fits(national) && !fits(&rewritten[code_len..len])
        {
            return Some(*read);
        }
        let [head, tail] = *rewritten.as_chunks().0 else {
            return None;
        };
        let (number, groups) = sixteen(u64::from_le_bytes(head), u64::from_le_bytes(tail), len);
        Some(Read {
            number,
            groups,
            len: len as u8,
            notes,
        })
    }

    /// A number that may have a national prefix and is, or becomes, longer than the quick way holds.
    pub(crate) fn with_prefix(&self, read: &Read) -> Answer {
        let len = usize::from(read.len);
        let values = values_of(read.groups, read.number, len);
        self.international_digits(Digits::new(&values[..len]), false)
            .noted(read.notes)
    }

    /// Any digits, one by one.
    pub(crate) fn international_at_length(&self, written: &Written) -> Answer {
        let mut notes = written.notes().0;
        let mut digits = Digits::of_written(written);
        if digits.as_slice().starts_with(&[0, 0]) {
            digits = digits.skip(2);
            notes |= Notes::IDD;
        }
        let answer = self
            .international_digits(digits, written.count() > Written::KEPT)
            .noted(notes);
        match notes & Notes::LABELLED {
            0 => answer,
            _ => answer.if_labelled(),
        }
    }

    /// `more` tells that there are more digits than these.
    fn international_digits(&self, digits: Digits, more: bool) -> Answer {
        if digits.len() < ROW_FIRST && !more {
            return Answer::without_number(Standing::TooShort).with_number(digits.number());
        }
        let Some(main) = self.main_territory(digits.group(0)) else {
            let number = if more { 0 } else { digits.number() };
            return Answer::without_number(Standing::UnknownCallingCode).with_number(number);
        };
        if more {
            return self.of_region(main, Standing::TooLong);
        }
        let region = self.region(main);
        let national = digits.skip(code_digits(region.calling_code).1);
        match self.parse(&region, national) {
            Ok((national, removed)) => self.settle(&region, national, removed),
            Err(standing) => self.of_region(main, standing).with_number(digits.number()),
        }
    }

    /// What these digits are as they are dialled in a territory; `None` if the territory is not in
    /// the plan, or no number can be made of them there. As Google's library parses a text without
    /// plus for a default region.
    pub fn national(&self, written: &Written, territory: Territory) -> Option<Answer> {
        let region = self.region_of(territory)?;
        if written.count() > Written::KEPT {
            return None;
        }
        let digits = Digits::of_written(written);
        let (code, code_len) = code_digits(region.calling_code);
        let code = &code[..code_len];
        let (of, parsed) = match self.dialled_abroad(&region, &digits) {
            Some(abroad) => {
                if abroad.len() <= MIN_NATIONAL_DIGITS {
                    return None;
                }
                let of = self.region(self.main_territory(abroad.group(0))?);
                let national = abroad.skip(code_digits(of.calling_code).1);
                (of, self.parse(&of, national))
            }
            None => match self.without_plus(&region, &digits, code) {
                // The rules of the main territory apply to what has its calling code.
                Some(national) => {
                    let of = self.region(self.main_territory(Digits::new(code).group(0))?);
                    (of, self.parse(&of, national))
                }
                None => (region, self.parse(&region, digits)),
            },
        };
        let (national, removed) = parsed.ok()?;
        let answer = self.settle(&of, national, removed);
        Some(answer.noted(written.notes().0))
    }

    /// The digits after an international prefix of the region, if one stands in front.
    fn dialled_abroad(&self, region: &Region, digits: &Digits) -> Option<Digits> {
        let found = self.read_prefix(region.international_prefix, digits.as_slice());
        if found == 0 {
            return None;
        }
        let rest = digits.skip(self.action(found).cut);
        // No calling code starts with 0.
        (rest.as_slice().first() != Some(&0)).then_some(rest)
    }

    /// The national number, if the digits are better read as starting with the region's own calling
    /// code.
    fn without_plus(&self, region: &Region, digits: &Digits, code: &[u8]) -> Option<Digits> {
        if !digits.as_slice().starts_with(code) {
            return None;
        }
        let rest = digits.skip(code.len());
        let rest = self.without_prefix(region, &rest).unwrap_or(rest);
        let fits = |digits: &Digits| self.reads_all(region.general, digits.as_slice());
        let better = (!fits(digits) && fits(&rest))
            || standing_of(region, digits.len()) == Standing::TooLong;
        better.then_some(rest)
    }

    /// Google's parsing of a national number by the rules of a region, and whether a prefix was
    /// taken away.
    fn parse(&self, region: &Region, national: Digits) -> Result<(Digits, bool), Standing> {
        if national.len() < MIN_NATIONAL_DIGITS {
            return Err(Standing::TooShort);
        }
        let mut parsed = (national, false);
        if let Some(rest) = self.without_prefix(region, &national) {
            // What is too short without its prefix may be a short number with it.
            if !matches!(
                standing_of(region, rest.len()),
                Standing::TooShort | Standing::LocalOnly | Standing::ImpossibleLength
            ) {
                parsed = (rest, rest.as_slice() != national.as_slice());
            }
        }
        match parsed.0.len() {
            0..MIN_NATIONAL_DIGITS => Err(Standing::TooShort),
            MIN_NATIONAL_DIGITS..=MAX_NATIONAL_DIGITS => Ok(parsed),
            _ => Err(Standing::TooLong),
        }
    }

    /// The national number with its prefix cut off or rewritten, if it has one and does not fit the
    /// region better as it is.
    fn without_prefix(&self, region: &Region, national: &Digits) -> Option<Digits> {
        let found = self.read_prefix(region.national_prefix, national.as_slice());
        if found == 0 {
            return None;
        }
        let action = self.action(found);
        let mut rest = national.skip(action.cut);
        if let Some(kept) = national.as_slice().get(action.kept) {
            rest = rest.prepend(kept);
        }
        rest = rest.prepend(action.insert);
        let fits = |digits: &Digits| self.reads_all(region.general, digits.as_slice());
        if fits(national) && !fits(&rest) {
            return None;
        }
        Some(rest)
    }

    /// What the table says of a number that was parsed.
    fn settle(&self, region: &Region, national: Digits, prefix_removed: bool) -> Answer {
        let (code, code_len) = code_digits(region.calling_code);
        let digits = national.prepend(&code[..code_len]);
        let mut entry = self.first_entry(digits.group(0), digits.group(1));
        let mut n = 2;
        // Rows tell no more than 20 digits apart, so seven groups are enough.
        while n < 7 && self.leaf(entry, ROW_LAST).is_none() {
            entry = self.next_entry(entry, digits.group(n));
            n += 1;
        }
        let answer = self
            .answer_at_last(entry, digits.group(0), digits.len())
            .0
            .without_mark();
        let notes = Notes::PREFIX_REMOVED * u8::from(prefix_removed);
        answer.with_number(digits.number()).noted(notes)
    }

    fn of_region(&self, main: usize, standing: Standing) -> Answer {
        let code = self.region(main).calling_code;
        Answer::new(0, code, self.sole_territory(main), 0, Class::of(standing))
    }

    /// How a national number of this many digits stands to the lengths of a calling code.
    pub fn length(&self, calling_code: u16, national_digits: usize) -> Standing {
        let (code, len) = code_digits(calling_code);
        let main = self.main_territory(Digits::new(&code[..len]).group(0));
        match main.map(|main| self.region(main)) {
            Some(region) if region.calling_code == calling_code => {
                standing_of(&region, national_digits)
            }
            _ => Standing::UnknownCallingCode,
        }
    }

    /// If the entry is a leaf: the answer for a number whose first digits and length are these, and
    /// whether a national prefix may have to be seen to.
    #[inline(always)]
    pub(crate) fn answer(&self, entry: u16, first: u16, len: usize) -> Option<(Answer, bool)> {
        let (element, operator) = self.leaf(entry, len)?;
        let carried = CARRIED >> (element.class().0 & 31) & 1 != 0;
        let operator = select_unpredictable(carried, operator, 0);
        let code = self.calling_code_at(first).1;
        let answer = Answer::of_element(0, code, element, operator);
        Some((answer, element.prefixed()))
    }

    /// The answer at the end of all groups. A plan in which the walk goes on for longer than any
    /// number is long says nothing of such a number.
    pub(crate) fn answer_at_last(&self, entry: u16, first: u16, len: usize) -> (Answer, bool) {
        self.answer(entry, first, len)
            .unwrap_or((Answer::without_number(Standing::TooLong), false))
    }
}

fn standing_of(region: &Region, len: usize) -> Standing {
    let bit = match len {
        0..32 => 1u32 << len,
        _ => 0,
    };
    if region.local_lengths & bit != 0 {
        Standing::LocalOnly
    } else if region.lengths & bit != 0 {
        Standing::Possible
    } else if len < region.lengths.trailing_zeros() as usize {
        Standing::TooShort
    } else if len >= 32 - region.lengths.leading_zeros() as usize {
        Standing::TooLong
    } else {
        Standing::ImpossibleLength
    }
}
