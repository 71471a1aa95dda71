//! What XLS and XLSB write alike: packed numbers, error values, and which number formats show a
//! date.

use crate::error::ErrorKind;
use crate::options::Limits;
use std::collections::HashSet;

/// What the table of shared texts may take, its bookkeeping included: a file can claim millions
/// of empty texts in a few bytes each.
pub(super) struct TextBudget {
    taken: u64,
    limit: u64,
}

impl TextBudget {
    pub(super) fn new(limits: &Limits) -> TextBudget {
        TextBudget {
            taken: 0,
            limit: limits.sheet_text,
        }
    }

    /// Lets a text through.
    pub(super) fn take(&mut self, text: String) -> Result<String, ErrorKind> {
        self.taken += (text.len() + size_of::<String>()) as u64;
        if self.taken <= self.limit {
            return Ok(text);
        }
        Err(ErrorKind::TooLarge {
            what: "the workbook's shared texts take too many bytes".into(),
            size: self.taken,
            limit: self.limit,
        })
    }
}

/// The number formats of a workbook, as far as they tell dates from numbers.
#[derive(Default)]
pub(super) struct Formats {
    /// The number format of each cell format.
    cell_formats: Vec<u16>,
    /// The custom number formats that show a date.
    dates: HashSet<u16>,
}

impl Formats {
    /// Takes a custom number format.
    pub(super) fn define(&mut self, id: u16, format: &str) {
        if shows_date(format) {
            self.dates.insert(id);
        }
    }

    /// Takes the next cell format: the number format that it uses.
    pub(super) fn push_cell_format(&mut self, number_format: u16) {
        self.cell_formats.push(number_format);
    }

    /// Whether cells of a cell format show dates.
    pub(super) fn is_date(&self, cell_format: impl Into<u32>) -> bool {
        let id = self.cell_formats.get(cell_format.into() as usize);
        id.is_some_and(|id| {
            matches!(id, 14..=22 | 27..=36 | 45..=47 | 50..=58) || self.dates.contains(id)
        })
    }
}

/// A number in four bytes: an integer of 30 bits or the upper half of a double, perhaps in
/// hundredths.
pub(super) fn rk(bytes: [u8; 4]) -> f64 {
    let raw = u32::from_le_bytes(bytes);
    let value = match raw & 2 {
        0 => f64::from_bits(u64::from(raw & !3) << 32),
        _ => f64::from((raw as i32) >> 2),
    };
    match raw & 1 {
        0 => value,
        _ => value / 100.0,
    }
}

/// What a cell shows that holds a truth value or an error.
pub(super) fn bool_or_error(value: u8, is_error: bool) -> &'static str {
    match (is_error, value) {
        (false, 0) => "FALSE",
        (false, _) => "TRUE",
        (true, 0x00) => "#NULL!",
        (true, 0x07) => "#DIV/0!",
        (true, 0x0f) => "#VALUE!",
        (true, 0x17) => "#REF!",
        (true, 0x1d) => "#NAME?",
        (true, 0x24) => "#NUM!",
        (true, _) => "#N/A",
    }
}

/// Whether a number format shows a date or a time: it has one of their letters outside of quotes,
/// brackets and escapes.
fn shows_date(format: &str) -> bool {
    let mut chars = format.chars();
    while let Some(c) = chars.next() {
        match c {
            '"' => {
                chars.by_ref().find(|&c| c == '"');
            }
            '[' => {
                // [h] is a duration; [Red] and [$-409] are not.
                let inside: String = chars.by_ref().take_while(|&c| c != ']').collect();
                if matches!(
                    inside.to_ascii_lowercase().as_str(),
                    "h" | "hh" | "m" | "mm" | "s" | "ss"
                ) {
                    return true;
                }
            }
            '\\' | '_' | '*' => {
                chars.next();
            }
            'd' | 'D' | 'm' | 'M' | 'y' | 'Y' | 'h' | 'H' | 's' | 'S' => return true,
            // General has no letter of the above before its end but these: E, e, n, r, a, l.
            'G' | 'g' if format.eq_ignore_ascii_case("general") => return false,
            _ => {}
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rk_numbers() {
        assert_eq!(rk((3u32 << 2 | 2).to_le_bytes()), 3.0);
        assert_eq!(rk((12345u32 << 2 | 3).to_le_bytes()), 123.45);
        let upper = (1.5f64.to_bits() >> 32) as u32;
        assert_eq!(rk(upper.to_le_bytes()), 1.5);
        assert_eq!(rk((-7i32 << 2 | 2).to_le_bytes()), -7.0);
    }

    #[test]
    fn date_formats() {
        for format in ["yyyy-mm-dd", "[h]:mm", "d\\.m", "\"x\"hh", "[$-409]d"] {
            assert!(shows_date(format), "{format}");
        }
        for format in [
            "General",
            "0",
            "0000000000",
            "#,##0.00",
            "[Red]0",
            "\"day\"0",
            "\\d0",
            "@",
        ] {
            assert!(!shows_date(format), "{format}");
        }
    }
}
