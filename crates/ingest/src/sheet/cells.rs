//! Cells as they come out of a file, in any order, gathered into rows.

use crate::batch::Batch;
use crate::error::ErrorKind;
use crate::options::Limits;
use calamine::{ExcelDateTime, ExcelDateTimeType};

/// The used cells of one sheet: memory grows with what is there, not with what is claimed.
pub(super) struct Cells<'l> {
    text: String,
    cells: Vec<Cell>,
    limits: &'l Limits,
    is_1904: bool,
}

/// A used cell: what it shows, and before that, if it shows a date, the number that it is.
#[derive(Clone, Copy)]
pub(super) struct Cell {
    pub(super) row: u32,
    pub(super) column: u32,
    pub(super) number: u32,
    pub(super) shown: u32,
    pub(super) end: u32,
}

/// The cells of a sheet, in order. Which column holds the recipients is found out by looking at
/// them, and numbers in it are digits even where the sheet shows dates (D13).
pub(crate) struct SheetCells {
    /// The format's name: `XLS`, `XLSX`, `XLSB`, `ODS`.
    pub(crate) format: &'static str,
    pub(crate) sheet: String,
    pub(super) text: String,
    pub(super) cells: Vec<Cell>,
    /// The first cell of the row that comes next.
    next: usize,
    used_rows: u64,
    /// Number of the last used row.
    pub(crate) last_row: u64,
}

impl<'l> Cells<'l> {
    pub(super) fn new(limits: &'l Limits, is_1904: bool) -> Cells<'l> {
        Cells {
            text: String::new(),
            cells: Vec::new(),
            limits,
            is_1904,
        }
    }

    /// Takes the text of a used cell; rows and columns count from 0.
    pub(super) fn push(&mut self, row: u32, column: u32, text: &str) -> Result<(), ErrorKind> {
        self.push_both(row, column, "", text)
    }

    /// Takes a number.
    pub(super) fn push_number(
        &mut self,
        row: u32,
        column: u32,
        value: f64,
        is_date: bool,
    ) -> Result<(), ErrorKind> {
        match is_date {
            false => self.push(row, column, &number(value)),
            true => {
                let shown = date(value, self.is_1904);
                self.push_both(row, column, &number(value), &shown)
            }
        }
    }

    fn push_both(
        &mut self,
        row: u32,
        column: u32,
        number: &str,
        shown: &str,
    ) -> Result<(), ErrorKind> {
        let start = self.text.len();
        let end = start + number.len() + shown.len();
        if shown.len() > self.limits.row_bytes {
            return Err(ErrorKind::TooLarge {
                what: "a cell holds too many bytes of text".into(),
                size: shown.len() as u64,
                limit: self.limits.row_bytes as u64,
            });
        }
        if end as u64 > self.limits.sheet_text.min(u64::from(u32::MAX)) {
            return Err(ErrorKind::TooLarge {
                what: "the sheet holds too many bytes of text".into(),
                size: end as u64,
                limit: self.limits.sheet_text,
            });
        }
        if self.cells.len() as u64 >= self.limits.sheet_cells {
            return Err(too_many_cells(self.cells.len() as u64 + 1, self.limits));
        }
        self.text.push_str(number);
        self.text.push_str(shown);
        self.cells.push(Cell {
            row,
            column,
            number: start as u32,
            shown: (start + number.len()) as u32,
            end: end as u32,
        });
        Ok(())
    }

    /// Orders the cells and measures the rows that they make.
    pub(super) fn finish(
        mut self,
        format: &'static str,
        sheet: String,
    ) -> Result<SheetCells, ErrorKind> {
        let place = |cell: &Cell| (cell.row, cell.column);
        if !self.cells.is_sorted_by_key(place) {
            self.cells.sort_by_key(place);
        }
        // Two cells in one place: it is not clear which counts, unless they are the same.
        let text = |cell: &Cell| &self.text[cell.number as usize..cell.end as usize];
        let is_clash =
            |pair: &&[Cell]| place(&pair[0]) == place(&pair[1]) && text(&pair[0]) != text(&pair[1]);
        if let Some(pair) = self.cells.windows(2).find(is_clash) {
            let (row, column) = (pair[0].row + 1, pair[0].column + 1);
            let words = format!("two cells stand in row {row}, column {column}");
            return Err(ErrorKind::Workbook(words));
        }
        self.cells.dedup_by_key(|cell| (cell.row, cell.column));
        SheetCells::measured(format, sheet, self.text, self.cells, self.limits)
    }
}

fn too_many_cells(size: u64, limits: &Limits) -> ErrorKind {
    ErrorKind::TooLarge {
        what: "the sheet has too many cells (empty ones between used ones count)".into(),
        size,
        limit: limits.sheet_cells,
    }
}

impl SheetCells {
    /// Cells that another process has gathered; none if they are not in order, or have texts that are
    /// not there.
    pub(super) fn new(
        format: &'static str,
        sheet: String,
        text: String,
        cells: Vec<Cell>,
        limits: &Limits,
    ) -> Option<Result<SheetCells, ErrorKind>> {
        let in_order = cells.is_sorted_by(|a, b| (a.row, a.column) < (b.row, b.column));
        let is_there = |cell: &Cell| {
            let (number, shown, end) =
                (cell.number as usize, cell.shown as usize, cell.end as usize);
            text.get(number..shown).is_some() && text.get(shown..end).is_some()
        };
        let is_sound = in_order && cells.iter().all(is_there);
        is_sound.then(|| SheetCells::measured(format, sheet, text, cells, limits))
    }

    /// Cells in order, if the rows that they make are not too wide.
    fn measured(
        format: &'static str,
        sheet: String,
        text: String,
        cells: Vec<Cell>,
        limits: &Limits,
    ) -> Result<SheetCells, ErrorKind> {
        let (mut spread, mut used_rows) = (0u64, 0u64);
        for row in cells.chunk_by(|a, b| a.row == b.row) {
            spread += row.last().map_or(0, |cell| u64::from(cell.column) + 1);
            used_rows += 1;
        }
        if spread > limits.sheet_cells {
            return Err(too_many_cells(spread, limits));
        }
        Ok(SheetCells {
            format,
            sheet,
            last_row: cells.last().map_or(0, |cell| u64::from(cell.row) + 1),
            used_rows,
            next: 0,
            text,
            cells,
        })
    }

    /// Rows without cells, before the last row with some.
    pub(crate) fn blank_rows(&self) -> u64 {
        self.last_row - self.used_rows
    }

    /// The first rows, with the gaps between cells filled: at most so many, and fewer where they
    /// are wide.
    pub(crate) fn sample(&self, most: usize) -> Vec<Vec<String>> {
        let mut batch = Batch::new();
        for row in self.cells.chunk_by(|a, b| a.row == b.row).take(most) {
            self.lay_out(row, None, &mut batch);
            if batch.is_full(most) {
                break;
            }
        }
        batch
            .rows()
            .map(|row| row.fields().map(str::to_owned).collect())
            .collect()
    }

    /// Columns of the widest row.
    pub(crate) fn width(&self) -> usize {
        let widest = self.cells.iter().map(|cell| cell.column).max();
        widest.map_or(0, |column| column as usize + 1)
    }

    /// Lays out the rows that come next, at most so many; `recipients` is the column in which
    /// numbers are digits whatever they look like. False at the end.
    pub(crate) fn fill(&mut self, recipients: usize, rows: usize, batch: &mut Batch) -> bool {
        while self.next < self.cells.len() && !batch.is_full(rows) {
            let rest = &self.cells[self.next..];
            let len = rest
                .iter()
                .take_while(|cell| cell.row == rest[0].row)
                .count();
            self.lay_out(&rest[..len], Some(recipients), batch);
            self.next += len;
        }
        !batch.is_empty()
    }

    fn lay_out(&self, row: &[Cell], recipients: Option<usize>, batch: &mut Batch) {
        let mut next = 0;
        for cell in row {
            while next < cell.column {
                batch.push_text("");
                next += 1;
            }
            let is_recipient = recipients == Some(cell.column as usize);
            let text = match is_recipient && cell.number < cell.shown {
                true => cell.number..cell.shown,
                false => cell.shown..cell.end,
            };
            batch.push_text(&self.text[text.start as usize..text.end as usize]);
            next += 1;
        }
        batch.end_row(u64::from(row[0].row) + 1, 0);
    }
}

/// A number as its digits (D13): no exponent, and no fraction where there is none.
fn number(value: f64) -> String {
    if value == 0.0 {
        return "0".to_owned(); // and not -0
    }
    format!("{value}")
}

/// A number that the sheet shows as a date. Beyond the last date that there is (31 December
/// 9999) it is a number that was formatted as a date by mistake, as phone columns are.
fn date(value: f64, is_1904: bool) -> String {
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
    fn d13_a_date_among_the_recipients_is_a_number() {
        let limits = Limits::default();
        let mut cells = Cells::new(&limits, false);
        cells.push_number(0, 0, 43_034.0, true).unwrap();
        cells.push_number(0, 1, 43_034.0, true).unwrap();
        let sheet = cells.finish("XLSX", String::new()).unwrap();
        assert_eq!(sheet.sample(9), [["2017-10-26", "2017-10-26"]]);
        let mut sheet = sheet;
        let mut batch = Batch::new();
        assert!(sheet.fill(1, 100, &mut batch));
        let fields: Vec<_> = batch.row(0).fields().collect();
        assert_eq!(fields, ["2017-10-26", "43034"]);
    }

    #[test]
    fn d19_gaps_and_limits() {
        let limits = Limits {
            sheet_cells: 10,
            ..Limits::default()
        };
        let mut cells = Cells::new(&limits, false);
        cells.push(4, 1, "b").unwrap();
        cells.push(1, 0, "a").unwrap();
        let sheet = cells.finish("XLS", String::new()).unwrap();
        assert_eq!((sheet.blank_rows(), sheet.last_row), (3, 5));
        let mut sheet = sheet;
        let mut batch = Batch::new();
        assert!(sheet.fill(0, 100, &mut batch));
        let row = batch.row(1);
        assert_eq!(
            (row.number(), row.get(0), row.get(1)),
            (5, Some(""), Some("b"))
        );

        let mut cells = Cells::new(&limits, false);
        cells.push(1_048_575, 16_383, "far away").unwrap();
        assert!(matches!(
            cells
                .finish("XLSX", String::new())
                .map(|sheet| sheet.last_row),
            Err(ErrorKind::TooLarge { size: 16_384, .. })
        ));
    }
}
