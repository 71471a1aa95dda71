//! A few fields through every path that there is, small enough for miri, which looks for undefined
//! behaviour. (All that is to be said about them is in `paths.rs`.)

use numbering_plan::{Answer, Path, Plan};

#[test]
fn every_path_gives_the_same_answers() {
    let plan = Plan::builtin();
    let fields: Vec<&[u8]> = [
        "",
        "7",
        "79101112233",
        "+380971112233",
        "00380971112233",
        "+7 (910) 111-22-33",
        "7\u{a0}910\u{a0}1112233",
        "7\u{2011}910\u{2009}1112233",
        "+49 (0)151 12345678",
        "5491123456789",
        "54111523456789",
        "tel:+79101112233",
        "79101112233 ext. 12",
        "7910111223o",
        "\u{661}\u{662}\u{663}",
        "123456789012345678",
        "1234567890123456789012345678901234567890",
        "380971112233; 79101112233",
    ]
    .map(str::as_bytes)
    .into_iter()
    .chain([&b"\xff\xfe"[..], b"7910\xe2\x80"])
    .collect();
    let expected: Vec<Answer> = fields.iter().map(|field| plan.classify(field)).collect();
    for path in Path::ALL.into_iter().filter(|path| path.is_available()) {
        // Each field in memory of its own, which ends where it ends.
        let own: Vec<Box<[u8]>> = fields.iter().map(|field| Box::from(*field)).collect();
        let own: Vec<&[u8]> = own.iter().map(|field| &field[..]).collect();
        let mut answers = vec![Answer::BLANK; own.len()];
        plan.classify_batch_by(path, &own, &mut answers);
        assert!(answers == expected, "{path:?}");
        let text: Box<[u8]> = own.join(&b'\n').into();
        let done = plan.classify_lines_by(path, &text, &mut answers);
        assert_eq!(done.lines, own.len());
        assert!(answers == expected, "{path:?}");
    }
}
