//! XLSB and XLS: records, whose lengths may be wrong.

use super::pool::{Count, Part, Text};
use arbitrary::Arbitrary;
use std::io::{Cursor, Write};

#[derive(Arbitrary, Debug, Default)]
pub struct Binary {
    pub is_1904: bool,
    pub shared: Vec<Text>,
    /// Number formats of cells, and those that are defined.
    pub styles: Vec<u16>,
    pub formats: Vec<(u16, Text)>,
    pub records: Vec<Record>,
    /// Bytes of a piece of the table of texts, for XLS.
    pub piece: u8,
}

#[derive(Arbitrary, Debug)]
pub struct Record {
    pub what: What,
    /// What it says instead of its length.
    pub length: Option<Count>,
}

#[derive(Arbitrary, Debug)]
pub enum What {
    Row(Count),
    Cell(Cell),
    Other(u16, Vec<u8>),
}

#[derive(Arbitrary, Debug)]
pub struct Cell {
    /// XLS has it in every cell, XLSB in a record of its own.
    pub row: Count,
    /// XLSB may leave it out.
    pub column: Option<Count>,
    pub style: u8,
    pub value: Value,
    /// As the result of a formula.
    pub formula: bool,
}

#[derive(Arbitrary, Debug)]
pub enum Value {
    Text(Text),
    Shared(Count),
    Number(f64),
    Packed(u32),
    ManyPacked(Vec<(u16, u32)>),
    Truth(u8),
    Error(u8),
    Blank,
}

/// UTF-16 units with the lowest byte first.
fn units(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

fn short(text: &Text) -> String {
    text.get().chars().take(100).collect()
}

/// XLSB.
pub mod xlsb {
    use super::*;

    fn packed(mut value: u32) -> Vec<u8> {
        let mut bytes = Vec::new();
        loop {
            let more = value > 0x7f;
            bytes.push((value & 0x7f) as u8 | u8::from(more) << 7);
            value >>= 7;
            if !more {
                return bytes;
            }
        }
    }

    fn record(kind: u16, data: &[u8], length: Option<&Count>) -> Vec<u8> {
        let length = length.map_or(data.len() as u32, Count::bits);
        [&packed(u32::from(kind) & 0x3fff), &packed(length), data].concat()
    }

    fn text(text: &str) -> Vec<u8> {
        let units = units(text);
        [&((units.len() / 2) as u32).to_le_bytes()[..], &units].concat()
    }

    impl Record {
        fn xlsb(&self) -> Vec<u8> {
            let length = self.length.as_ref();
            let cell = match &self.what {
                What::Row(row) => return record(0, &row.bits().to_le_bytes(), length),
                What::Other(kind, data) => return record(*kind, data, length),
                What::Cell(cell) => cell,
            };
            let (kind, value) = match &cell.value {
                Value::Blank | Value::ManyPacked(_) => (1, Vec::new()),
                Value::Packed(bits) => (2, bits.to_le_bytes().to_vec()),
                Value::Error(error) => (if cell.formula { 11 } else { 3 }, vec![*error]),
                Value::Truth(value) => (if cell.formula { 10 } else { 4 }, vec![*value]),
                Value::Number(number) => (if cell.formula { 9 } else { 5 }, number.to_le_bytes().to_vec()),
                Value::Text(value) => (if cell.formula { 8 } else { 6 }, text(&short(value))),
                Value::Shared(at) => (7, at.bits().to_le_bytes().to_vec()),
            };
            let style = u32::from(cell.style).to_le_bytes();
            match &cell.column {
                Some(column) => record(kind, &[&column.bits().to_le_bytes(), &style, &value[..]].concat(), length),
                // The short kinds follow the long ones, but for results of formulas.
                None => record(kind + 11, &[&style, &value[..]].concat(), length),
            }
        }
    }

    pub fn parts(book: &Binary) -> Vec<Part> {
        let sheet = [&[0; 8][..], &text("rId1"), &text("S")].concat();
        let workbook = [record(153, &[u8::from(book.is_1904), 0, 0, 0], None), record(156, &sheet, None)].concat();
        let relations = "<Relationships><Relationship Id=\"rId1\" Target=\"worksheets/sheet1.bin\"/></Relationships>";
        let item = |item: &Text| record(19, &[&[0][..], &text(&short(item))].concat(), None);
        let format = |(id, format): &(u16, Text)| record(44, &[&id.to_le_bytes(), &text(&short(format))[..]].concat(), None);
        let style = |id: &u16| record(47, &[&[0, 0][..], &id.to_le_bytes()].concat(), None);
        let mut styles: Vec<u8> = book.formats.iter().flat_map(format).collect();
        styles.extend(record(617, &[], None));
        styles.extend(book.styles.iter().flat_map(style));
        styles.extend(record(618, &[], None));
        let mut cells: Vec<u8> = book.records.iter().flat_map(Record::xlsb).collect();
        cells.extend(record(146, &[], None));
        let parts = [
            ("xl/workbook.bin", workbook),
            ("xl/_rels/workbook.bin.rels", relations.as_bytes().to_vec()),
            ("xl/sharedStrings.bin", book.shared.iter().flat_map(item).collect()),
            ("xl/styles.bin", styles),
            ("xl/worksheets/sheet1.bin", cells),
        ];
        parts.map(|(name, bytes)| (name.to_owned(), bytes)).into()
    }
}

/// XLS.
pub mod xls {
    use super::*;

    fn record(kind: u16, data: &[u8], length: Option<&Count>) -> Vec<u8> {
        let length = length.map_or(data.len() as u32, Count::bits) as u16;
        [&kind.to_le_bytes(), &length.to_le_bytes(), data].concat()
    }

    /// The length of a text, how wide its characters are, and these.
    fn text(text: &str) -> Vec<u8> {
        let units = units(text);
        [&((units.len() / 2) as u16).to_le_bytes()[..], &[1], &units].concat()
    }

    impl Record {
        fn xls(&self) -> Vec<u8> {
            let length = self.length.as_ref();
            let cell = match &self.what {
                What::Row(row) => return record(0x0208, &row.bits().to_le_bytes(), length),
                What::Other(kind, data) => return record(*kind, data, length),
                What::Cell(cell) => cell,
            };
            let column = cell.column.as_ref().map_or(0, Count::bits) as u16;
            let style = u16::from(cell.style).to_le_bytes();
            let place = [(cell.row.bits() as u16).to_le_bytes(), column.to_le_bytes()].concat();
            let cell_record = |kind, value: &[u8]| record(kind, &[&place[..], &style, value].concat(), length);
            let result = |kind: u8, value: u8| cell_record(0x0006, &[kind, 0, value, 0, 0, 0, 0xff, 0xff, 0, 0, 0, 0, 0, 0]);
            match &cell.value {
                Value::Text(value) if cell.formula => {
                    [result(0, 0), record(0x0207, &text(&short(value)), None)].concat()
                }
                Value::Truth(value) if cell.formula => result(1, *value),
                Value::Error(value) if cell.formula => result(2, *value),
                Value::Blank if cell.formula => result(3, 0),
                Value::Number(value) if cell.formula => cell_record(0x0006, &[&value.to_le_bytes()[..], &[0; 6]].concat()),
                Value::Text(value) => cell_record(0x0204, &text(&short(value))),
                Value::Shared(at) => cell_record(0x00fd, &at.bits().to_le_bytes()),
                Value::Number(value) => cell_record(0x0203, &value.to_le_bytes()),
                Value::Packed(bits) => cell_record(0x027e, &bits.to_le_bytes()),
                Value::ManyPacked(all) => {
                    let mut data = place.clone();
                    for (style, bits) in all {
                        data.extend([&style.to_le_bytes()[..], &bits.to_le_bytes()].concat());
                    }
                    data.extend(column.wrapping_add(all.len() as u16).wrapping_sub(1).to_le_bytes());
                    record(0x00bd, &data, length)
                }
                Value::Truth(value) => cell_record(0x0205, &[*value, 0]),
                Value::Error(value) => cell_record(0x0205, &[*value, 1]),
                Value::Blank => cell_record(0x0201, &[]),
            }
        }
    }

    /// The table of texts, in pieces of so many bytes: cut between texts and in them.
    fn shared(book: &Binary) -> Vec<u8> {
        let most = 32 + 8 * usize::from(book.piece);
        let count = (book.shared.len() as u32).to_le_bytes();
        let mut pieces = vec![[count, count].concat()];
        for item in &book.shared {
            let item = text(&short(item));
            if pieces[pieces.len() - 1].len() + 3 > most {
                pieces.push(Vec::new());
            }
            let (head, units) = item.split_at(3);
            let mut last = pieces.len() - 1;
            pieces[last].extend(head);
            for unit in units.chunks(2) {
                if pieces[last].len() + 2 > most {
                    // Again, how wide characters are.
                    pieces.push(vec![1]);
                    last += 1;
                }
                pieces[last].extend(unit);
            }
        }
        let kinds = [0x00fc].into_iter().chain(std::iter::repeat(0x003c));
        kinds.zip(&pieces).flat_map(|(kind, piece)| record(kind, piece, None)).collect()
    }

    /// The stream that the workbook is in.
    pub fn parts(book: &Binary) -> Vec<Part> {
        let format = |(id, format): &(u16, Text)| record(0x041e, &[&id.to_le_bytes(), &text(&short(format))[..]].concat(), None);
        let style = |id: &u16| record(0x00e0, &[&[0, 0][..], &id.to_le_bytes(), &[0; 16]].concat(), None);
        let begin = |kind: u8| record(0x0809, &[0, 6, kind, 0], None);
        let end = record(0x000a, &[], None);
        let mut stream = begin(5);
        stream.extend(record(0x0022, &[u8::from(book.is_1904), 0], None));
        stream.extend(book.formats.iter().flat_map(format));
        stream.extend(book.styles.iter().flat_map(style));
        stream.extend(shared(book));
        let sheet = |at: usize| record(0x0085, &[&(at as u32).to_le_bytes()[..], &[0, 0, 1, 0, b'S']].concat(), None);
        let at = stream.len() + sheet(0).len() + end.len();
        stream.extend(sheet(at));
        stream.extend(&end);
        stream.extend(begin(0x10));
        stream.extend(book.records.iter().flat_map(Record::xls));
        stream.extend(&end);
        vec![("/Workbook".to_owned(), stream)]
    }

    /// A compound file of these streams.
    pub fn compound(parts: &[Part]) -> Vec<u8> {
        let mut file = cfb::CompoundFile::create(Cursor::new(Vec::new())).expect("memory");
        for (name, bytes) in parts {
            file.create_stream(name).expect("memory").write_all(bytes).expect("memory");
        }
        file.into_inner().into_inner()
    }
}
