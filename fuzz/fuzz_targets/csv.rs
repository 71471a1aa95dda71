//! Any text with any delimiter, enclosure, number of rows to skip and chunk size: the rows, lines and
//! offsets of a reader that looks at one character after the other.
#![no_main]

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use recipients::ingest::{Batch, Choice, Encoding, Error, ErrorKind, Limits, Options, Source};

#[derive(Arbitrary, Debug)]
struct Input {
    /// Characters that texts are made of, too, so that they meet.
    delimiter: Option<Sign>,
    enclosure: Option<Sign>,
    skip_header: bool,
    chunk_bytes: u8,
    text: Vec<Piece>,
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Sign {
    Comma,
    Semicolon,
    Tab,
    Quote,
    Apostrophe,
    Section,
    Any(char),
}

#[derive(Arbitrary, Debug)]
enum Piece {
    Sign(Sign),
    Delimiter,
    Enclosure,
    Return,
    Feed,
    Both,
    Word(char, u8),
    Text(String),
}

impl Sign {
    fn char(self) -> char {
        match self {
            Sign::Comma => ',',
            Sign::Semicolon => ';',
            Sign::Tab => '\t',
            Sign::Quote => '"',
            Sign::Apostrophe => '\'',
            Sign::Section => '§',
            Sign::Any(sign) => sign,
        }
    }
}

/// A row: the physical line and the byte where it begins, and its fields.
type Row = (u64, u64, Vec<String>);

/// The rows one character after the other; `None` if a quote is never closed.
fn naive(text: &str, delimiter: Option<char>, enclosure: Option<char>) -> Option<Vec<Row>> {
    // DOS programs ended a text with Ctrl-Z.
    let text = text.strip_suffix('\u{1a}').unwrap_or(text);
    let mut rows = Vec::new();
    let mut chars = text.char_indices().peekable();
    let mut line = 1;
    while let Some(&(start, _)) = chars.peek() {
        let (begun, mut fields, mut field) = (line, Vec::new(), String::new());
        let mut is_blank = true;
        let (mut at_start, mut quoted) = (true, false);
        loop {
            let Some((_, sign)) = chars.next() else {
                if quoted {
                    return None;
                }
                break;
            };
            if sign == '\r' || sign == '\n' {
                line += 1;
                let both = sign == '\r' && chars.next_if(|&(_, next)| next == '\n').is_some();
                if !quoted {
                    break;
                }
                field.push(sign);
                field.extend(both.then_some('\n'));
                continue;
            }
            is_blank = false;
            if quoted {
                match Some(sign) == enclosure {
                    true if chars.next_if(|&(_, next)| next == sign).is_some() => field.push(sign),
                    true => quoted = false,
                    false => field.push(sign),
                }
            } else if Some(sign) == delimiter {
                fields.push(std::mem::take(&mut field));
                at_start = true;
                continue;
            } else if Some(sign) == enclosure && at_start {
                quoted = true;
            } else {
                field.push(sign);
            }
            at_start = false;
        }
        fields.push(field);
        if !is_blank {
            rows.push((begun, start as u64, fields));
        }
    }
    Some(rows)
}

fn read(text: &str, options: &Options) -> Result<Vec<Row>, Error> {
    let mut source = Source::from_bytes("fuzz", text.as_bytes().to_vec(), options)?;
    let mut rows = Vec::new();
    let mut batch = Batch::new();
    while source.fill(&mut batch)? {
        rows.extend(batch.rows().map(|row| {
            let fields = row.fields().map(str::to_owned).collect();
            (row.number(), row.offset(), fields)
        }));
    }
    Ok(rows)
}

fuzz_target!(|input: Input| {
    let (delimiter, enclosure) = (input.delimiter.map(Sign::char), input.enclosure.map(Sign::char));
    let mut text = String::new();
    for piece in &input.text {
        match piece {
            Piece::Sign(sign) => text.push(sign.char()),
            Piece::Delimiter => text.extend(delimiter),
            Piece::Enclosure => text.extend(enclosure),
            Piece::Return => text.push('\r'),
            Piece::Feed => text.push('\n'),
            Piece::Both => text.push_str("\r\n"),
            Piece::Word(sign, times) => text.extend(std::iter::repeat_n(*sign, usize::from(*times))),
            Piece::Text(piece) => text.push_str(piece),
        }
    }
    // A byte order mark is for another target, and so is a row beyond the limit.
    if text.starts_with('\u{feff}') || text.len() > Limits::default().row_bytes {
        return;
    }
    let options = Options::auto()
        .encoding(Choice::Given(Encoding::Utf8))
        .delimiter(Choice::Given(delimiter))
        .enclosure(Choice::Given(enclosure))
        .skip_header(Choice::Given(input.skip_header))
        .chunk_bytes(usize::from(input.chunk_bytes));
    // `PK` and two more are the end of an archive, which a workbook is.
    let is_something_else = |kind: &ErrorKind| {
        matches!(kind, ErrorKind::Binary | ErrorKind::Unsupported { .. } | ErrorKind::Workbook(_))
    };
    let is_line_end = |sign: Option<char>| matches!(sign, Some('\r' | '\n'));
    let found = read(&text, &options);
    if is_line_end(delimiter) || is_line_end(enclosure) || (delimiter.is_some() && delimiter == enclosure) {
        return;
    }
    match (found, naive(&text, delimiter, enclosure)) {
        // It begins as something else does.
        (Err(error), _) if is_something_else(error.kind()) => {}
        (Ok(found), Some(mut naive)) => {
            if input.skip_header && !naive.is_empty() {
                naive.remove(0);
            }
            assert_eq!(found, naive);
        }
        (Err(error), None) => assert!(matches!(error.kind(), ErrorKind::UnclosedQuote { .. })),
        (found, naive) => panic!("{found:?} is not {naive:?}"),
    }
});
