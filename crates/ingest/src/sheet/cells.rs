//! Cells as they come out of a file, in any order, gathered into rows.

use super::SheetRows;
use crate::batch::Batch;
use crate::error::ErrorKind;
use crate::options::Limits;
use calamine::{ExcelDateTime, ExcelDateTimeType};
use std::collections::VecDeque;

/// The used cells of one sheet: memory grows with what is there, not with what is claimed.
pub(super) struct Cells<'l> {
    text: String,
    cells: Vec<Cell>,
    limits: &'l Limits,
}

struct Cell {
    row: u32,
    column: u32,
    start: u32,
    end: u32,
}

impl<'l> Cells<'l> {
    pub(super) fn new(limits: &'l Limits) -> Cells<'l> {
        Cells {
            text: String::new(),
            cells: Vec::new(),
            limits,
        }
    }

    /// Takes the text of a used cell; rows and columns count from 0.
    pub(super) fn push(&mut self, row: u32, column: u32, text: &str) -> Result<(), ErrorKind> {
        let start = self.text.len();
        if (start + text.len()) as u64 > self.limits.sheet_text.min(u64::from(u32::MAX)) {
            return Err(ErrorKind::TooLarge {
                what: "the sheet holds too many bytes of text",
                size: (start + text.len()) as u64,
                limit: self.limits.sheet_text,
            });
        }
        if self.cells.len() as u64 >= self.limits.sheet_cells {
            return Err(self.too_many_cells(self.cells.len() as u64 + 1));
        }
        self.text.push_str(text);
        self.cells.push(Cell {
            row,
            column,
            start: start as u32,
            end: self.text.len() as u32,
        });
        Ok(())
    }

    fn too_many_cells(&self, size: u64) -> ErrorKind {
        ErrorKind::TooLarge {
            what: "the sheet has too many cells (empty ones between used ones count)",
            size,
            limit: self.limits.sheet_cells,
        }
    }

    /// Orders the cells and fills the gaps in each row.
    pub(super) fn into_rows(
        mut self,
        format: &'static str,
        sheet: String,
    ) -> Result<SheetRows, ErrorKind> {
        let place = |cell: &Cell| (cell.row, cell.column);
        if !self.cells.is_sorted_by_key(place) {
            self.cells.sort_by_key(place);
        }
        let mut spread = 0u64;
        for row in self.cells.chunk_by(|a, b| a.row == b.row) {
            spread += row.last().map_or(0, |cell| u64::from(cell.column) + 1);
        }
        if spread > self.limits.sheet_cells {
            return Err(self.too_many_cells(spread));
        }
        let mut batches = VecDeque::new();
        let mut batch = Batch::new();
        let (mut used, mut last_row) = (0u64, 0u64);
        for row in self.cells.chunk_by(|a, b| a.row == b.row) {
            let mut next = 0;
            for cell in row {
                if cell.column < next {
                    continue; // two cells in one place: the first counts
                }
                while next < cell.column {
                    batch.end_field();
                    next += 1;
                }
                batch.push_str(&self.text[cell.start as usize..cell.end as usize]);
                batch.end_field();
                next += 1;
            }
            last_row = u64::from(row[0].row) + 1;
            batch.end_row(last_row, 0);
            used += 1;
            if batch.is_full() {
                batches.push_back(std::mem::take(&mut batch));
            }
        }
        if !batch.is_empty() {
            batches.push_back(batch);
        }
        Ok(SheetRows {
            format,
            sheet,
            batches,
            blank: last_row - used,
            last_row,
        })
    }
}

/// A number as its digits (D13): no exponent, and no fraction where there is none.
pub(super) fn number(value: f64) -> String {
    if value == 0.0 {
        return "0".to_owned(); // and not -0
    }
    format!("{value}")
}

/// A number that the sheet shows as a date. Beyond the last date that there is (31 December
/// 9999) it is a number that was formatted as a date by mistake, as phone columns are.
pub(super) fn date(value: f64, is_1904: bool) -> String {
    const LAST_DATE: f64 = 2_958_466.0;
    if !(0.0..LAST_DATE).contains(&value) {
        return number(value);
    }
    let date = ExcelDateTime::new(value, ExcelDateTimeType::DateTime, is_1904);
    let (year, month, day, hour, minute, second, _) = date.to_ymd_hms_milli();
    let time = format!("{hour:02}:{minute:02}:{second:02}");
    let date = format!("{year:04}-{month:02}-{day:02}");
    match (value < 1.0, value.fract() == 0.0) {
        (true, _) => time,
        (false, true) => date,
        (false, false) => format!("{date} {time}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn d13_numbers_keep_every_digit() {
        for (value, text) in [
            (380_971_112_233.0, "380971112233"),
            (999_999_999_999_999.0, "999999999999999"),
            (1e20, "100000000000000000000"),
            (380_971_112_233.5, "380971112233.5"),
            (-0.0, "0"),
            (123.45, "123.45"),
        ] {
            assert_eq!(number(value), text);
        }
        assert_eq!(date(380_971_112_233.0, false), "380971112233");
        assert_eq!(date(43_034.0, false), "2017-10-26");
        assert_eq!(date(43_034.75, false), "2017-10-26 18:00:00");
        assert_eq!(date(0.5, false), "12:00:00");
    }

    #[test]
    fn d19_gaps_and_limits() {
        let limits = Limits {
            sheet_cells: 10,
            ..Limits::default()
        };
        let mut cells = Cells::new(&limits);
        cells.push(4, 1, "b").unwrap();
        cells.push(1, 0, "a").unwrap();
        let rows = cells.into_rows("XLS", String::new()).unwrap();
        assert_eq!((rows.blank, rows.last_row), (3, 5));
        let batch = &rows.batches[0];
        let row = batch.row(1);
        assert_eq!(
            (row.number(), row.get(0), row.get(1)),
            (5, Some(""), Some("b"))
        );

        let mut cells = Cells::new(&limits);
        cells.push(1_048_575, 16_383, "far away").unwrap();
        assert!(matches!(
            cells.into_rows("XLSX", String::new()),
            Err(ErrorKind::TooLarge { size: 16_384, .. })
        ));
    }
}
