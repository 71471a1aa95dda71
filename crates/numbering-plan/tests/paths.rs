//! All paths give the same answers: one field at a time, fields in a batch, lines of a text; with
//! the instructions of every processor and with those of this one; also where the bytes end at the
//! border of a page that cannot be read.

use numbering_plan::{Answer, Path, Plan, Progress};
use numbering_plan_oracle::committed_source;
use numbering_plan_oracle::lists::{Dice, Lists};
use proptest::prelude::*;

fn paths() -> impl Iterator<Item = Path> {
    Path::ALL.into_iter().filter(|path| path.is_available())
}

/// One by one, which is the way that all others are compared with.
fn one_by_one(fields: &[&[u8]]) -> Vec<Answer> {
    fields
        .iter()
        .map(|field| Plan::builtin().classify(field))
        .collect()
}

fn check(fields: &[&[u8]]) {
    let plan = Plan::builtin();
    let expected = one_by_one(fields);
    for path in paths() {
        let mut answers = vec![Answer::BLANK; fields.len()];
        plan.classify_batch_by(path, fields, &mut answers);
        for ((field, answer), expected) in fields.iter().zip(&answers).zip(&expected) {
            assert_eq!(
                answer,
                expected,
                "{path:?} {:?}",
                String::from_utf8_lossy(field)
            );
            assert_eq!(answer.number(), expected.number());
        }
    }
}

/// The fields as lines, with line ends of both kinds, read with room for `room` answers at a time.
fn check_lines(fields: &[&[u8]], ends: &[&[u8]], room: usize) {
    let lines: Vec<&[u8]> = fields
        .iter()
        .copied()
        .filter(|field| !field.contains(&b'\n') && !field.ends_with(b"\r"))
        .collect();
    let expected = one_by_one(&lines);
    let mut text = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        text.extend_from_slice(line);
        text.extend_from_slice(ends[at % ends.len()]);
    }
    for path in paths() {
        let mut found = Vec::new();
        let mut at = 0;
        while at < text.len() {
            let mut answers = vec![Answer::BLANK; room];
            let done = Plan::builtin().classify_lines_by(path, &text[at..], &mut answers);
            assert!(done.lines > 0 && done.bytes > 0, "{done:?}");
            found.extend_from_slice(&answers[..done.lines]);
            at += done.bytes;
        }
        assert_eq!(at, text.len());
        assert!(found == expected, "{path:?}");
    }
}

#[test]
fn lists_of_every_sort() {
    let lists = Lists::new(&committed_source());
    let count = if cfg!(miri) { 40 } else { 20_000 };
    for list in [
        lists.clean(count),
        lists.clean_one_country(count),
        lists.messy(count),
        lists.hostile(count),
    ] {
        let fields: Vec<&[u8]> = list.iter().map(String::as_bytes).collect();
        check(&fields);
        check_lines(&fields, &[b"\n"], 1000);
        check_lines(&fields, &[b"\r\n", b"\n"], 7);
    }
}

#[test]
fn every_length_and_every_byte() {
    let digits = b"380971112233445566778899001122334455667788990011223344556677889900";
    let mut fields: Vec<Vec<u8>> = (0..=digits.len())
        .map(|len| digits[..len].to_vec())
        .collect();
    // Each byte before, among and after digits, in fields on both sides of the quick way's limits.
    for byte in 0..=255 {
        for (front, back) in [
            (0, 12),
            (1, 11),
            (6, 6),
            (12, 0),
            (2, 14),
            (12, 20),
            (31, 1),
            (12, 40),
        ] {
            let mut field = digits[..front].to_vec();
            field.push(byte);
            field.extend_from_slice(&b"09711122330000000000000000000000000000000000"[..back]);
            fields.push(field);
        }
    }
    for text in [
        "00",
        "0",
        "000",
        "+",
        "++",
        "+00380971112233",
        "0 0 380971112233",
        "+7+9101112233",
        "\u{a0}\u{a0}",
        "\u{a0}7\u{a0}910\u{a0}1112233",
        "7\u{2011}910\u{2009}1112233",
        "7\u{2028}9101112233",
        "\u{c2}\u{a1}79101112233",
        "79101112233\u{2027}",
        "79101112233\u{e2}",
        "\u{ff0b}\u{ff17}9101112233",
        // As long as a national prefix may make a number, and longer.
        "001148422204398014981",
        "1148422204398014981",
        "11484222043980149",
        "810000037681234567890",
        "tel:79101112233",
        "79101112233x12",
        "79101112233 EXT 12",
        "79101112233 e",
        "=79101112233",
    ] {
        fields.push(text.as_bytes().to_vec());
    }
    for bytes in [
        &b"7910111223\xc2"[..],
        b"7910\xa01112233",
        b"7910\xe2\x80",
        b"7910\xe2\x80\xa8111",
        b"\xff\xfe7910",
    ] {
        fields.push(bytes.to_vec());
    }
    let fields: Vec<&[u8]> = fields.iter().map(Vec::as_slice).collect();
    check(&fields);
    for room in [1, 3, 127, 128, 129, 256, 257, 5000] {
        check_lines(&fields, &[b"\n", b"\r\n"], room);
    }
}

#[test]
fn a_text_may_end_anywhere() {
    let plan = Plan::builtin();
    for path in paths() {
        for (text, lines) in [
            (&b""[..], 0),
            (b"\n", 1),
            (b"79101112233", 1),
            (b"79101112233\n", 1),
            (b"79101112233\r", 1),
            (b"\n\n79101112233", 3),
            (b"79101112233\n\r\n", 2),
        ] {
            let mut answers = [Answer::BLANK; 8];
            let done = plan.classify_lines_by(path, text, &mut answers);
            let bytes = text.len();
            assert_eq!(done, Progress { lines, bytes }, "{path:?} {text:?}");
        }
        let none = plan.classify_lines_by(path, b"79101112233\n", &mut []);
        assert_eq!(none, Progress::default());
        // More line ends than a pass has room for, and no line end at all.
        let many = vec![b'\n'; 100_000];
        let mut answers = vec![Answer::BLANK; 100_000];
        assert_eq!(
            plan.classify_lines_by(path, &many, &mut answers).lines,
            100_000
        );
        let long = vec![b'7'; 100_000];
        let done = plan.classify_lines_by(path, &long, &mut answers);
        assert_eq!((done.lines, done.bytes), (1, 100_000));
    }
}

proptest! {
    // Failures are named in regression tests of their own.
    #![proptest_config(ProptestConfig {
        cases: if cfg!(miri) { 4 } else { 1000 },
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn whatever_the_bytes(fields in prop::collection::vec(
        prop_oneof![
            prop::collection::vec(any::<u8>(), 0..70),
            "[+0-9 ().,;:/|-]{0,50}".prop_map(String::into_bytes),
            "\\PC{0,20}".prop_map(String::into_bytes),
            "[0+]{0,3}[0-9]{1,40}[xeE ]{0,2}[0-9]{0,10}".prop_map(String::into_bytes),
        ],
        0..600,
    ), room in 1..700usize) {
        let fields: Vec<&[u8]> = fields.iter().map(Vec::as_slice).collect();
        check(&fields);
        check_lines(&fields, &[b"\n", b"\r\n"], room);
    }
}

/// Bytes that end exactly where a page ends that nothing may touch after.
#[cfg(all(unix, not(miri)))]
#[test]
fn nothing_is_read_beyond_the_end() {
    let page = region::page::size();
    let mut pages = region::alloc(2 * page, region::Protection::READ_WRITE).expect("two pages");
    let start = pages.as_mut_ptr::<u8>();
    #[allow(
        unsafe_code,
        reason = "memory that cannot be read is the point of the test"
    )]
    // SAFETY: the first page stays readable and writable and is written before it is read; nothing
    // else refers to either page.
    let readable = unsafe {
        region::protect(start.add(page), page, region::Protection::NONE)
            .expect("a page without access");
        std::slice::from_raw_parts_mut(start, page)
    };
    let mut dice = Dice::new(5);
    let lists = Lists::new(&committed_source());
    let messy = lists.messy(500);
    for text in messy.iter().chain(&lists.hostile(500)) {
        let bytes = text.as_bytes();
        let field = &mut readable[page - bytes.len()..];
        field.copy_from_slice(bytes);
        check(&[field]);
        // Then as the last of many lines, which fill the page to its end.
        let mut lines: Vec<u8> = Vec::new();
        while lines.len() < 300 + dice.roll(64) {
            lines.extend_from_slice(dice.pick(&messy).as_bytes());
            lines.push(b'\n');
        }
        lines.extend_from_slice(bytes);
        let whole = &mut readable[page - lines.len()..];
        whole.copy_from_slice(&lines);
        let expected: Vec<Answer> = whole
            .split(|&b| b == b'\n')
            .map(|line| Plan::builtin().classify(line))
            .collect();
        for path in paths() {
            let mut answers = vec![Answer::BLANK; 200];
            let done = Plan::builtin().classify_lines_by(path, whole, &mut answers);
            // An empty line at the end is none.
            assert!(done.lines == expected.len() || bytes.is_empty());
            assert!(answers[..done.lines] == expected[..done.lines], "{path:?}");
        }
    }
}
