//! Text files as a whole: what once went wrong, limits, and where rows stand.

use recipients_ingest::{
    Batch, Choice, Column, Encoding, Error, ErrorKind, Limits, Note, Options, Sheet, Source,
};
use std::io;

fn numbers(bytes: Vec<u8>, options: &Options) -> Result<Vec<(u64, u64, usize)>, Error> {
    let mut source = Source::from_bytes("l", bytes, options)?;
    let mut rows = Vec::new();
    let mut batch = Batch::new();
    while source.fill(&mut batch)? {
        rows.extend(
            batch
                .rows()
                .map(|row| (row.number(), row.offset(), row.len())),
        );
    }
    Ok(rows)
}

/// A file beyond the first sample whose last row ends in DOS's end-of-file mark.
#[test]
fn a_control_z_at_the_end_of_a_long_file() {
    let mut list = "380971112233\n".repeat(200_000).into_bytes();
    list.extend_from_slice(b"380971112233\x1a");
    assert_eq!(numbers(list, &Options::auto()).unwrap().len(), 200_001);
}

/// What programs call a workbook or a list, and is none, is told as such in every encoding.
#[test]
fn documents_that_are_no_lists_are_told() {
    let told = |bytes: Vec<u8>| match Source::from_bytes("l", bytes, &Options::auto()) {
        Err(error) => error.to_string(),
        Ok(_) => String::new(),
    };
    let row = "<tr><td>380971112233</td></tr>\n";
    for (head, what) in [
        (
            "\r\n <HTML xmlns:x=\"urn:schemas-microsoft-com:office:excel\">",
            "a web page",
        ),
        ("<!DOCTYPE html>\n<html>", "a web page"),
        ("<table border=\"1\">", "a web page"),
        (
            "<meta http-equiv=\"Content-Type\" content=\"text/html\">\n",
            "a web page",
        ),
        (
            "<?xml version=\"1.0\"?>\n<!DOCTYPE html PUBLIC>\n<html>",
            "a web page",
        ),
        (
            "MIME-Version: 1.0\nX-Document-Type: Workbook\n",
            "a web page with all",
        ),
        (
            "<?xml version=\"1.0\"?>\n<?mso-application progid=\"Excel.Sheet\"?>\n\
             <Workbook xmlns=\"urn:schemas-microsoft-com:office:spreadsheet\">",
            "an Excel workbook in XML",
        ),
        (
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
             <office:document xmlns:office=\"urn:oasis:names:tc:opendocument:xmlns:office:1.0\">",
            "an OpenDocument sheet",
        ),
        ("<?xml version=\"1.0\"?>\n<список>", "an XML document"),
        (
            "BEGIN:VCARD\r\nVERSION:3.0\r\nTEL:+380971112233\r\n",
            "a list of contacts",
        ),
    ] {
        let list = format!("{head}{}", row.repeat(3));
        let expected = format!("l: this is {what}");
        for encoding in [Encoding::Utf8, Encoding::Windows1251, Encoding::Ucs2Le] {
            let mut bytes = encoding.encode(&list).unwrap();
            if encoding == Encoding::Ucs2Le {
                bytes.splice(..0, [0xff, 0xfe]);
            }
            let told = told(bytes);
            assert!(told.starts_with(&expected), "{head:?}: {told}");
        }
        assert!(told(format!("\u{feff}{list}").into_bytes()).starts_with(&expected));
        // In a row behind the first it is a cell.
        let list = format!("380971112233\n{head}{}", row.repeat(3));
        assert_eq!(told(list.into_bytes()), "");
    }
    let json = "[{\"phone\":\"380971112233\"},\n{\"phone\":\"79101112233\"}]\n";
    assert!(told(json.into()).starts_with("l: this is a JSON document"));
    // Whoever tells the delimiter has looked.
    let options = Options::auto().delimiter(Choice::Given(Some(',')));
    assert!(Source::from_bytes("l", json.into(), &options).is_ok());
    assert_eq!(told("<380971112233>\n<79101112233>\n".into()), "");
    assert_eq!(told("<header>\n380971112233\n".into()), "");
    // That there are no sheets is not the point.
    let options = Options::auto().sheet(Some(Sheet::Number(1)));
    let error = Source::from_bytes("l", "<html>".into(), &options).unwrap_err();
    assert!(error.to_string().starts_with("l: this is a web page"));
}

/// Fields count towards the size of a batch as text does: rows of delimiters alone are small in
/// the file and large in memory.
#[test]
fn rows_of_many_empty_fields_come_in_small_batches() {
    let row = ",".repeat(100_000) + "\n";
    let list = row.repeat(50).into_bytes();
    let options = Options::auto().delimiter(Choice::Given(Some(',')));
    let mut source = Source::from_bytes("l", list, &options).unwrap();
    let mut batch = Batch::new();
    let mut rows = 0;
    while source.fill(&mut batch).unwrap() {
        assert!(batch.len() <= 3, "{} rows of 100,001 fields", batch.len());
        rows += batch.len();
    }
    assert_eq!(rows, 50);
}

/// D18: the physical line and the offset in the file's own bytes, in every encoding.
#[test]
fn d18_rows_know_where_they_stand() {
    let list = "телефон;имя\r\n380971112233;\"Ива\nнов\"\r\n\r\n79101112233;я\r\n";
    for encoding in [
        Encoding::Utf8,
        Encoding::Windows1251,
        Encoding::Koi8R,
        Encoding::Ucs2Be,
    ] {
        let bytes = encoding.encode(list).unwrap();
        let options = Options::auto().encoding(Choice::Given(encoding));
        let rows = numbers(bytes, &options).unwrap();
        let lines: Vec<u64> = rows.iter().map(|row| row.0).collect();
        assert_eq!(lines, [2, 5]);
        let text_before = &list[..list.find("79101112233").unwrap()];
        let expected = encoding.encode(text_before).unwrap().len() as u64;
        assert_eq!(rows[1].1, expected, "{encoding}");
    }
}

#[test]
fn limits_and_errors_name_the_line() {
    let limits = Limits {
        row_bytes: 100,
        ..Limits::default()
    };
    let fixed = Options::auto()
        .encoding(Choice::Given(Encoding::Utf8))
        .delimiter(Choice::Given(Some(',')))
        .enclosure(Choice::Given(Some('"')))
        .limits(limits);
    let long = format!("1\n2\n{}\n", "x".repeat(200));
    let error = numbers(long.into_bytes(), &fixed).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::RowTooLong { limit: 100 }));
    assert_eq!(
        (
            error.position().unwrap().line,
            error.position().unwrap().byte
        ),
        (3, 4)
    );
    let open = format!("1\n2,\"a\n{}", "x\n".repeat(200));
    let error = numbers(open.into_bytes(), &fixed).unwrap_err();
    assert!(matches!(
        error.kind(),
        ErrorKind::UnclosedQuote {
            limit: Some(100),
            ..
        }
    ));
    assert_eq!(error.position().unwrap().line, 2);
    let error = numbers(b"1\n2,\"a".to_vec(), &fixed).unwrap_err();
    assert!(matches!(
        error.kind(),
        ErrorKind::UnclosedQuote { limit: None, .. }
    ));
    let error = numbers(b"1\n2\nab\xff".to_vec(), &fixed).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Undecodable { .. }));
    assert_eq!(
        (
            error.position().unwrap().line,
            error.position().unwrap().byte
        ),
        (3, 6)
    );
    let error = numbers(b"1\n2\0".to_vec(), &fixed).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Binary));
}

#[test]
fn a_quote_that_swallows_rows_is_told() {
    let row = |n: u64, note: &str| format!("{},{note}\n", 380_971_112_000 + n);
    let plain: String = (0..60).map(|n| row(n, "n")).collect();
    let good = row(60, "\"two\nlines\"") + &row(61, "\"n\" ") + &row(62, "\"n\" or so");
    let bad = row(63, "\"open") + &row(64, "\"n \"\"1\"\" x\"") + &row(65, "n");
    for chunk in [7, 64, 1 << 18] {
        let options = Options::auto().chunk_bytes(chunk);
        let read = |text: String| {
            let mut source = Source::from_bytes("l", text.into_bytes(), &options).unwrap();
            let mut batch = Batch::new();
            let mut rows = 0;
            while source.fill(&mut batch).unwrap() {
                rows += batch.len();
            }
            (rows, source.notes().to_vec())
        };
        assert_eq!(read(plain.clone() + &good), (63, vec![]));
        let note = Note::OpenQuotes { rows: 2, first: 65 };
        let text = plain.clone() + &good + &bad + &bad;
        assert_eq!(read(text), (63 + 4, vec![note]), "{chunk}");
    }
}

#[test]
fn a_text_has_no_sheets() {
    let options = Options::auto().sheet(Some(Sheet::Named("May".to_owned())));
    let error = Source::from_bytes("l.csv", b"380971112233\n".to_vec(), &options).unwrap_err();
    assert_eq!(
        error.to_string(),
        "l.csv: there is no sheet `May`: this is a text, not a workbook"
    );
}

/// Rows of any length that is allowed tell how many columns a list has.
#[test]
fn first_rows_that_are_long() {
    let rest = "380971112233,n,Kyiv\n".repeat(100);
    let long = |length: usize| format!("380971112233,{},Kyiv\n", "x".repeat(length));
    let wide = |cell: &str| vec![cell; 100_000].join(",") + "\n";
    let header = "phone,note,city\n";
    for (text, width, count) in [
        (long(300_000) + &rest, 3, 101),
        (long((1 << 20) - 100) + &rest, 3, 101),
        (header.to_owned() + &long(300_000) + &rest, 3, 101),
        (
            format!("phone,note{},city\n{rest}", "x".repeat(300_000)),
            3,
            100,
        ),
        (
            format!("phone,{}380971112233,{}", wide("c"), wide("x")),
            100_001,
            1,
        ),
    ] {
        let source = Source::from_bytes("l", text.into_bytes(), &Options::auto()).unwrap();
        assert_eq!(
            (source.layout().width, source.layout().column),
            (width, 0),
            "{count}"
        );
        assert_eq!(source.into_rows().map(Result::unwrap).count(), count);
    }
}

#[test]
fn a_text_has_a_limit_where_one_is_set() {
    let text = b"380971112233\n380971112234\n".repeat(20_000);
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), Default::default());
    std::io::Write::write_all(&mut packed, &text).unwrap();
    let packed = packed.finish().unwrap();
    let read = |bytes: &[u8], text_bytes: usize| {
        let limits = Limits {
            text_bytes: text_bytes as u64,
            ..Limits::default()
        };
        let options = Options::auto().chunk_bytes(512).limits(limits);
        numbers(bytes.to_vec(), &options)
    };
    for bytes in [&text, &packed] {
        assert_eq!(read(bytes, text.len()).unwrap().len(), 40_000);
        let short = read(bytes, text.len() - 1).map(|rows| rows.len());
        let error = short.expect_err("it is too long");
        assert!(matches!(error.kind(), ErrorKind::TextTooLong { .. }) && error.is_limit());
        assert_eq!(read(&bytes[..0], 0).map(|rows| rows.len()).ok(), Some(0));
    }
}

#[test]
fn rows_one_by_one_end_after_an_error() {
    let list = b"phone\n1\n2\n\xff\n3\n".to_vec();
    let long = [b"1\n".repeat(2_000_000).as_slice(), b"\xff\n3\n"].concat();
    let options = Options::auto().encoding(Choice::Given(Encoding::Utf8));
    assert!(Source::from_bytes("l", list, &options).is_err());
    let rows: Vec<_> = Source::from_bytes("l", long, &options)
        .unwrap()
        .into_rows()
        .collect();
    assert_eq!(rows.iter().filter(|row| row.is_err()).count(), 1);
    assert!(rows.last().unwrap().is_err());
    // All rows before the chunk with the bad byte.
    assert!(rows.len() > 1_900_000);
}

/// D15-D18: what the campaign API takes a file for when nothing is said.
#[test]
fn d16_the_api_defaults() {
    let list = "Ivan,'a,b',380971112233\n\"x\",y,z\n";
    let source = Source::from_bytes("l", list.into(), &Options::api()).unwrap();
    let layout = source.layout();
    assert_eq!(
        (layout.delimiter, layout.enclosure),
        (Some(','), Some('\''))
    );
    assert_eq!((layout.has_header, layout.column), (false, 0));
    assert_eq!(layout.encoding, Some(Encoding::Utf8));
    let rows = numbers(list.into(), &Options::api()).unwrap();
    assert_eq!(rows.iter().map(|row| row.2).collect::<Vec<_>>(), [3, 3]);
    // D17: a plain list has no header unless told otherwise.
    assert_eq!(
        numbers("phone\n1\n".into(), &Options::api()).unwrap().len(),
        2
    );
    let by_name = Options::auto().column(Some(Column::Named("phone".to_owned())));
    let named = Source::from_bytes("l", "id;phone\n1;2\n".into(), &by_name).unwrap();
    assert_eq!(named.layout().column, 1);
    // The name makes the first row a header, whatever the rows look like.
    let bad = Source::from_bytes("l", "id;phone\n1;none\n".into(), &by_name).unwrap();
    assert_eq!((bad.header().is_some(), bad.layout().column), (true, 1));
    let skip = by_name.skip_header(Choice::Given(true));
    let error = Source::from_bytes("l", "id;name\n1;2\n".into(), &skip).unwrap_err();
    assert!(error.to_string().contains("`id`, `name`"), "{error}");
    // A first row that is no header is not shown.
    let error = Source::from_bytes("l", "380971112233;x\n1;2\n".into(), &skip).unwrap_err();
    assert!(!format!("{error} {error:?}").contains("380971112233"));
}

/// A first line `sep=;` tells Excel the delimiter; it is no row, and counts as a line.
#[test]
fn a_line_that_names_the_delimiter() {
    let text = "sep=|\r\nname|phone\r\nA|380971112233\r\nB|79101112233\r\n";
    let read = |bytes: Vec<u8>, options: &Options| {
        let source = Source::from_bytes("l", bytes, options).unwrap();
        let header = source.header().map(<[String]>::to_vec);
        let rows: Vec<_> = source.into_rows().map(Result::unwrap).collect();
        (header, rows)
    };
    for encoding in [Encoding::Utf8, Encoding::Windows1251, Encoding::Ucs2Le] {
        let bytes = [encoding.bom(), &encoding.encode(text).unwrap()].concat();
        let unit = encoding.encode("x").unwrap().len() as u64;
        for delimiter in [Choice::Auto, Choice::Given(Some('|'))] {
            let options = Options::auto()
                .encoding(Choice::Given(encoding))
                .delimiter(delimiter);
            let (header, rows) = read(bytes.clone(), &options);
            assert_eq!(header.unwrap(), ["name", "phone"]);
            let expected = encoding.bom().len() as u64 + 19 * unit;
            assert_eq!((rows[0].number, rows[0].offset), (3, expected));
            assert_eq!(rows[1].fields, ["B", "79101112233"]);
        }
    }
    // Whoever says another delimiter gets the line as a row.
    let options = Options::auto()
        .delimiter(Choice::Given(Some(';')))
        .skip_header(Choice::Given(false));
    assert_eq!(read(text.into(), &options).1.len(), 4);
}

#[test]
fn chunks_are_as_large_as_the_caller_says_or_else_as_is_preferred() {
    let text: String = (0..1000).map(|n| format!("380971{n:06}\n")).collect();
    let chunks = |options: &Options, preferred: usize| {
        let mut source = Source::from_bytes("l", text.clone().into(), options).unwrap();
        source.prefer_chunks_of(preferred);
        let (mut count, mut batch) = (0, Batch::new());
        while source.fill(&mut batch).unwrap() {
            count += 1;
        }
        count
    };
    let auto = Options::auto();
    assert_eq!(chunks(&auto, 1 << 20), 1);
    assert_eq!(chunks(&auto, 130), 100);
    assert_eq!(chunks(&auto.clone().chunk_bytes(1300), 1 << 20), 10);
    // Out of bounds.
    assert!(chunks(&auto, 0) >= 1000);
    let long = text.repeat(120).into();
    let mut source = Source::from_bytes("l", long, &auto).unwrap();
    source.prefer_chunks_of(usize::MAX);
    assert_eq!(source.into_rows().count(), 120_000);
}

/// What is looked at of a file may end within a character; the file may not.
#[test]
fn d16_utf8_up_to_the_middle_of_a_character() {
    const SAMPLE: usize = (1 << 20) + (1 << 16);
    let encoding = |bytes: Vec<u8>| {
        let source = Source::from_bytes("l", bytes, &Options::auto()).unwrap();
        source.layout().encoding
    };
    let row = "380971112233;ab\n";
    let mut list = row.repeat(SAMPLE / row.len()).into_bytes();
    list.truncate(SAMPLE - 1);
    list.extend_from_slice("\u{e9}\n".as_bytes());
    assert_eq!(encoding(list.repeat(2)), Some(Encoding::Utf8));
    assert_ne!(
        encoding(b"380971112233;ab\xc3".to_vec()),
        Some(Encoding::Utf8)
    );
}

#[test]
fn a_reader_that_is_interrupted_is_asked_again() {
    struct Interrupted<R>(R, bool);
    impl<R: io::Read> io::Read for Interrupted<R> {
        fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
            self.1 = !self.1;
            match self.1 {
                true => Err(io::ErrorKind::Interrupted.into()),
                false => self.0.read(out),
            }
        }
    }
    let text = io::Cursor::new("380971112233\n".repeat(200_000));
    let reader = Interrupted(text, false);
    let source = Source::from_reader("l", reader, &Options::auto()).unwrap();
    let rows = source.into_rows().collect::<Result<Vec<_>, _>>();
    assert_eq!(rows.unwrap().len(), 200_000);
}

/// What is read of a file to find out what it is comes out as what is read later does, however large the chunks.
#[test]
fn the_head_of_a_long_file_comes_out_whole() {
    let count = 200_000;
    let text: String = (0..count).map(|n| format!("380{n:09}\n")).collect();
    let check = |batch: &Batch, next: &mut u64| {
        for row in batch.rows() {
            let expected = format!("380{next:09}");
            assert_eq!(row.get(0), Some(&*expected));
            *next += 1;
        }
    };
    let utf8 = ["", "\u{feff}", "\u{feff}sep=;\n"].map(|before| format!("{before}{text}").into());
    let ucs2 = Encoding::Ucs2Le.encode(&text).unwrap();
    let ucs2 = [Encoding::Ucs2Le.bom(), &ucs2].concat();
    for list in utf8.into_iter().chain([ucs2]) {
        let beginning = list[..8].to_vec();
        for preferred in [
            100_000,
            1 << 18,
            3 << 17,
            1 << 20,
            (1 << 20) + (1 << 16),
            1 << 21,
        ] {
            let mut source = Source::from_bytes("l", list.clone(), &Options::auto()).unwrap();
            source.prefer_chunks_of(preferred);
            let mut next = 0;
            // Memory that is used again is not the same as new one.
            for is_new in [true, true, true, false].into_iter().cycle() {
                let mut batch = Batch::new();
                if !is_new {
                    source.fill(&mut batch).unwrap();
                    check(&batch, &mut next);
                }
                if !source.fill(&mut batch).unwrap() {
                    break;
                }
                check(&batch, &mut next);
            }
            assert_eq!(next, count, "{beginning:?} {preferred}");
        }
    }
}
