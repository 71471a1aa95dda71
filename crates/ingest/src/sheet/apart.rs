//! Spreadsheets read by another process.
//!
//! What the parsers do with a hostile workbook they do there, where memory and time can be limited from
//! outside. The caller brings the process ([`SheetProcess`]); both sides' words are here.

use super::cells::{Cell, SheetCells};
use super::{ReadSeek, Workbook};
use crate::error::ErrorKind;
use crate::options::{Limits, Sheet};
use std::fmt;
use std::fs::File;
use std::io::{self, Cursor, Read, Seek, Write};

/// Begins every answer.
const MAGIC: &[u8; 8] = b"RSHEET1\n";

/// Bytes of an answer beside its cells and texts.
const MARGIN: u64 = 1 << 20;

/// A workbook that another process is to read.
#[derive(Debug)]
pub enum WorkbookInput {
    /// A file, at its beginning.
    File(File),
    /// What came from elsewhere.
    Bytes(Vec<u8>),
}

/// Starts processes that read workbooks ([`crate::Options::sheet_process`]).
pub trait SheetProcess: fmt::Debug + Send + Sync {
    /// Starts a process that hands this request and the workbook to [`answer_sheet_request`], and gives
    /// what that writes. It ends the process when it takes too long or the reader is dropped.
    ///
    /// # Errors
    ///
    /// If no process can be started.
    fn start(&self, request: &str, workbook: WorkbookInput) -> io::Result<Box<dyn Read>>;
}

/// Reads a workbook and writes its sheet, or why there is none.
///
/// # Errors
///
/// If the request is not one of this version, or writing fails.
pub fn answer_sheet_request(
    request: &str,
    workbook: WorkbookInput,
    mut out: impl Write,
) -> io::Result<()> {
    let wrong = || io::Error::new(io::ErrorKind::InvalidInput, "no request of this version");
    let (limits, wanted) = parse(request).ok_or_else(wrong)?;
    let mut input: Box<dyn ReadSeek> = match workbook {
        WorkbookInput::File(file) => Box::new(file),
        WorkbookInput::Bytes(bytes) => Box::new(Cursor::new(bytes)),
    };
    let mut head = Vec::new();
    let looked = input.by_ref().take(8).read_to_end(&mut head);
    let sheet = match (looked.and_then(|_| input.rewind()), Workbook::of(&head)) {
        (Ok(()), Some(workbook)) => workbook.read(input, wanted.as_ref(), &limits),
        (Ok(()), None) => Err(ErrorKind::Workbook("it is none".to_owned())),
        (Err(error), _) => Err(ErrorKind::Io(error)),
    };
    out.write_all(MAGIC)?;
    write_sheet(&sheet, &mut out)?;
    out.flush()
}

/// Has a process read a workbook.
pub(super) fn read(
    process: &dyn SheetProcess,
    workbook: WorkbookInput,
    wanted: Option<&Sheet>,
    limits: &Limits,
) -> Result<SheetCells, ErrorKind> {
    let answer = process
        .start(&request(limits, wanted), workbook)
        .map_err(ErrorKind::Io)?;
    let most = limits.sheet_cells.saturating_mul(20);
    let most = most
        .saturating_add(limits.sheet_text)
        .saturating_add(MARGIN);
    let mut answer = io::BufReader::with_capacity(1 << 16, answer.take(most));
    let mut magic = [0; 8];
    let told = match answer.read_exact(&mut magic) {
        Ok(()) if &magic == MAGIC => read_sheet(&mut answer, limits),
        Ok(()) => None,
        Err(_) => None,
    };
    // It has ended in the middle, or never began.
    told.unwrap_or(Err(ErrorKind::ReaderStopped))
}

fn request(limits: &Limits, wanted: Option<&Sheet>) -> String {
    let Limits {
        row_bytes,
        // Of workbooks there is none.
        text_bytes: _,
        workbook_bytes,
        part_bytes,
        held_part_bytes,
        sheet_cells,
        sheet_text,
    } = limits;
    let wanted = match wanted {
        None => "first".to_owned(),
        Some(Sheet::Number(number)) => format!("number {number}"),
        Some(Sheet::Named(name)) => format!("name {name}"),
    };
    format!(
        "{row_bytes} {workbook_bytes} {part_bytes} {held_part_bytes} {sheet_cells} {sheet_text} \
         {wanted}"
    )
}

fn parse(request: &str) -> Option<(Limits, Option<Sheet>)> {
    let mut words = request.splitn(7, ' ');
    let mut number = || words.next()?.parse::<u64>().ok();
    let limits = Limits {
        row_bytes: usize::try_from(number()?).ok()?,
        workbook_bytes: number()?,
        part_bytes: number()?,
        held_part_bytes: number()?,
        sheet_cells: number()?,
        sheet_text: number()?,
        ..Limits::default()
    };
    let wanted = match words.next()?.split_once(' ') {
        None => None,
        Some(("number", number)) => Some(Sheet::Number(number.parse().ok()?)),
        Some((_, name)) => Some(Sheet::Named(name.to_owned())),
    };
    Some((limits, wanted))
}

// What an answer is made of: a kind, then texts (length, bytes) and numbers of eight bytes; cells are
// five numbers of four bytes.

fn write_sheet(sheet: &Result<SheetCells, ErrorKind>, out: &mut impl Write) -> io::Result<()> {
    let number = |value: u64, out: &mut dyn Write| out.write_all(&value.to_le_bytes());
    let text = |value: &str, out: &mut dyn Write| {
        out.write_all(&(value.len() as u64).to_le_bytes())?;
        out.write_all(value.as_bytes())
    };
    match sheet {
        Ok(sheet) => {
            out.write_all(b"s")?;
            text(sheet.format, out)?;
            text(&sheet.sheet, out)?;
            text(&sheet.text, out)?;
            number(sheet.cells.len() as u64, out)?;
            let mut out = io::BufWriter::with_capacity(1 << 16, out);
            for cell in &sheet.cells {
                for value in [cell.row, cell.column, cell.number, cell.shown, cell.end] {
                    out.write_all(&value.to_le_bytes())?;
                }
            }
            // Nothing was lost on the way.
            out.write_all(MAGIC)
        }
        Err(ErrorKind::Unsupported { what, advice }) => {
            out.write_all(b"u")?;
            text(what, out)?;
            text(advice, out)
        }
        Err(ErrorKind::Encrypted) => out.write_all(b"e"),
        Err(ErrorKind::TooLarge { what, size, limit }) => {
            out.write_all(b"l")?;
            text(what, out)?;
            number(*size, out)?;
            number(*limit, out)
        }
        Err(ErrorKind::NoSheet { wanted, sheets }) => {
            out.write_all(b"n")?;
            text(wanted, out)?;
            number(sheets.len() as u64, out)?;
            sheets.iter().try_for_each(|sheet| text(sheet, out))
        }
        Err(ErrorKind::Io(error)) => {
            out.write_all(b"i")?;
            text(&error.to_string(), out)
        }
        Err(ErrorKind::Workbook(what)) => {
            out.write_all(b"d")?;
            text(what, out)
        }
        // No other comes of reading a workbook.
        Err(_) => {
            out.write_all(b"d")?;
            text("its content makes no sense", out)
        }
    }
}

/// None if the answer is none, or breaks a promise that the rest of the program relies on.
fn read_sheet(answer: &mut impl Read, limits: &Limits) -> Option<Result<SheetCells, ErrorKind>> {
    let mut kind = [0];
    answer.read_exact(&mut kind).ok()?;
    let most = limits.sheet_text.saturating_add(MARGIN);
    Some(match &kind {
        b"s" => {
            let format = text(answer, 8)?;
            let format = ["XLS", "XLSX", "XLSB", "ODS"]
                .into_iter()
                .find(|known| *known == format)?;
            let name = text(answer, MARGIN)?;
            let text = text(answer, most)?;
            let count = number(answer).filter(|&count| count <= limits.sheet_cells)?;
            let mut cells = Vec::new();
            for _ in 0..count {
                let mut bytes = [0; 20];
                answer.read_exact(&mut bytes).ok()?;
                let part = |at: usize| {
                    let four = bytes[4 * at..4 * at + 4].try_into();
                    u32::from_le_bytes(four.expect("four bytes"))
                };
                cells.push(Cell {
                    row: part(0),
                    column: part(1),
                    number: part(2),
                    shown: part(3),
                    end: part(4),
                });
            }
            let mut end = [0; 8];
            answer.read_exact(&mut end).ok()?;
            if &end != MAGIC {
                return None;
            }
            SheetCells::new(format, name, text, cells, limits)?
        }
        b"u" => Err(ErrorKind::Unsupported {
            what: text(answer, MARGIN)?.into(),
            advice: text(answer, MARGIN)?.into(),
        }),
        b"e" => Err(ErrorKind::Encrypted),
        b"l" => Err(ErrorKind::TooLarge {
            what: text(answer, MARGIN)?.into(),
            size: number(answer)?,
            limit: number(answer)?,
        }),
        b"n" => {
            let wanted = text(answer, MARGIN)?;
            let count = number(answer)?;
            let mut sheets = Vec::new();
            for _ in 0..count {
                sheets.push(text(answer, MARGIN)?);
            }
            Err(ErrorKind::NoSheet { wanted, sheets })
        }
        b"i" => Err(ErrorKind::Io(io::Error::other(text(answer, MARGIN)?))),
        b"d" => Err(ErrorKind::Workbook(text(answer, MARGIN)?)),
        _ => return None,
    })
}

fn number(answer: &mut impl Read) -> Option<u64> {
    let mut bytes = [0; 8];
    answer.read_exact(&mut bytes).ok()?;
    Some(u64::from_le_bytes(bytes))
}

fn text(answer: &mut impl Read, most: u64) -> Option<String> {
    let length = number(answer).filter(|&length| length <= most)?;
    let mut bytes = Vec::new();
    // Memory is taken for what comes, not for what is claimed.
    answer.take(length).read_to_end(&mut bytes).ok()?;
    (bytes.len() as u64 == length).then(|| String::from_utf8(bytes).ok())?
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Batch, Options, Source};
    use proptest::prelude::*;
    use std::sync::Arc;

    /// "Another process" on this thread, and what is done to its answer.
    #[derive(Debug)]
    struct Here(fn(Vec<u8>) -> Vec<u8>);

    impl SheetProcess for Here {
        fn start(&self, request: &str, workbook: WorkbookInput) -> io::Result<Box<dyn Read>> {
            let mut answer = Vec::new();
            answer_sheet_request(request, workbook, &mut answer)?;
            Ok(Box::new(Cursor::new((self.0)(answer))))
        }
    }

    const FILES: [&str; 6] = [
        "lo-text.xlsx",
        "lo-text.xls",
        "lo-text.ods",
        "openpyxl-numeric.xlsx",
        "sheetjs.xlsb",
        "xlwt-numeric.xls",
    ];

    fn path(name: &str) -> std::path::PathBuf {
        std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../../testdata/files")
            .join(name)
    }

    fn rows(source: Result<Source, crate::Error>) -> Result<Vec<(u64, Vec<String>)>, String> {
        let mut source = source.map_err(|error| error.to_string())?;
        let mut rows = vec![(0, source.header().unwrap_or_default().to_vec())];
        rows.push((
            source.skipped_blank(),
            vec![format!("{:?}", source.layout())],
        ));
        let mut batch = Batch::new();
        while source.fill(&mut batch).map_err(|error| error.to_string())? {
            rows.extend(
                batch
                    .rows()
                    .map(|row| (row.number(), row.fields().map(str::to_owned).collect())),
            );
        }
        Ok(rows)
    }

    #[test]
    fn it_is_the_same_in_another_process() {
        let apart = |change| Options::auto().sheet_process(Some(Arc::new(Here(change))));
        for name in FILES {
            let here = rows(Source::open(path(name), &Options::auto()));
            let there = rows(Source::open(path(name), &apart(|answer| answer)));
            assert!(here.is_ok());
            assert_eq!(here, there, "{name}");
            let bytes = std::fs::read(path(name)).unwrap();
            let open = Source::from_bytes(&path(name).display().to_string(), bytes, &apart(|a| a));
            assert_eq!(here, rows(open), "{name}");
        }
        let tight = Limits {
            sheet_cells: 3,
            ..Limits::default()
        };
        for change in [
            |options: Options| options.sheet(Some(Sheet::Named("none".to_owned()))),
            |options: Options| options.sheet(Some(Sheet::Number(7))),
        ] {
            let here = rows(Source::open(path(FILES[0]), &change(Options::auto())));
            assert!(here.is_err());
            assert_eq!(
                here,
                rows(Source::open(path(FILES[0]), &change(apart(|a| a))))
            );
        }
        let here = rows(Source::open(
            path(FILES[0]),
            &Options::auto().limits(tight.clone()),
        ));
        assert!(here.clone().unwrap_err().contains("too many cells"));
        assert_eq!(
            here,
            rows(Source::open(path(FILES[0]), &apart(|a| a).limits(tight)))
        );
        for damaged in ["PK\u{3}\u{4}nothing", "PK\u{3}\u{4}"] {
            let bytes = || damaged.as_bytes().to_vec();
            let here = rows(Source::from_bytes("x", bytes(), &Options::auto()));
            assert_eq!(here, rows(Source::from_bytes("x", bytes(), &apart(|a| a))));
        }
    }

    #[test]
    fn a_reader_that_stops_is_told_of() {
        let stops: [fn(Vec<u8>) -> Vec<u8>; 4] = [
            |_| Vec::new(),
            |mut answer| {
                answer.truncate(answer.len() / 2);
                answer
            },
            |mut answer| {
                answer.pop();
                answer
            },
            |_| b"Segmentation fault".to_vec(),
        ];
        for stop in stops {
            let options = Options::auto().sheet_process(Some(Arc::new(Here(stop))));
            let error = Source::open(path(FILES[0]), &options)
                .map(drop)
                .unwrap_err();
            assert!(matches!(error.kind(), ErrorKind::ReaderStopped), "{error}");
        }
    }

    #[test]
    fn cells_that_cannot_be_are_no_answer() {
        let limits = Limits::default();
        let answer = |cells: &[[u32; 5]]| {
            let mut answer = b"s".to_vec();
            for text in ["XLSX", "Sheet1", "123Київ"] {
                answer.extend((text.len() as u64).to_le_bytes());
                answer.extend(text.as_bytes());
            }
            answer.extend((cells.len() as u64).to_le_bytes());
            answer.extend(cells.iter().flatten().flat_map(|part| part.to_le_bytes()));
            answer.extend(MAGIC);
            read_sheet(&mut answer.as_slice(), &limits).map(|sheet| sheet.is_ok())
        };
        assert_eq!(
            answer(&[[0, 0, 0, 0, 3], [0, 1, 3, 3, 11], [4, 0, 0, 3, 3]]),
            Some(true)
        );
        for wrong in [
            // Behind the text, backwards, within a letter.
            [[0, 0, 0, 0, 12], [0, 1, 0, 0, 3]],
            [[0, 0, 0, 3, 2], [0, 1, 0, 0, 3]],
            [[0, 0, 3, 4, 11], [0, 1, 0, 0, 3]],
            // Not in order, and twice in one place.
            [[1, 0, 0, 0, 3], [0, 1, 0, 0, 3]],
            [[0, 1, 0, 0, 3], [0, 1, 0, 0, 3]],
        ] {
            assert_eq!(answer(&wrong), None, "{wrong:?}");
        }
        // So far out that its row is too wide.
        assert_eq!(answer(&[[0, u32::MAX, 0, 0, 3]]), Some(false));
    }

    proptest! {
        /// Whatever answers, what comes of it can be laid out.
        #[test]
        fn any_answer(at in 0..2000usize, byte: u8, tail in proptest::collection::vec(any::<u8>(), 0..40)) {
            let limits = Limits::default();
            let mut answer = Vec::new();
            let file = File::open(path(FILES[3])).unwrap();
            let words = request(&limits, None);
            answer_sheet_request(&words, WorkbookInput::File(file), &mut answer).unwrap();
            let mut answer = answer.split_off(MAGIC.len());
            let at = at % answer.len();
            answer[at] = byte;
            answer.extend(tail);
            if let Some(Ok(mut sheet)) = read_sheet(&mut answer.as_slice(), &limits) {
                let mut batch = Batch::new();
                sheet.sample(10);
                while sheet.fill(1, 100, &mut batch) {
                    batch = Batch::new();
                }
                prop_assert!(sheet.blank_rows() <= sheet.last_row);
            }
        }
    }
}
