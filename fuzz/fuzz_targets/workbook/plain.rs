//! A sheet of plain texts and whole numbers, in every format.

use super::pool::{Count, Piece, Text, zipped};
use super::{Row, binary, ods, xlsx};
use arbitrary::Arbitrary;

#[derive(Arbitrary, Debug)]
pub struct Plain {
    /// Rows that are left out before each, and its cells.
    rows: Vec<(bool, Vec<Cell>)>,
    piece: u8,
}

#[derive(Arbitrary, Debug)]
struct Cell {
    /// Whether a column is left out before it.
    gap: bool,
    /// In the table of texts rather than in the cell.
    shared: bool,
    value: Text,
}

/// A cell with its place.
struct Placed {
    row: u8,
    column: u8,
    shared: bool,
    text: String,
}

impl Placed {
    /// Not what merely looks like a number: those are whole and have at most 15 digits.
    fn number(&self) -> Option<u64> {
        let number: u64 = self.text.parse().ok().filter(|&number| number < 10u64.pow(15))?;
        (number.to_string() == self.text).then_some(number)
    }
}

impl Plain {
    /// At most 120 rows of 60 cells, each of which every format can hold as it is.
    fn cells(&self) -> Vec<Placed> {
        let mut cells = Vec::new();
        let mut next_row = 0;
        for (gap, row) in self.rows.iter().take(120) {
            let number = next_row + u8::from(*gap);
            next_row = number + 1;
            let mut next = 0;
            for cell in row.iter().take(60) {
                let column = next + u8::from(cell.gap);
                next = column + 1;
                // No control characters, none of those that are no characters, and no escape of XLSX.
                let is_plain = |c: &char| !c.is_control() && !matches!(c, '_' | '\u{fffe}' | '\u{ffff}');
                let text: String = cell.value.get().chars().filter(is_plain).take(100).collect();
                let text = if text.is_empty() { "x".to_owned() } else { text };
                cells.push(Placed { row: number, column, shared: cell.shared, text });
            }
        }
        cells
    }

    /// The rows that every format must give.
    pub fn rows(&self) -> Vec<Row> {
        let cells = self.cells();
        let rows = cells.chunk_by(|one, next| one.row == next.row);
        rows.map(|row| {
            let mut fields = vec![String::new(); usize::from(row[row.len() - 1].column) + 1];
            for cell in row {
                fields[usize::from(cell.column)].clone_from(&cell.text);
            }
            (u64::from(row[0].row) + 1, fields)
        })
        .collect()
    }

    pub fn workbooks(&self) -> [(&'static str, Vec<u8>); 4] {
        let cells = self.cells();
        [
            ("XLSX", zipped(&as_xlsx(&cells).parts())),
            ("ODS", zipped(&as_ods(&cells).parts())),
            ("XLSB", zipped(&binary::xlsb::parts(&as_binary(&cells, self.piece)))),
            ("XLS", binary::xls::compound(&binary::xls::parts(&as_binary(&cells, self.piece)))),
        ]
    }
}

fn text(text: impl Into<String>) -> Piece {
    Piece::Text(Text::Any(text.into()))
}

fn count(count: usize) -> Count {
    Count::Any(count as u64)
}

fn as_xlsx(cells: &[Placed]) -> xlsx::Xlsx {
    let mut book = xlsx::Xlsx::default();
    for row in cells.chunk_by(|one, next| one.row == next.row) {
        let mut made = Vec::new();
        for cell in row {
            let (kind, value) = match cell.number() {
                Some(number) => (None, number.to_string()),
                None if cell.shared => {
                    book.shared.push(vec![text(&cell.text)]);
                    (Some(xlsx::Kind::S), (book.shared.len() - 1).to_string())
                }
                None => (Some(xlsx::Kind::Inline), cell.text.clone()),
            };
            let place = Some(xlsx::Place::Near(cell.column, cell.row));
            made.push(xlsx::Cell { place, style: None, kind, formula: None, value: vec![text(value)] });
        }
        book.rows.push(xlsx::Row { number: Some(count(usize::from(row[0].row) + 1)), cells: made });
    }
    book
}

fn as_ods(cells: &[Placed]) -> ods::Ods {
    let mut rows = Vec::new();
    for row in cells.chunk_by(|one, next| one.row == next.row) {
        rows.resize_with(usize::from(row[0].row), ods::Row::default);
        let mut made = Vec::new();
        for cell in row {
            made.resize_with(usize::from(cell.column), ods::Cell::default);
            let content = vec![ods::Content::Piece(text(&cell.text))];
            made.push(match cell.number() {
                Some(number) => ods::Cell {
                    kind: Some(ods::Kind::Float),
                    value: Some((ods::Kind::Float, Text::Number(number))),
                    content,
                    ..ods::Cell::default()
                },
                None => ods::Cell { kind: Some(ods::Kind::String), content, ..ods::Cell::default() },
            });
        }
        rows.push(ods::Row { repeat: None, cells: made });
    }
    ods::Ods { tables: vec![rows] }
}

fn as_binary(cells: &[Placed], piece: u8) -> binary::Binary {
    let mut book = binary::Binary { piece, ..binary::Binary::default() };
    for row in cells.chunk_by(|one, next| one.row == next.row) {
        let row_record = binary::What::Row(count(usize::from(row[0].row)));
        book.records.push(binary::Record { what: row_record, length: None });
        for cell in row {
            let value = match cell.number() {
                Some(number) => binary::Value::Number(number as f64),
                None if cell.shared => {
                    book.shared.push(Text::Any(cell.text.clone()));
                    binary::Value::Shared(count(book.shared.len() - 1))
                }
                None => binary::Value::Text(Text::Any(cell.text.clone())),
            };
            let (row, column) = (count(usize::from(cell.row)), Some(count(usize::from(cell.column))));
            let what = binary::What::Cell(binary::Cell { row, column, style: 0, value, formula: false });
            book.records.push(binary::Record { what, length: None });
        }
    }
    book
}
