//! What a file seems to be, from its beginning (decision D16).
//!
//! Everything here is a guess from shapes, made the same way every time, told to the person with
//! the flag that overrules it, and never applied over what the caller gave.

use crate::batch::Batch;
use crate::encoding::{SourceLen, utf8};
use crate::error::ErrorKind;
use crate::source::Confidence;
use crate::split::{Dialect, Edge};
use crate::{Choice, Encoding};
use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};

/// Rows looked at.
const ROWS: usize = 500;
/// Bytes of decoded text looked at.
const TEXT: usize = 1 << 18;

/// The encoding and the length of the byte order mark.
pub(crate) fn encoding(
    head: &[u8],
    whole: bool,
    choice: Choice<Encoding>,
) -> Result<(Encoding, usize, Confidence), ErrorKind> {
    let bom = match head {
        [0xef, 0xbb, 0xbf, ..] => Some((Encoding::Utf8, 3, "UTF-8")),
        [0xff, 0xfe, 0, 0, ..] | [0, 0, 0xfe, 0xff, ..] => {
            return Err(ErrorKind::Unsupported {
                what: "a text in UTF-32".into(),
                advice: "save it as UTF-8".into(),
            });
        }
        [0xff, 0xfe, ..] => Some((Encoding::Ucs2Le, 2, "UCS-2LE (UTF-16)")),
        [0xfe, 0xff, ..] => Some((Encoding::Ucs2Be, 2, "UCS-2BE (UTF-16)")),
        _ => None,
    };
    let (encoding, confidence) = match (choice, bom) {
        (Choice::Auto, Some((encoding, len, _))) => {
            return Ok((encoding, len, Confidence::Certain));
        }
        (
            Choice::Given(Encoding::Ucs2),
            Some((encoding @ (Encoding::Ucs2Le | Encoding::Ucs2Be), len, _)),
        ) => {
            return Ok((encoding, len, Confidence::Given));
        }
        (Choice::Given(encoding), Some((marked, len, name))) => {
            return if encoding == marked {
                Ok((encoding, len, Confidence::Given))
            } else {
                Err(ErrorKind::BomContradicts {
                    bom: name,
                    encoding,
                })
            };
        }
        (Choice::Given(Encoding::Ucs2), None) => match byte_order(head) {
            Some(encoding) => (encoding, Confidence::Given),
            None if head.is_empty() => (Encoding::Ucs2Le, Confidence::Given),
            None => return Err(ErrorKind::UnknownByteOrder),
        },
        (Choice::Given(encoding), None) => (encoding, Confidence::Given),
        (Choice::Auto, None) => guess_encoding(head, whole)?,
    };
    Ok((encoding, 0, confidence))
}

fn guess_encoding(head: &[u8], whole: bool) -> Result<(Encoding, Confidence), ErrorKind> {
    if memchr::memchr(0, head).is_some() {
        return match byte_order(head) {
            Some(encoding) => Ok((encoding, Confidence::Likely)),
            None => Err(ErrorKind::Binary),
        };
    }
    if utf8(head, whole).is_some() || is_damaged_utf8(head) {
        return Ok((Encoding::Utf8, Confidence::Likely));
    }
    if is_binary(head, head.len()) {
        return Err(ErrorKind::Binary);
    }
    Ok(match legacy(head) {
        Some(encoding) => (encoding, Confidence::Likely),
        None => (Encoding::Windows1252, Confidence::Guess),
    })
}

/// Whether bytes are UTF-8 but for a few, as where a program has cut fields by bytes: what does not
/// belong is told when it is read. In other encodings hardly any letters make characters of UTF-8.
fn is_damaged_utf8(head: &[u8]) -> bool {
    const CHARACTERS_FOR_EACH_FAULT: usize = 10;
    let (mut characters, mut faults) = (0, 0);
    for chunk in head.utf8_chunks() {
        // A character of several bytes has one byte that begins it.
        let begins = |byte: &&u8| **byte >= 0xc0;
        characters += chunk.valid().as_bytes().iter().filter(begins).count();
        faults += usize::from(!chunk.invalid().is_empty());
    }
    characters >= CHARACTERS_FOR_EACH_FAULT * faults
}

/// The delimiter that a first line `sep=;` names, as Excel understands it, and how long that line is.
pub(crate) fn separator_line(sample: &str) -> Option<(char, usize)> {
    let end = sample.find(['\r', '\n'])?;
    let (line, rest) = sample.split_at(end);
    let line = line.strip_prefix('"').unwrap_or(line);
    let line = line.strip_suffix('"').unwrap_or(line);
    let (name, mark) = line.split_at_checked(4)?;
    let mut marks = mark.chars();
    let mark = marks.next().filter(char::is_ascii)?;
    let is_one = name.eq_ignore_ascii_case("sep=") && marks.next().is_none();
    let end = end + if rest.starts_with("\r\n") { 2 } else { 1 };
    is_one.then_some((mark, end))
}

/// UCS-2 without a mark: digits, delimiters and line ends have a NUL in every pair, on one side.
fn byte_order(head: &[u8]) -> Option<Encoding> {
    let count = |side: usize| {
        head.iter()
            .skip(side)
            .step_by(2)
            .filter(|&&b| b == 0)
            .count()
    };
    let (even, odd) = (count(0), count(1));
    let pairs = head.len() / 2;
    let clear = |some: usize, few: usize| some * 10 >= pairs.max(1) && few * 50 <= some;
    match (clear(odd, even), clear(even, odd)) {
        (true, false) => Some(Encoding::Ucs2Le),
        (false, true) => Some(Encoding::Ucs2Be),
        _ => None,
    }
}

/// The one-byte encoding that fits the bytes best, if it is one of ours.
fn legacy(bytes: &[u8]) -> Option<Encoding> {
    // So many bytes from the first telling one on are enough, and take a few milliseconds.
    const ENOUGH: usize = 1 << 17;
    let first = bytes.iter().position(|byte| !byte.is_ascii()).unwrap_or(0);
    let telling = &bytes[first..bytes.len().min(first + ENOUGH)];
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Deny);
    detector.feed(telling, true);
    match detector.guess(None, Utf8Detection::Deny).name() {
        "windows-1251" | "ISO-8859-5" | "x-mac-cyrillic" => Some(Encoding::Windows1251),
        "KOI8-U" | "KOI8-R" => Some(Encoding::Koi8R),
        "IBM866" => Some(Encoding::Cp866),
        "windows-1252" => Some(Encoding::Windows1252),
        _ => None,
    }
}

/// What else the bytes could be that are not `encoding`.
pub(crate) fn other_encoding(bytes: &[u8], encoding: Encoding) -> Option<Encoding> {
    let other = match std::str::from_utf8(bytes) {
        Ok(_) => Some(Encoding::Utf8),
        Err(error) if error.error_len().is_none() && error.valid_up_to() > 0 => {
            Some(Encoding::Utf8)
        }
        Err(_) => legacy(bytes),
    };
    other.filter(|&other| other != encoding)
}

/// Whether so many control characters are there that this is no text. A NUL is told elsewhere;
/// a stray control character in a cell is no reason to refuse a file.
pub(crate) fn is_binary(bytes: &[u8], chars: usize) -> bool {
    // Most texts have none, and bytes are quickly looked at: in UTF-8 each of these is one byte.
    let odd: usize = bytes
        .chunks(128)
        .map(|bytes| usize::from(bytes.iter().map(|&b| u8::from(is_odd(b))).sum::<u8>()))
        .sum();
    odd * 10 > chars
}

fn is_odd(byte: u8) -> bool {
    matches!(byte, 0x01..=0x08 | 0x0e..=0x19 | 0x1b..=0x1f | 0x7f)
}

/// Delimiter and enclosure.
pub(crate) fn dialect(
    sample: &str,
    whole: bool,
    delimiter: Choice<Option<char>>,
    enclosure: Choice<Option<char>>,
) -> (Dialect, Confidence, Confidence) {
    let (quote, quote_confidence) = match enclosure {
        Choice::Given(quote) => (quote, Confidence::Given),
        Choice::Auto => match guess_enclosure(head_of(sample, TEXT)) {
            // What is opened may close further down.
            (None, _) => guess_enclosure(sample),
            found => found,
        },
    };
    let (delimiter, confidence) = match delimiter {
        Choice::Given(delimiter) => (delimiter, Confidence::Given),
        Choice::Auto => guess_delimiter(sample, whole, quote),
    };
    let dialect = Dialect {
        delimiter,
        enclosure: quote,
    };
    (dialect, confidence, quote_confidence)
}

/// A file that an earlier run has written: its header ends with our own names.
pub(crate) struct Annotated {
    pub(crate) dialect: Dialect,
    /// The column with the recipients, if the header tells.
    pub(crate) column: Option<usize>,
}

/// Recognises such a file. Our own names and that of the recipients' column are always enclosed
/// ([`Writer::header`](crate::Writer::header)), which tells the enclosure and the column; a
/// spreadsheet program that has saved the file again has left the quotes out.
pub(crate) fn annotated(
    sample: &str,
    delimiter: Choice<Option<char>>,
    enclosure: Choice<Option<char>>,
    annotations: &[&str],
) -> Option<Annotated> {
    let sample = sample.trim_start_matches(['\r', '\n']);
    let delimiters = match delimiter {
        Choice::Given(Some(delimiter)) => vec![delimiter],
        // A list of one column gets one when columns are added.
        Choice::Given(None) => vec![','],
        Choice::Auto => DELIMITERS.to_vec(),
    };
    let enclosures = match enclosure {
        // A list of one column gets double quotes along with its delimiter.
        Choice::Given(None) if delimiter == Choice::Given(None) => vec![Some('"')],
        Choice::Given(enclosure) => vec![enclosure],
        Choice::Auto => vec![Some('"'), Some('\'')],
    };
    for must_be_enclosed in [true, false] {
        for &enclosure in &enclosures {
            for &delimiter in &delimiters {
                let dialect = Dialect {
                    delimiter: Some(delimiter),
                    enclosure,
                };
                let Some(header) = dialect.first_row(sample) else {
                    continue;
                };
                let (names, enclosed): (Vec<String>, Vec<bool>) = header.into_iter().unzip();
                let Some(own) = own_columns(&names, annotations) else {
                    continue;
                };
                let ours_enclosed = enclosed[own..own + annotations.len()].iter().all(|&e| e);
                if must_be_enclosed && !ours_enclosed {
                    continue;
                }
                let marked =
                    |column: &usize| enclosed[*column] && !dialect.needs_enclosure(&names[*column]);
                let mut marked = (0..own).filter(marked);
                let column = match (marked.next(), marked.next()) {
                    (Some(column), None) if ours_enclosed => Some(column),
                    _ => None,
                };
                return Some(Annotated { dialect, column });
            }
        }
    }
    None
}

/// How many columns stand before the added ones in a header that ends with them; a spreadsheet
/// program may have filled it up with empty names.
pub(crate) fn own_columns(header: &[String], annotations: &[&str]) -> Option<usize> {
    if annotations.is_empty() {
        return None;
    }
    let named = header.iter().rposition(|name| !name.is_empty())? + 1;
    let own = named.checked_sub(annotations.len())?;
    let matches = header[own..named]
        .iter()
        .zip(annotations)
        .all(|(a, b)| a == b);
    (matches && own > 0).then_some(own)
}

fn head_of(text: &str, most: usize) -> &str {
    let mut end = text.len().min(most);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

const DELIMITERS: [char; 4] = [',', ';', '\t', '|'];

/// Breaks of lines in a field: a stray quote must not eat the sample.
const MOST_BREAKS: usize = 20;

/// A quote encloses if it is seen to open *and* close fields; a lone one at a field's start
/// (Excel's text mark `'380…`) does not.
fn guess_enclosure(sample: &str) -> (Option<char>, Confidence) {
    let evidence = |quote| opens_and_closes(sample.as_bytes(), quote);
    let (double, single) = (evidence(b'"'), evidence(b'\''));
    match (double.0, single.0) {
        (0, 0) if double.1 > 0 || single.1 > 0 => (None, Confidence::Guess),
        (0, 0) => (Some('"'), Confidence::Likely),
        (d, s) if d >= s => (Some('"'), Confidence::Likely),
        _ => (Some('\''), Confidence::Likely),
    }
}

/// How often a quote, which is ASCII, closes a field that it has opened, and how often it opens one.
fn opens_and_closes(sample: &[u8], quote: u8) -> (usize, usize) {
    let is_border = |byte: Option<&u8>| {
        byte.is_none_or(|&b| b == b'\n' || b == b'\r' || DELIMITERS.contains(&char::from(b)))
    };
    let next = |at: usize, is_open: bool| {
        let rest = &sample[at..];
        let next = match is_open {
            true => memchr::memchr3(quote, b'\n', b'\r', rest),
            false => memchr::memchr(quote, rest),
        };
        next.map(|next| at + next)
    };
    let (mut closes, mut opens) = (0, 0);
    let (mut at, mut is_open, mut breaks) = (0, false, 0);
    while let Some(found) = next(at, is_open) {
        at = found + 1;
        let following = sample.get(at);
        if sample[found] != quote {
            breaks += 1;
            is_open = breaks < MOST_BREAKS;
        } else if !is_open {
            if is_border(sample[..found].last()) {
                (is_open, opens, breaks) = (true, opens + 1, 0);
            }
        } else if following == Some(&quote) {
            at += 1; // doubled
        } else if is_border(following) {
            (is_open, closes) = (false, closes + 1);
        }
    }
    (closes, opens)
}

fn guess_delimiter(sample: &str, whole: bool, quote: Option<char>) -> (Option<char>, Confidence) {
    // A split that leaves one column of clean numbers beats one that cuts across cells.
    let mut best: Option<((usize, usize, usize), char)> = None;
    for delimiter in DELIMITERS {
        let dialect = Dialect {
            delimiter: Some(delimiter),
            enclosure: quote,
        };
        let rows = rows(sample, whole, dialect);
        let widths: Vec<usize> = rows.iter().map(Vec::len).collect();
        let (width, count) = commonest(&widths);
        // A column more than one, in most rows.
        if width < 2 || count * 10 < widths.len() * 6 {
            continue;
        }
        let permille = count * 1000 / widths.len();
        let score = (recipient_scores(&rows).1, permille, width);
        if best.is_none_or(|(best, _)| score > best) {
            best = Some((score, delimiter));
        }
    }
    match best {
        Some(((_, permille, _), delimiter)) if permille >= 900 => {
            (Some(delimiter), Confidence::Likely)
        }
        Some((_, delimiter)) => (Some(delimiter), Confidence::Guess),
        None => (None, Confidence::Likely),
    }
}

/// The rows that the beginning of the sample holds whole, or, if it is hardly one, all of it.
pub(crate) fn rows(sample: &str, whole: bool, dialect: Dialect) -> Vec<Vec<String>> {
    /// Bytes that hold as many rows as are looked at, if these are short: to copy more would take longer than to
    /// read them.
    const SHORT: usize = 1 << 15;
    /// A header, a row, and one more to tell which of them is odd.
    const FEW: usize = 3;
    for (most, enough) in [(SHORT, ROWS), (TEXT, FEW)] {
        let head = head_of(sample, most);
        if head.len() == sample.len() {
            break;
        }
        let rows = rows_of(head, false, dialect);
        if rows.len() >= enough {
            return rows;
        }
    }
    rows_of(sample, whole, dialect)
}

fn rows_of(sample: &str, whole: bool, dialect: Dialect) -> Vec<Vec<String>> {
    let mut batch = Batch::new();
    batch.set_text(sample.to_owned());
    let edge = if whole { Edge::Last } else { Edge::Open };
    let split = dialect.split(&mut batch, edge, SourceLen::Same, usize::MAX, ROWS);
    if batch.is_empty() && split.done < sample.len() {
        // One row, longer than the sample or with an open quote: it is all there is to go by.
        let rest = sample[split.done..].to_owned();
        let unquoted = Dialect {
            enclosure: None,
            ..dialect
        };
        batch.clear();
        batch.set_text(rest);
        unquoted.split(&mut batch, Edge::Last, SourceLen::Same, usize::MAX, 1);
    }
    batch
        .rows()
        .map(|row| row.fields().map(str::to_owned).collect())
        .collect()
}

/// The commonest value and how often it comes; the first one on a tie.
pub(crate) fn commonest(values: &[usize]) -> (usize, usize) {
    let count = |value: usize| values.iter().filter(|&&v| v == value).count();
    let mut best = (0, 0);
    for &value in values {
        if value != best.0 {
            let times = count(value);
            if times > best.1 {
                best = (value, times);
            }
        }
    }
    best
}

/// Whether the first row is a header.
pub(crate) fn has_header(rows: &[Vec<String>], choice: Choice<bool>) -> (bool, Confidence) {
    if let Choice::Given(skip) = choice {
        return (skip, Confidence::Given);
    }
    let Some((first, rest)) = rows.split_first() else {
        return (false, Confidence::Likely);
    };
    if first.iter().any(|cell| phone_likeness(cell) > 0) {
        return (false, Confidence::Likely);
    }
    // `tel: 68271133` is no name.
    let is_name = |cell: &String| {
        names_recipients(cell) && cell.chars().filter(|c| c.is_numeric()).count() < FEW_DIGITS
    };
    if first.iter().any(is_name) {
        return (true, Confidence::Likely);
    }
    // Names without digits over columns of which one holds numbers. In a list of one column such
    // a row may as well be a bad recipient, and none may be lost.
    let named = first.len() > 1
        && first.iter().all(|cell| {
            cell.chars().any(char::is_alphabetic) && !cell.chars().any(|c| c.is_ascii_digit())
        });
    let (_, score) = recipient_scores(rest);
    if named && score >= 600 {
        (true, Confidence::Guess)
    } else {
        (false, Confidence::Likely)
    }
}

/// The column with the recipients, from 0.
pub(crate) fn recipient_column(
    header: Option<&[String]>,
    rows: &[Vec<String>],
    columns: usize,
) -> (usize, Confidence) {
    if let Some(header) = header {
        let exact = header
            .iter()
            .take(columns)
            .position(|name| name == "recipient");
        if let Some(column) = exact {
            return (column, Confidence::Certain);
        }
    }
    let (scores, _) = recipient_scores(rows);
    let name = |column: usize| header.and_then(|header| header.get(column));
    let shape = |column: usize| scores.get(column).copied().unwrap_or(0);
    let score = |column: usize| {
        let named = name(column).is_some_and(|name| names_recipients(name));
        let shape = shape(column);
        // Who names a column of mobile numbers has said which it is, if there are numbers in it at all:
        // neater ones beside it may be a manager's or an office's.
        let mobile = shape >= 150 && name(column).is_some_and(|name| names_mobiles(name));
        let points = shape + if named { 500 } else { 0 };
        (mobile, points, usize::MAX - column)
    };
    let Some(best) = (0..columns.max(1)).max_by_key(|&column| score(column)) else {
        return (0, Confidence::Guess);
    };
    let others_are_worse = (0..columns).all(|c| c == best || score(c).1 + 200 < score(best).1);
    match score(best).1 {
        0 => (0, Confidence::Guess),
        _ if columns <= 1 || others_are_worse => (best, Confidence::Likely),
        _ => (best, Confidence::Guess),
    }
}

/// How much each column looks like phone numbers, 0 to 1000, and the best of them.
fn recipient_scores(rows: &[Vec<String>]) -> (Vec<usize>, usize) {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let scores: Vec<usize> = (0..columns)
        .map(|column| {
            let cells = rows.iter().filter_map(|row| row.get(column));
            let filled: Vec<_> = cells.filter(|cell| !cell.trim().is_empty()).collect();
            let sum: usize = filled.iter().map(|cell| phone_likeness(cell)).sum();
            sum / filled.len().max(1)
        })
        .collect();
    let best = scores.iter().copied().max().unwrap_or(0);
    (scores, best)
}

/// How much a cell looks like a phone number, 0 to 1000: by its digits and by what stands
/// between them. Eight digits may be a date or an article, so they count for little.
pub(crate) fn phone_likeness(cell: &str) -> usize {
    let (mut digits, mut strange) = (0, 0);
    let mut exponent = false;
    for c in cell.chars() {
        if c.is_numeric() {
            digits += 1;
        } else if digits > 0 && (c == 'E' || c == 'e') {
            exponent = true;
        } else if c.is_alphabetic()
            || matches!(c, ':' | '@' | '$' | '€' | '₽' | '₴' | '%' | '=' | '&' | '?')
        {
            strange += 1;
        }
    }
    match (digits, strange) {
        (_, strange) if strange > 0 && digits < 9 => 0,
        (9..=15, 0) => 1000,
        (9..=15, _) => 300,
        (4..=19, 0) if exponent => 800,
        (16..=40, 0) => 300, // several numbers, or too many digits
        (7..=8, 0) => 300,
        _ => 0,
    }
}

/// Names of columns have fewer: `phone 2`.
const FEW_DIGITS: usize = 5;

/// Words in headings of mobile numbers.
const MOBILES: [&str; 19] = [
    "recipient",
    "recipients",
    "mobile",
    "mobiles",
    "mobilephone",
    "msisdn",
    "cell",
    "cellphone",
    "gsm",
    "моб",
    "мобильный",
    "мобильного",
    "мобільний",
    "получатель",
    "абонент",
    "celular",
    "handy",
    "handynummer",
    "móvil",
];

/// Words in headings of any telephone numbers.
const PHONES: [&str; 15] = [
    "phone",
    "phones",
    "phonenumber",
    "tel",
    "telephone",
    "number",
    "телефон",
    "телефоны",
    "тел",
    "номер",
    "номера",
    "telefone",
    "telefon",
    "telefonnummer",
    "numero",
];

/// Headings that people give to the column.
fn names_recipients(name: &str) -> bool {
    names_mobiles(name) || (has_word(name, &PHONES) && !has_word(name, &["fax", "факс"]))
}

/// Headings of mobile numbers.
fn names_mobiles(name: &str) -> bool {
    has_word(name, &MOBILES)
}

fn has_word(name: &str, words: &[&str]) -> bool {
    name.to_lowercase()
        .split(|c: char| !c.is_alphanumeric())
        .any(|word| words.contains(&word))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// [`opens_and_closes`], one character after the other.
    fn by_characters(sample: &str, quote: char) -> (usize, usize) {
        let is_border = |c: Option<char>| c.is_none_or(|c| "\r\n,;\t|".contains(c));
        let (mut closes, mut opens) = (0, 0);
        let (mut is_open, mut breaks, mut previous) = (false, 0, None);
        let mut chars = sample.chars().peekable();
        while let Some(c) = chars.next() {
            match (is_open, c == quote) {
                (false, true) if is_border(previous) => {
                    (is_open, opens, breaks) = (true, opens + 1, 0);
                }
                (true, true) if chars.peek() == Some(&quote) => {
                    chars.next();
                }
                (true, true) if is_border(chars.peek().copied()) => {
                    (is_open, closes) = (false, closes + 1);
                }
                (true, false) if c == '\r' || c == '\n' => {
                    breaks += 1;
                    is_open = breaks < MOST_BREAKS;
                }
                _ => {}
            }
            previous = Some(c);
        }
        (closes, opens)
    }

    proptest! {
        #[test]
        fn quotes_are_counted_as_by_characters(
            pieces in prop::collection::vec(
                prop_oneof![4 => "[\"';,\t|\r\né1]{1,6}", 1 => "\n{15,25}", 1 => Just("\"".to_owned())],
                0..20,
            ),
        ) {
            let sample = pieces.concat();
            for quote in ['"', '\''] {
                let expected = by_characters(&sample, quote);
                prop_assert_eq!(opens_and_closes(sample.as_bytes(), quote as u8), expected);
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// Few bytes are enough for short rows, and change nothing.
        #[test]
        fn rows_are_those_of_all_that_is_looked_at(
            pieces in prop::collection::vec(
                prop_oneof![
                    4 => "[0-9;\u{e9}]{0,60}(\n|\r\n|\r)",
                    1 => Just("\"1\n2\";3\n".to_owned()),
                    1 => Just("\"4;".to_owned()),
                ],
                1..12,
            ),
            times in 0usize..1200,
            whole: bool,
        ) {
            let sample = pieces.concat().repeat(times);
            for delimiter in [None, Some(';')] {
                let dialect = Dialect { delimiter, enclosure: Some('"') };
                let head = head_of(&sample, TEXT);
                let is_all = head.len() == sample.len();
                let mut expected = rows_of(head, whole && is_all, dialect);
                if !is_all && expected.len() < 3 {
                    expected = rows_of(&sample, whole, dialect);
                }
                prop_assert_eq!(rows(&sample, whole, dialect), expected);
            }
        }
    }

    fn guess(sample: &str) -> (Option<char>, Option<char>) {
        let (dialect, _, _) = dialect(sample, true, Choice::Auto, Choice::Auto);
        (dialect.delimiter, dialect.enclosure)
    }

    #[test]
    fn d16_delimiter_and_enclosure() {
        for (sample, expected) in [
            ("a;b\n1;2\n", (Some(';'), Some('"'))),
            ("a,b\n\"x, y\",2\n\"z\",3\n", (Some(','), Some('"'))),
            (
                "'x, y',380971112233\n'z',380971112234\n",
                (Some(','), Some('\'')),
            ),
            ("380971112233\n79101112233\n", (None, Some('"'))),
            // Excel's text mark is no enclosure.
            ("'380971112233\n'79101112233\n", (None, None)),
            // A cell with two numbers does not make a list of one column wide.
            (
                "380971112233\n79101112233;77071112233\n380971112255\n",
                (None, Some('"')),
            ),
            (
                "Last, First;380971112233;1,5\nX, Y;79101112233;2,5\n",
                (Some(';'), Some('"')),
            ),
            ("name\tphone\nA\t380971112233\n", (Some('\t'), Some('"'))),
        ] {
            assert_eq!(guess(sample), expected, "{sample:?}");
        }
    }

    #[test]
    fn excel_names_the_delimiter_in_the_first_line() {
        for (sample, expected) in [
            ("sep=;\r\na;b\r\n", Some((';', 7))),
            ("SEP=,\na,b\n", Some((',', 6))),
            ("\"sep=\t\"\ra\tb\r", Some(('\t', 8))),
            ("sep=;", None),
            ("sep=;;\n", None),
            ("sep=\n", None),
            ("sep=ж\n", None),
            ("step=;\n", None),
        ] {
            assert_eq!(separator_line(sample), expected, "{sample:?}");
        }
    }

    #[test]
    fn d16_encodings() {
        let auto = |bytes: &[u8]| encoding(bytes, true, Choice::Auto).map(|found| found.0);
        let text = "Получатель;Имя\n380971112233;Василий Петрович\n79101112233;Ольга Николаевна\n";
        for encoding in [
            Encoding::Utf8,
            Encoding::Windows1251,
            Encoding::Koi8R,
            Encoding::Cp866,
            Encoding::Ucs2Le,
            Encoding::Ucs2Be,
        ] {
            let bytes = encoding.encode(text).unwrap();
            assert_eq!(auto(&bytes).unwrap(), encoding);
        }
        let western = "Straße;380971112233\nMünchen für Zoë;79101112233\n";
        assert_eq!(
            auto(&Encoding::Windows1252.encode(western).unwrap()).unwrap(),
            Encoding::Windows1252
        );
        assert!(matches!(auto(b"a\0b\0\0c\0\0"), Err(ErrorKind::Binary)));
        // A field that was cut in the middle of a character makes no other encoding of the rest.
        let cut = [text.as_bytes(), &"Ольга".as_bytes()[..3], b";79101112244\n"].concat();
        assert_eq!(auto(&cut).unwrap(), Encoding::Utf8);
    }

    #[test]
    fn d15_a_mark_is_certain_and_must_not_contradict() {
        let with = |bytes: &[u8], choice| encoding(bytes, true, choice);
        let (found, bom, confidence) = with(b"\xef\xbb\xbf1", Choice::Auto).unwrap();
        assert_eq!(
            (found, bom, confidence),
            (Encoding::Utf8, 3, Confidence::Certain)
        );
        assert!(matches!(
            with(b"\xef\xbb\xbf1", Choice::Given(Encoding::Windows1251)),
            Err(ErrorKind::BomContradicts { .. })
        ));
        assert_eq!(
            with(b"\xfe\xff\0a", Choice::Given(Encoding::Ucs2))
                .unwrap()
                .0,
            Encoding::Ucs2Be
        );
        assert_eq!(
            with(b"3\x008\x000\x00", Choice::Given(Encoding::Ucs2))
                .unwrap()
                .0,
            Encoding::Ucs2Le
        );
        assert!(matches!(
            with(
                "жжжж"
                    .encode_utf16()
                    .flat_map(u16::to_le_bytes)
                    .collect::<Vec<_>>()
                    .as_slice(),
                Choice::Given(Encoding::Ucs2)
            ),
            Err(ErrorKind::UnknownByteOrder)
        ));
    }

    #[test]
    fn d16_header_and_column() {
        let rows = |text: &str| {
            let (dialect, _, _) = dialect(text, true, Choice::Auto, Choice::Auto);
            rows(text, true, dialect)
        };
        let column = |text: &str| {
            let rows = rows(text);
            let (header, _) = has_header(&rows, Choice::Auto);
            let (names, rest) = match header {
                true => (Some(rows[0].as_slice()), &rows[1..]),
                false => (None, &rows[..]),
            };
            (header, recipient_column(names, rest, rows[0].len()).0)
        };
        assert_eq!(column("name;phone\nA;380971112233\n"), (true, 1));
        assert_eq!(
            column("Имя;Мобильный телефон;Дата\nA;380971112233;2017-10-26\n"),
            (true, 1)
        );
        assert_eq!(column("380971112233\n79101112233\n"), (false, 0));
        // In a list of one column an odd first row is a row.
        assert_eq!(column("none\n79101112233\n"), (false, 0));
        assert_eq!(column("phone\n79101112233\n"), (true, 0));
        assert_eq!(column("phone 2\n79101112233\n"), (true, 0));
        assert_eq!(column("tel: 68271133\n79101112233\n"), (false, 0));
        assert_eq!(
            column("id;date;contact\n1;2017-10-26;+7 (910) 111-22-33\n"),
            (true, 2)
        );
        assert_eq!(column("A;380971112233\nB;79101112233\n"), (false, 1));
        // Neater numbers under another heading are not the recipients'.
        let two = "380671237101, 380671237102;380501112233\n";
        for (header, expected) in [
            ("Mobile phone;Manager phone", 0),
            ("Моб. телефон;Рабочий телефон", 0),
            ("Mobile;Phone", 0),
            ("Manager phone;Phone", 1),
            ("Home;Cell", 1),
        ] {
            assert_eq!(
                column(&format!("{header}\n{two}")),
                (true, expected),
                "{header}"
            );
        }
        let operator = "Mobile operator;Phone\nKyivstar;380671237101\n";
        assert_eq!(column(operator), (true, 1));
        let fax = "Fax number;Phone\n380441234567;380671237101\n";
        assert_eq!(column(fax), (true, 1));
    }
}
