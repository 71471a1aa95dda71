//! The pipeline as a whole: order, duplicates, shapes, texts, and that neither threads nor chunks
//! show in what comes out.

use proptest::prelude::*;
use recipients_batcher::{
    Checked, Error, FileInfo, Pipeline, Report, Rows, SegmentCounts, Sink, Wants, annotate,
    region_suggestions,
};
use recipients_core::{Checker, Code, Lines, Msisdn, Origin, Plan, Policy, Reason, SeveralNumbers};
use recipients_ingest::{Choice, Column, Encoding, Options, Source};
use recipients_template::{Encoding as TextEncoding, Missing, Segments, Template, non_gsm};
use std::io::Read;

/// What a row came to, for comparison.
#[derive(Clone, Debug, Eq, PartialEq)]
struct Line {
    file: String,
    row: u64,
    input: String,
    fields: Vec<String>,
    reason: Reason,
    number: Option<u64>,
    duplicate_of: Option<(Option<String>, u64)>,
    likely_duplicate_of: Option<Origin>,
    parts: Option<u32>,
}

fn line(row: &Checked<'_>) -> Line {
    Line {
        file: row.file().name().to_owned(),
        row: row.number(),
        input: row.input().to_owned(),
        fields: row.fields().into_iter().map(str::to_owned).collect(),
        reason: row.verdict().reason(),
        number: row.msisdn().map(|n| n.as_u64()),
        duplicate_of: row
            .duplicate_of()
            .map(|origin| (row.other_file(origin).map(str::to_owned), origin.row)),
        likely_duplicate_of: row.likely_duplicate_of(),
        parts: row.segments().map(|s| s.parts),
    }
}

struct Setup {
    checker: Checker,
    message: Option<(Template, Missing)>,
    options: Options,
    threads: usize,
}

impl Default for Setup {
    fn default() -> Setup {
        Setup {
            checker: Checker::default(),
            message: None,
            options: Options::auto().annotations(annotate::COLUMNS),
            threads: 1,
        }
    }
}

impl Setup {
    fn run(&self, files: &[(&str, &str)]) -> (Vec<Line>, Report) {
        let open = |&(name, text): &(&str, &str)| {
            Source::from_bytes(name, text.into(), &self.options).unwrap()
        };
        self.run_sources(files.iter().map(open).collect())
    }

    fn run_sources(&self, sources: Vec<Source>) -> (Vec<Line>, Report) {
        let mut lines = Vec::new();
        let mut pipeline = Pipeline::new(&self.checker).threads(self.threads);
        if let Some((template, missing)) = &self.message {
            pipeline = pipeline.message(template.clone(), *missing);
        }
        let report = pipeline
            .run(sources, |row: &Checked<'_>| {
                lines.push(line(row));
                Ok(())
            })
            .unwrap();
        assert_eq!(
            report.total(),
            lines.len() as u64,
            "a verdict for every row"
        );
        (lines, report)
    }

    fn with_text(text: &str, missing: Missing) -> Setup {
        Setup {
            message: Some((Template::parse(text), missing)),
            ..Setup::default()
        }
    }

    fn with_policy(policy: Policy) -> Setup {
        Setup {
            checker: Checker::new(policy),
            ..Setup::default()
        }
    }
}

fn reasons(lines: &[Line]) -> Vec<(u64, Reason)> {
    lines.iter().map(|line| (line.row, line.reason)).collect()
}

/// Back-pressure: nothing is read before it is asked for, but for some chunks; and a flag ends it.
#[test]
fn verdicts_are_pulled_and_a_run_is_cancelled() {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
    let read = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&read);
    let rows = (0..u64::MAX).map(move |n| {
        counter.fetch_add(1, Ordering::Relaxed);
        Ok([format!("3809711{:05}", n % 100_000)])
    });
    let checker = Checker::default();
    let cancel = AtomicBool::new(false);
    let pipeline = Pipeline::new(&checker).cancel(&cancel);
    let source = Source::from_rows("endless", &[], 0, rows);
    let mut verdicts = pipeline.verdicts(vec![source]).unwrap();
    let first = verdicts.next().unwrap().unwrap();
    assert_eq!((first.origin.row, first.verdict.reason()), (1, Reason::Ok));
    assert!(read.load(Ordering::Relaxed) < 100_000);
    cancel.store(true, Ordering::Relaxed);
    let rest = verdicts.by_ref().skip_while(Result::is_ok);
    assert!(matches!(rest.last(), Some(Err(Error::Cancelled))));
    assert!(read.load(Ordering::Relaxed) < 100_000);

    let mut feed = pipeline
        .feed("l", &[], 0, |_: &Checked<'_>| Ok(()))
        .unwrap();
    feed.push(["380971112233"]).unwrap();
    assert!(matches!(feed.flush(), Err(Error::Cancelled)));
    let long = "1".repeat(2 << 20);
    assert!(
        feed.push([&long])
            .unwrap_err()
            .to_string()
            .contains("row 2")
    );
}

#[test]
fn d2_the_first_in_input_order_wins_across_files() {
    let a = ("a.csv", "phone\n+38 (097) 111-22-33\n380971112233\n");
    let b = ("b.csv", "phone\n380971112233\n79201112233\n");
    let setup = Setup::default();
    let (lines, report) = setup.run(&[a, b]);
    let winners: Vec<_> = lines.iter().map(|line| line.duplicate_of.clone()).collect();
    let elsewhere = Some((Some("a.csv".to_owned()), 2));
    assert_eq!(winners, [None, Some((None, 2)), elsewhere, None]);
    assert_eq!(report.count(Code::Duplicate), 2);
    let (lines, _) = setup.run(&[b, a]);
    assert_eq!(lines[0].reason, Reason::Ok);
    assert_eq!(lines[2].duplicate_of, Some((Some("b.csv".to_owned()), 2)));
}

/// D1 and D2: a row that was not added shadows no later one.
#[test]
fn d1_an_incomplete_or_stopped_row_shadows_nothing() {
    let list = (
        "l.csv",
        "recipient,name\n380971112233\n380971112233,Olga\n380971112233,Ivan\n",
    );
    let (lines, _) = Setup::with_text("Hi {name}", Missing::Reject).run(&[list]);
    assert_eq!(
        reasons(&lines),
        [
            (2, Reason::RowShape),
            (3, Reason::Ok),
            (4, Reason::Duplicate)
        ]
    );
    let list = ("l.csv", "recipient,name\n380971112233,a\n380971112233,b\n");
    let (lines, _) = Setup::with_text("Hi {nobody}", Missing::Reject).run(&[list]);
    // 20 before 4: neither row was added, so neither is a duplicate.
    assert_eq!(
        reasons(&lines),
        [
            (2, Reason::MissingPlaceholder),
            (3, Reason::MissingPlaceholder)
        ]
    );
}

#[test]
fn d10_flags_in_a_list() {
    let list = ("l.csv", "recipient,name\n380971112233,\n79201112233,Ivan\n");
    for (missing, code) in [
        (Missing::Keep, 0),
        (Missing::Remove, 0),
        (Missing::Reject, 20),
    ] {
        let (lines, _) = Setup::with_text("{name}{city}", missing).run(&[list]);
        assert!(
            lines.iter().all(|line| line.reason.code().as_u8() == code),
            "{missing:?}"
        );
        // Present but empty is a value.
        let (lines, _) = Setup::with_text("{name}", missing).run(&[list]);
        assert!(
            lines.iter().all(|line| line.reason == Reason::Ok),
            "{missing:?}"
        );
    }
}

/// D17: `{recipient}` is filled with the number; D21: segments are those of the filled text.
#[test]
fn d17_the_number_and_d21_the_filled_text() {
    let long = "x".repeat(150);
    let list = format!("recipient,name\n+38 (097) 111-22-33,{long}\n79201112233,y\n");
    let (lines, report) = Setup::with_text("{recipient}{name}", Missing::Keep).run(&[("l", &list)]);
    // 12 digits and 150 letters are 162 septets.
    assert_eq!([lines[0].parts, lines[1].parts], [Some(2), Some(1)]);
    assert_eq!(report.segments().unwrap().total, 3);
    let list = "recipient,name\n380971112233,It’s\n79201112233,Its\n";
    let (_, report) = Setup::with_text("Hi {name}", Missing::Keep).run(&[("l", list)]);
    let counts = report.segments().unwrap();
    assert_eq!((counts.ucs2, counts.culprits.get(&'’')), (1, Some(&1)));
}

/// Far behind the beginning of a list, by which it is judged what it is.
#[test]
fn bytes_of_no_text_end_a_list_wherever_they_stand() {
    let mut list = "380971112233;a\n".repeat(200_000).into_bytes();
    list.extend(b"380971112244;\0\n");
    let checker = Checker::default();
    let run = |rows: bool| {
        let options = fixed_options().column(Some(Column::Number(1)));
        let source = Source::from_bytes("l", list.clone(), &options).unwrap();
        let pipeline = Pipeline::new(&checker);
        let ended = match rows {
            true => pipeline.run(vec![source], |_: &Checked<'_>| Ok(())),
            false => pipeline.run(vec![source], ReportOnly(&mut 0)),
        };
        ended.unwrap_err().to_string()
    };
    assert!(run(true).contains("200001"), "{}", run(true));
    assert_eq!(run(false), run(true));
}

#[test]
fn d20_a_text_that_would_be_too_long() {
    let value = "x".repeat(1000);
    let list = format!("recipient;name\n380971112233;{value}\n380971112244;y\n");
    let text = "{name}".repeat(161);
    for text in [text.clone(), format!("я{text}")] {
        let setup = Setup::with_text(&text, Missing::Keep);
        let (lines, report) = setup.run(&[("l", &list)]);
        assert_eq!(reasons(&lines), [(2, Reason::TextTooLong), (3, Reason::Ok)]);
        let source = Source::from_bytes("l", list.clone().into_bytes(), &setup.options).unwrap();
        let pipeline = Pipeline::new(&setup.checker);
        let sums = pipeline
            .message(Template::parse(text), Missing::Keep)
            .run(vec![source], ReportOnly(&mut 0));
        assert_eq!(format!("{:?}", sums.unwrap()), format!("{report:?}"));
    }
}

#[test]
fn d18_what_is_a_row_and_of_what_shape() {
    let list = "phone;name\n380971112233;a\n\n;\n   \n79201112233\n77071112233;b;c\n \u{200b};\n\n";
    let setup = Setup {
        options: Options::auto().delimiter(Choice::Given(Some(';'))),
        ..Setup::default()
    };
    let (lines, report) = setup.run(&[("l", list)]);
    assert_eq!(
        reasons(&lines),
        [
            (2, Reason::Ok),
            (4, Reason::EmptyValue),
            (5, Reason::Blank),
            (6, Reason::RowShape),
            (7, Reason::RowShape),
            (8, Reason::Blank),
        ]
    );
    assert_eq!(report.skipped_blank(), 2);
}

#[test]
fn d14_explode_makes_rows_of_pieces() {
    let setup = Setup::with_policy(Policy::default().several_numbers(SeveralNumbers::Explode));
    let list = "phone;name\n380971112233, 79201112233;Ivan\n380971112233;Olga\n";
    let (lines, _) = setup.run(&[("l", list)]);
    assert_eq!(
        reasons(&lines),
        [(2, Reason::Ok), (2, Reason::Ok), (3, Reason::Duplicate)]
    );
    assert_eq!(lines[1].input, "79201112233");
    assert_eq!(lines[1].fields, ["79201112233", "Ivan"]);
}

/// The whole thing once more, slow and obvious: a character at a time, a cell at a time, one map.
mod naive {
    use recipients_core::{Checker, Reason};
    use std::collections::BTreeMap;

    pub(super) struct Row {
        pub(super) line: u64,
        pub(super) bytes: usize,
        pub(super) fields: Vec<String>,
    }

    /// `None` if a quote stays open.
    pub(super) fn rows(
        text: &str,
        delimiter: Option<char>,
        quote: Option<char>,
    ) -> Option<Vec<Row>> {
        let chars: Vec<char> = text.chars().collect();
        let (mut rows, mut at, mut line) = (Vec::new(), 0, 1);
        while at < chars.len() {
            let (start, first) = (at, line);
            let mut fields = vec![String::new()];
            let mut field_begins = true;
            let mut quoted = false;
            let end = loop {
                let c = chars.get(at).copied();
                let next = chars.get(at + 1).copied();
                let breaks = c == Some('\n') || c == Some('\r') && next != Some('\n');
                let field = fields.last_mut().unwrap();
                match c {
                    None if quoted => return None,
                    None => break at,
                    Some(c) if quoted && Some(c) == quote && next == quote => {
                        field.push(c);
                        at += 1;
                    }
                    Some(c) if quoted && Some(c) == quote => quoted = false,
                    Some(c) if quoted => {
                        field.push(c);
                        line += u64::from(breaks);
                    }
                    Some(c) if field_begins && Some(c) == quote => quoted = true,
                    Some(_) if breaks => break at,
                    Some('\r') => break at,
                    Some(c) if Some(c) == delimiter => {
                        fields.push(String::new());
                        (field_begins, at) = (true, at + 1);
                        continue;
                    }
                    Some(c) => field.push(c),
                }
                field_begins = false;
                at += 1;
            };
            at +=
                1 + usize::from(chars.get(end) == Some(&'\r') && chars.get(end + 1) == Some(&'\n'));
            line += 1;
            rows.push(Row {
                line: first,
                bytes: end - start,
                fields,
            });
        }
        Some(rows)
    }

    /// Each row's reason, and for a duplicate the row that won; rows are as wide as most of them.
    pub(super) fn verdicts(rows: &[Row]) -> Vec<(Reason, Option<u64>)> {
        let checker = Checker::default();
        let rows: Vec<&Row> = rows.iter().filter(|row| row.bytes > 0).collect();
        let count = |width| rows.iter().filter(|row| row.fields.len() == width).count();
        let mut width = 0;
        for row in &rows {
            if count(row.fields.len()) > count(width) {
                width = row.fields.len();
            }
        }
        let mut winners: BTreeMap<u64, u64> = BTreeMap::new();
        rows.iter()
            .map(|row| {
                let blank = |field: &String| recipients_core::is_blank(field);
                let reason = if row.fields.iter().all(String::is_empty) {
                    Reason::EmptyValue
                } else if row.fields.iter().all(blank) {
                    Reason::Blank
                } else if row.fields.len() != width {
                    Reason::RowShape
                } else {
                    let verdict = checker.check(&row.fields[0]);
                    if let (true, Some(number)) = (verdict.is_accepted(), verdict.msisdn()) {
                        let winner = *winners.entry(number.as_u64()).or_insert(row.line);
                        if winner != row.line {
                            return (Reason::Duplicate, Some(winner));
                        }
                    }
                    verdict.reason()
                };
                (reason, None)
            })
            .collect()
    }
}

/// Reads a few bytes at a time, as a slow pipe does.
struct Trickle {
    rest: std::io::Cursor<Vec<u8>>,
    step: usize,
}

impl Read for Trickle {
    fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
        let most = buf.len().min(self.step);
        self.rest.read(&mut buf[..most])
    }
}

/// A sink that wants no rows; it counts them.
struct ReportOnly<'c>(&'c mut u64);

impl Sink for ReportOnly<'_> {
    type Format = ();

    fn start(&mut self, _: &[FileInfo]) -> std::io::Result<()> {
        Ok(())
    }

    fn rows(&mut self, _: &Rows<'_>, (): ()) -> std::io::Result<()> {
        // They come all the same where a text is counted in little memory.
        Ok(())
    }

    fn wants(&self) -> Wants {
        Wants::Report
    }

    fn progress(&mut self, _: usize, verdicts: u64, _: u64) {
        *self.0 += verdicts;
    }
}

fn any_list() -> impl Strategy<Value = String> {
    let cell = prop_oneof![
        4 => "(380|\\+7 |0038 )[0-9]{9,10}",
        2 => prop::sample::select(&["380971112233", "+38 (097) 111-22-33", "79201112233", "380971112233,79201112233"][..]).prop_map(str::to_owned),
        1 => "[a-zа-я ;\"'=+-]{0,6}",
        1 => Just("\"a;\r\nb\"\"\"".to_owned()),
    ];
    let row = prop::collection::vec(cell, 1..4).prop_map(|cells| cells.join(";"));
    let end = prop::sample::select(&["\n", "\r\n", "\r", "\n\n"][..]);
    let rows = prop::collection::vec((row, end), 0..40);
    (rows, any::<bool>()).prop_map(|(rows, is_ended)| {
        let rows = rows.into_iter();
        let list: String = rows.flat_map(|(row, end)| [row, end.to_owned()]).collect();
        ended(list, is_ended)
    })
}

/// The list, or the same without the end of its last line.
fn ended(list: String, is_ended: bool) -> String {
    match is_ended {
        true => list,
        false => list.trim_end_matches(['\r', '\n']).to_owned(),
    }
}

/// A text whose placeholders some lists have values for, if there is one.
fn any_text() -> impl Strategy<Value = Option<String>> {
    let piece = prop::sample::select(
        &[
            "{name}",
            "{code}",
            "{to}",
            "{recipient}",
            "{none}",
            "Вітаємо, ",
            "Dear ",
            "€",
            "😀",
            "{",
            "a long word ",
        ][..],
    );
    let text = (prop::collection::vec(piece, 0..6), 1usize..40)
        .prop_map(|(pieces, times)| pieces.concat() + &"a".repeat(times) + &pieces.concat());
    prop::option::of(text)
}

/// What the text of a row costs once it is filled, whichever way the pipeline finds that out.
fn count_filled(
    row: &Checked<'_>,
    template: &Template,
    missing: Missing,
    counts: &mut SegmentCounts,
) {
    let mut filled = String::new();
    let is_filled = row.fill(template, missing, &mut filled).is_ok();
    let segments = (is_filled && row.verdict().is_accepted()).then(|| Segments::of(&filled));
    assert_eq!(row.segments(), segments, "{filled}");
    let Some(segments) = segments else {
        return;
    };
    counts.total += u64::from(segments.parts);
    *counts.by_parts.entry(segments.parts).or_default() += 1;
    counts.ucs2 += u64::from(segments.encoding == TextEncoding::Ucs2);
    if non_gsm(template.text()).next().is_none() {
        let culprits: std::collections::BTreeSet<char> = non_gsm(&filled).collect();
        for culprit in culprits {
            *counts.culprits.entry(culprit).or_default() += 1;
        }
    }
}

/// A list with bytes that not every encoding has a character for.
fn any_bytes() -> impl Strategy<Value = Vec<u8>> {
    const ROWS: &[&[u8]] = &[
        b"380971112233;a;b\n",
        b"\"79201112233\";\"a;b\";c\r\n",
        b"380971112244;\xc8\xe2\xe0\xed;b\n",
    ];
    const PIECES: &[&[u8]] = &[b";", b"\n", b"\r", b"\"", b" ", b"7", b"+7 920 111-22-55"];
    const ODD: &[&[u8]] = &[
        b"\0",
        b"\x1a",
        b"\x7f",
        b"\x81",
        b"\x85",
        b"\x98",
        b"\xa0",
        b"\xff",
        b"\xd0\x98",
    ];
    let piece = prop_oneof![
        12 => prop::sample::select(ROWS),
        4 => prop::sample::select(PIECES),
        3 => prop::sample::select(ODD),
    ];
    prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

fn fixed_options() -> Options {
    Options::auto()
        .encoding(Choice::Given(Encoding::Utf8))
        .delimiter(Choice::Given(Some(';')))
        .enclosure(Choice::Given(Some('"')))
        .skip_header(Choice::Given(false))
        .annotations(annotate::COLUMNS)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Same bytes in, same rows out: for 1, 2 and 8 threads, for any chunk and any read size, in one
    /// column or several; and they are those of a reader that takes one character at a time.
    #[test]
    fn threads_and_chunks_do_not_show(
        list in any_list(),
        bom: bool,
        chunk in 1usize..40,
        step in 1usize..9,
        delimiter in prop::sample::select(&[Some(';'), None][..]),
        enclosure in prop::sample::select(&[Some('"'), None][..]),
        encoding in prop::sample::select(&[Encoding::Utf8, Encoding::Windows1251, Encoding::Ucs2Be][..]),
    ) {
        let mut bytes = if bom { encoding.bom().to_vec() } else { Vec::new() };
        bytes.extend(encoding.encode(&list).unwrap());
        let run = |threads: usize, chunk: usize, step: usize| {
            let options = fixed_options()
                .encoding(Choice::Given(encoding))
                .delimiter(Choice::Given(delimiter))
                .enclosure(Choice::Given(enclosure))
                .column(Some(Column::Number(1)))
                .chunk_bytes(chunk);
            let reader = Trickle { rest: std::io::Cursor::new(bytes.clone()), step };
            let mut lines = Vec::new();
            let checker = Checker::default();
            let result = Source::from_reader("l", reader, &options).map_err(|e| e.to_string()).and_then(|source| {
                Pipeline::new(&checker)
                    .threads(threads)
                    .run(vec![source], |row: &Checked<'_>| { lines.push(line(row)); Ok(()) })
                    .map_err(|e| e.to_string())
            });
            (result.map(|report| (report.reasons().collect::<Vec<_>>(), report.skipped_blank())), lines)
        };
        let (whole, lines) = run(1, 1 << 17, usize::MAX);
        if let Ok((_, skipped)) = &whole {
            let naive = naive::rows(&list, delimiter, enclosure).expect("no quote stays open");
            let rows: Vec<_> = lines.iter().map(|l| (l.row, l.fields.clone())).collect();
            let expected: Vec<_> = naive.iter().filter(|row| row.bytes > 0).map(|row| (row.line, row.fields.clone())).collect();
            prop_assert_eq!(rows, expected);
            prop_assert_eq!(*skipped as usize, naive.iter().filter(|row| row.bytes == 0).count());
            let verdicts: Vec<_> = lines.iter().map(|l| (l.reason, l.duplicate_of.clone().map(|d| d.1))).collect();
            prop_assert_eq!(verdicts, naive::verdicts(&naive));
        } else {
            prop_assert!(naive::rows(&list, delimiter, enclosure).is_none());
        }
        for threads in [1, 2, 8] {
            let (result, other) = run(threads, chunk, step);
            prop_assert_eq!(&result, &whole);
            // A file that breaks off has handed out its rows up to there, chunk by chunk.
            if whole.is_ok() {
                prop_assert_eq!(&other, &lines);
            }
        }
    }

    /// A run that wants no rows takes another way through the list, and sees the same; so does one
    /// that has to set numbers aside on disk.
    #[test]
    fn runs_without_rows_and_with_little_memory_are_the_same(
        list in any_list(),
        numbers in prop::collection::vec((0u64..60, 0usize..10), 0..80),
        is_ended: bool,
        chunk in 1usize..400,
        delimiter in prop::sample::select(&[Some(';'), None][..]),
        lines in prop::sample::select(&[Lines::Mobile, Lines::Any, Lines::Possible][..]),
        explode: bool,
        national: bool,
        several: bool,
        width in 1usize..4,
        encoding in prop::sample::select(&[Encoding::Utf8, Encoding::Windows1251, Encoding::Koi8R, Encoding::Ucs2Be][..]),
        text in any_text(),
        missing in prop::sample::select(&[Missing::Keep, Missing::Remove, Missing::Reject][..]),
        keeps_accepted: bool,
    ) {
        let numbers: String = numbers
            .iter()
            .map(|&(n, form)| match form {
                0 => format!("+38 (097) 111-22-{n:02}\n"),
                1 => format!("0038097111{n:04}\r\n"),
                2 => format!("79{:09}\n", n * 104_729),
                3 => format!("097111{n:04}\n\n"),
                4 => format!("1{n}\n"),
                5 => format!("55118765432{:02}\n", n % 9),
                6 => format!("551198765432{}\n", n % 9),
                7 => format!("551187654{:03}\n", 320 + n % 9),
                // Some of them are on the list.
                _ => format!("380971112{:03}\n", 170 + n),
            })
            .enumerate()
            .map(|(at, line)| {
                // Where there is a text, rows have values for it.
                let long = "x".repeat(80);
                let values = ["Олена", "Bob", "", "€|", "😀", "\"a b\"", "\"1\"\"\"", " x ", &long, "ґ’"];
                let is_there = |value: &&str| encoding.encode(value).is_some();
                let values: Vec<&str> = values.into_iter().filter(is_there).collect();
                let beyond = if text.is_some() { width.min(3) - 1 } else { 0 };
                let delimiter = delimiter.map_or(String::new(), String::from);
                let more: String = (0..beyond)
                    .map(|column| delimiter.clone() + values[(at * 7 + column * 3) % values.len()])
                    .collect();
                let (row, end) = line.split_at(line.find(['\r', '\n']).unwrap());
                format!("{row}{more}{end}")
            })
            .collect();
        let number = |n| Msisdn::from_u64(n).unwrap();
        let plan = Plan::builtin();
        let policy = Policy::default()
            .lines(lines)
            .region(national.then(|| plan.territory("UA").unwrap()))
            .several_numbers(if explode { SeveralNumbers::Explode } else { SeveralNumbers::Reject })
            .own_stop_list((0..30).map(|n| number(380_971_112_200 + 3 * n)).collect())
            .system_stop_list((0..30).map(|n| number(380_971_110_000 + 2 * n)).collect())
            .seen_before((0..30).map(|n| number(380_971_112_201 + 3 * n)).collect());
        let checker = Checker::new(policy);
        // In two files, so that duplicates are in other files, too.
        let texts = match several {
            true => vec![list.clone() + &ended(numbers.clone(), is_ended), numbers + &list],
            false => vec![numbers + &list],
        };
        let folder = tempfile::tempdir().unwrap();
        let has_text = text.is_some();
        let header = ["to", "name", "code", "more"][..width].join(&delimiter.unwrap_or(' ').to_string());
        let run = |threads, chunk: usize, rows: bool, memory: Option<usize>| {
            let open = |text: &String| {
                let mut options = fixed_options()
                    .encoding(Choice::Given(encoding))
                    .delimiter(Choice::Given(delimiter))
                    .chunk_bytes(chunk);
                let mut text = text.clone();
                if has_text {
                    // The column is named, so that the header need not name it.
                    options = options.skip_header(Choice::Given(true)).column(Some(Column::Number(1)));
                    text = format!("{header}\n{text}");
                }
                Source::from_bytes("l", encoding.encode(&text).unwrap(), &options)
            };
            let sources = texts.iter().map(open).collect::<Result<Vec<_>, _>>().map_err(|e| e.to_string())?;
            let mut pipeline = Pipeline::new(&checker).threads(threads).keep_accepted(keeps_accepted);
            if let Some(text) = &text {
                pipeline = pipeline.message(Template::parse(text.as_str()), missing).loose_header(true);
            }
            let pipeline = match memory {
                Some(bytes) => pipeline.memory(bytes, folder.path()),
                None => pipeline,
            };
            let (mut verdicts, mut lines) = (0, Vec::new());
            let mut counts = text.is_some().then(SegmentCounts::default);
            let report = match rows {
                true => pipeline.run(sources, |row: &Checked<'_>| {
                    verdicts += 1;
                    lines.push(line(row));
                    if let (Some(text), Some(counts)) = (&text, &mut counts) {
                        count_filled(row, &Template::parse(text.as_str()), missing, counts);
                    }
                    Ok(())
                }),
                false => pipeline.run(sources, ReportOnly(&mut verdicts)),
            };
            let report = report.map_err(|e| e.to_string())?;
            assert_eq!(verdicts, report.total());
            if rows {
                assert_eq!(report.segments(), counts.as_ref());
            }
            let regions = region_suggestions(&report, &checker);
            let accepted: Option<Vec<Msisdn>> = report.accepted_numbers().map(|all| all.iter().collect());
            assert_eq!(accepted.is_some(), keeps_accepted);
            Ok(((format!("{report:?}"), format!("{regions:?}"), accepted), lines))
        };
        let with_rows: Result<_, String> = run(1, 1 << 17, true, None);
        let report = with_rows.as_ref().map(|(report, _)| report);
        for (threads, chunk, memory) in
            [(1, chunk, None), (2, 1 << 17, None), (1, chunk, Some(0)), (2, chunk, Some(3000))]
        {
            let without = run(threads, chunk, false, memory);
            prop_assert_eq!(without.as_ref().map(|(report, _)| report), report);
        }
        // Rows that were set aside on disk come back the same.
        for (threads, memory) in [(1, 0), (2, 3000)] {
            prop_assert_eq!(&run(threads, chunk, true, Some(memory)), &with_rows);
        }
    }

    /// Bytes that an encoding has no character for, and those that stand in no text, wherever they
    /// stand: what becomes of them does not depend on whether rows are wanted.
    #[test]
    fn bytes_that_are_no_text_are_told_alike(
        bytes in any_bytes(),
        chunk in 1usize..60,
        column in 1usize..4,
        encoding in prop::sample::select(&Encoding::ALL[..]),
        enclosure in prop::sample::select(&[Some('"'), None][..]),
    ) {
        let checker = Checker::default();
        let run = |chunk: usize, rows: bool| {
            let options = fixed_options()
                .encoding(Choice::Given(encoding))
                .enclosure(Choice::Given(enclosure))
                .column(Some(Column::Number(column)))
                .chunk_bytes(chunk);
            let source = Source::from_bytes("l", bytes.clone(), &options).map_err(|e| e.to_string())?;
            let pipeline = Pipeline::new(&checker).threads(1);
            let report = match rows {
                true => pipeline.run(vec![source], |_: &Checked<'_>| Ok(())),
                false => pipeline.run(vec![source], ReportOnly(&mut 0)),
            };
            report.map(|report| format!("{report:?}")).map_err(|e| e.to_string())
        };
        let with_rows = run(1 << 17, true);
        prop_assert_eq!(&run(1 << 17, false), &with_rows);
        prop_assert_eq!(&run(chunk, false), &with_rows);
    }

    /// Duplicates against a map from numbers to the row that came first, whatever memory, threads and
    /// chunks there are: a row that is stopped, seen before or no number shadows none.
    #[test]
    fn d2_duplicates_are_those_of_a_map(
        rows in prop::collection::vec((0u64..30, 0usize..6, any::<bool>()), 0..200),
        stopped in prop::collection::hash_set(0u64..30, 0..6),
        before in prop::collection::hash_set(0u64..30, 0..6),
        chunk in 1usize..400,
        // With next to none, numbers are set aside after the first chunk.
        memory in prop_oneof![Just(None), (0usize..400).prop_map(Some)],
        threads in 1usize..4,
    ) {
        const FIRST: u64 = 380_971_112_200;
        let number = |n: &u64| Msisdn::from_u64(FIRST + n).unwrap();
        let policy = Policy::default()
            .own_stop_list(stopped.iter().map(number).collect())
            .seen_before(before.iter().map(number).collect());
        let checker = Checker::new(policy);
        let mut files = [String::new(), String::new()];
        let mut expected = [Vec::new(), Vec::new()];
        for (n, form, second) in &rows {
            let file = usize::from(*second);
            let text = match form {
                0 => format!("+38 (097) 111-22-{n:02}"),
                1 => format!("+380 97 1112 2{n:02}"),
                2 => format!("38.097.111.22.{n:02}"),
                3 => "none".to_owned(),
                _ => (FIRST + n).to_string(),
            };
            files[file].push_str(&text);
            files[file].push('\n');
            expected[file].push((*form != 3).then_some(*n));
        }
        let names = ["a", "b"];
        let mut first = std::collections::HashMap::new();
        let mut model = Vec::new();
        for (file, rows) in names.iter().zip(&expected) {
            for (row, n) in (1u64..).zip(rows) {
                let (reason, origin) = match n {
                    None => (None, None),
                    Some(n) if stopped.contains(n) => (Some(Reason::OwnStopList), None),
                    Some(n) if before.contains(n) => (Some(Reason::SeenBefore), None),
                    Some(n) => match first.get(n) {
                        None => {
                            first.insert(n, (*file, row));
                            (Some(Reason::Ok), None)
                        }
                        Some((other, row)) => {
                            let other = (other != file).then(|| (*other).to_owned());
                            (Some(Reason::Duplicate), Some((other, *row)))
                        }
                    },
                };
                model.push(((*file).to_owned(), row, reason, origin));
            }
        }
        let folder = tempfile::tempdir().unwrap();
        let options = fixed_options().delimiter(Choice::Given(None)).chunk_bytes(chunk);
        let sources = names.iter().zip(files);
        let sources = sources.map(|(name, text)| Source::from_bytes(name, text.into_bytes(), &options).unwrap());
        let pipeline = Pipeline::new(&checker).threads(threads).keep_accepted(true);
        let pipeline = match memory {
            Some(bytes) => pipeline.memory(bytes, folder.path()),
            None => pipeline,
        };
        let mut found = Vec::new();
        let report = pipeline.run(sources.collect::<Vec<_>>(), |row: &Checked<'_>| {
            let line = line(row);
            // What a text without a number is called is for other tests.
            let reason = line.number.map(|_| line.reason);
            found.push((line.file, line.row, reason, line.duplicate_of));
            Ok(())
        }).unwrap();
        prop_assert_eq!(found, model);
        let accepted: Vec<u64> = report.accepted_numbers().unwrap().iter().map(|n| n.as_u64()).collect();
        let mut wanted: Vec<u64> = first.keys().map(|n| FIRST + **n).collect();
        wanted.sort_unstable();
        prop_assert_eq!(accepted, wanted);
    }

    /// Rows that are pushed, and verdicts that are pulled, are those of a run.
    #[test]
    fn pushed_and_pulled_rows_are_the_same(
        list in any_list(),
        repeats in 1usize..4,
        chunk in 1usize..400,
        threads in 1usize..3,
        flush in prop::collection::vec(0usize..100, 0..3),
        memory: bool,
    ) {
        let list = list.repeat(repeats);
        let checker = Checker::default();
        let options = fixed_options().chunk_bytes(chunk).annotations(&[]);
        let open = || Source::from_bytes("l", list.clone().into_bytes(), &options);
        let mut expected = Vec::new();
        let by_run = open().map_err(|e| e.to_string()).and_then(|source| {
            let run = Pipeline::new(&checker).run(vec![source], |row: &Checked<'_>| {
                expected.push(line(row));
                Ok(())
            });
            run.map_err(|e| e.to_string())
        });

        // Pulled: rows before a fault come before it, as they do in a run.
        let pipeline = Pipeline::new(&checker).threads(threads);
        if let Ok(source) = open() {
            let mut verdicts = pipeline.verdicts(vec![source]).unwrap();
            let pulled: Result<Vec<_>, String> =
                verdicts.by_ref().map(|row| row.map_err(|e| e.to_string())).collect();
            match (pulled, &by_run) {
                (Ok(rows), Ok(report)) => {
                    let pulled: Vec<_> = rows.iter().map(|r| (r.origin.row, r.input.clone(), r.verdict.reason())).collect();
                    let rows: Vec<_> = expected.iter().map(|l| (l.row, l.input.clone(), l.reason)).collect();
                    prop_assert_eq!(pulled, rows);
                    prop_assert_eq!(format!("{:?}", verdicts.report().unwrap()), format!("{report:?}"));
                }
                (pulled, by_run) => prop_assert_eq!(pulled.err(), by_run.as_ref().err().cloned()),
            }
            prop_assert!(verdicts.next().is_none());
        }

        // Pushed: the same fields, so the same verdicts but for what only a file has.
        let fields: Vec<Vec<String>> = expected.iter().map(|line| line.fields.clone()).collect();
        let folder = tempfile::tempdir().unwrap();
        let pipeline = if memory { pipeline.memory(0, folder.path()) } else { pipeline };
        let run = |rows: Vec<Vec<String>>| {
            let mut lines = Vec::new();
            let source = Source::from_rows("l", &[], 0, rows.into_iter().map(Ok));
            let report = Pipeline::new(&checker).run(vec![source], |row: &Checked<'_>| {
                lines.push(line(row));
                Ok(())
            });
            (format!("{:?}", report.unwrap()), lines)
        };
        let mut pushed = Vec::new();
        let mut feed = pipeline
            .feed("l", &[], 0, |row: &Checked<'_>| { pushed.push(line(row)); Ok(()) })
            .unwrap();
        for (at, row) in fields.iter().enumerate() {
            if flush.contains(&at) {
                feed.flush().unwrap();
            }
            feed.push(row).unwrap();
        }
        let report = format!("{:?}", feed.finish().unwrap());
        prop_assert_eq!((report, pushed), run(fields));
    }

    /// `accepted` and `rejected` hold each row once, and the rejected file fed back unchanged
    /// gives the same verdicts, though it has other rows before it.
    #[test]
    fn rejected_rows_fed_back_unchanged_are_rejected_alike(
        list in any_list(),
        auto: bool,
        with_header: bool,
    ) {
        let list = if with_header { format!("phone;name\n{list}") } else { list };
        let mut setup = Setup {
            options: if auto { Options::auto().annotations(annotate::COLUMNS) } else { fixed_options() },
            ..Setup::default()
        };
        if with_header && !auto {
            setup.options = setup.options.skip_header(Choice::Given(true));
        }
        let Ok(source) = Source::from_bytes("l", list.into_bytes(), &setup.options) else { return Ok(()) };
        let mut files = Files::default();
        let Ok(_) = Pipeline::new(&setup.checker).threads(2).run(vec![source], &mut files) else {
            return Ok(());
        };
        let rejected = files.rejected.take().unwrap().finish().unwrap();
        let again = Source::from_bytes("r", rejected, &setup.options).unwrap();
        let (lines, report) = setup.run_sources(vec![again]);
        prop_assert_eq!(report.skipped_blank(), 0);
        let verdicts = |lines: &[Line]| -> Vec<_> {
            lines.iter().map(|l| (l.reason, l.number, l.input.clone())).collect()
        };
        prop_assert_eq!(verdicts(&lines), verdicts(&files.lines));
    }
}

/// Writes accepted and rejected rows as the command line does.
#[derive(Default)]
struct Files {
    rejected: Option<recipients_ingest::Writer<Vec<u8>>>,
    /// What the rejected rows came to.
    lines: Vec<Line>,
}

impl recipients_batcher::Sink for &mut Files {
    type Format = ();

    fn start(&mut self, files: &[recipients_batcher::FileInfo]) -> std::io::Result<()> {
        self.rejected = Some(annotate::writer(files, Vec::new())?);
        Ok(())
    }

    fn rows(&mut self, rows: &recipients_batcher::Rows<'_>, (): ()) -> std::io::Result<()> {
        for row in rows.iter().filter(|row| !row.verdict().is_accepted()) {
            annotate::write_row(self.rejected.as_mut().unwrap(), &row)?;
            self.lines.push(line(&row));
        }
        Ok(())
    }
}

#[test]
fn suggestions_count_rows_that_lack_the_calling_code() {
    let list = "phone\n380971112233\n0971112244\n(097) 111-22-55\n12\n79201112233\n";
    let setup = Setup::default();
    let (_, report) = setup.run(&[("l", list)]);
    let suggestions = recipients_batcher::region_suggestions(&report, &setup.checker);
    assert_eq!(
        suggestions[0].region,
        Plan::builtin().territory("UA").unwrap()
    );
    assert_eq!((suggestions[0].rows, suggestions[0].calling_code), (2, 380));
    assert!(!suggestions[0].at_least);
}

/// A list that names no country itself is helped only where one region plainly fits: obeying a
/// wrong suggestion would write to strangers.
#[test]
fn suggestions_do_not_guess() {
    let regions = |list: &str| -> Vec<String> {
        let setup = Setup::default();
        let (_, report) = setup.run(&[("l", list)]);
        assert!(report.may_be_national() > 0);
        recipients_batcher::region_suggestions(&report, &setup.checker)
            .iter()
            .map(|suggestion| suggestion.region.to_string())
            .collect()
    };
    let russian = "name,phone\nAnna,8 (916) 123-45-67\nBoris,8 (926) 123-45-68\n";
    assert!(
        regions(russian).iter().all(|region| region == "RU"),
        "{:?}",
        regions(russian)
    );
    let known = "phone\n+79161234567\n8 (926) 123-45-68\n8 (916) 123-45-69\n";
    assert_eq!(regions(known), ["RU"]);
    // Nine digits of a mobile number in half of Europe.
    assert!(regions("phone\n0612345678\n0612345679\n").len() <= 1);
}

/// A rejected file that a spreadsheet program has saved is not taken for a mended one.
#[test]
fn digits_that_a_spreadsheet_program_drops_are_not_forgotten() {
    // What LibreOffice makes of a rejected file: 3.8050E+11 and 0971112233 as numbers.
    let saved = "phone,code,reason,message,suggestion\n\
                 380500000000,2,precision_lost,x,y\n\
                 380501234567,2,precision_lost,x,y\n\
                 971112233,3,leading_zero,it starts with 0 (digits 0971112233),y\n\
                 380971112233,3,leading_zero,it starts with 0 (digits 0971112233),y\n";
    let (lines, _) = Setup::default().run(&[("l", saved)]);
    assert_eq!(
        reasons(&lines),
        [
            (2, Reason::PrecisionLost),
            (3, Reason::Ok),
            (4, Reason::LeadingZero),
            (5, Reason::Ok)
        ]
    );
}

#[test]
fn debug_shows_no_number_and_no_name() {
    let list = "phone;name\n380971112233, 79201112233;Ivan Petrov\n";
    let source = Source::from_bytes("l", list.into(), &Options::auto()).unwrap();
    let several = SeveralNumbers::Explode;
    let checker = Checker::new(Policy::default().several_numbers(several));
    let mut shown = String::new();
    let result = Pipeline::new(&checker).run(vec![source], |row: &Checked<'_>| {
        shown.push_str(&format!("{row:?} {:?}", row.file()));
        Ok(())
    });
    shown.push_str(&format!("{result:?} {checker:?}"));
    for secret in ["380971112233", "79201112233", "Ivan"] {
        assert!(!shown.contains(secret), "{shown}");
    }
}

#[test]
fn a_set_flag_ends_the_run() {
    let flag = std::sync::atomic::AtomicBool::new(true);
    let source = Source::from_bytes("l", "380971112233\n".into(), &Options::auto()).unwrap();
    let checker = Checker::default();
    let result = Pipeline::new(&checker)
        .cancel(&flag)
        .run(vec![source], |_: &Checked<'_>| Ok(()));
    assert!(matches!(result, Err(recipients_batcher::Error::Cancelled)));
}
