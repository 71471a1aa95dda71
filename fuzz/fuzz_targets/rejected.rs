//! Any bytes as a list: rejected rows, written and read again, are rejected alike.
#![no_main]

use libfuzzer_sys::fuzz_target;
use recipients::ingest::{Choice, Encoding, Options, Source, Writer};
use recipients::{Checker, FileInfo, Pipeline, Reason, Rows, Sink, annotate};
use std::io;
use std::sync::LazyLock;

static CHECKER: LazyLock<Checker> = LazyLock::new(Checker::default);

#[derive(Default)]
struct Rejected {
    writer: Option<Writer<Vec<u8>>>,
    verdicts: Vec<(Reason, Option<u64>, String)>,
}

impl Sink for &mut Rejected {
    type Format = ();

    fn start(&mut self, files: &[FileInfo]) -> io::Result<()> {
        self.writer = Some(annotate::writer(files, Vec::new())?);
        Ok(())
    }

    fn rows(&mut self, rows: &Rows<'_>, (): ()) -> io::Result<()> {
        for row in rows.iter() {
            let verdict = row.verdict();
            if !verdict.is_accepted() {
                let number = verdict.msisdn().map(|number| number.as_u64());
                self.verdicts.push((verdict.reason(), number, row.input().to_owned()));
                annotate::write_row(self.writer.as_mut().expect("started"), &row)?;
            }
        }
        Ok(())
    }
}

fn check(bytes: Vec<u8>) -> Option<Rejected> {
    let options = Options::auto()
        .encoding(Choice::Given(Encoding::Utf8))
        .delimiter(Choice::Given(Some(';')))
        .enclosure(Choice::Given(Some('"')))
        .annotations(annotate::COLUMNS);
    let source = Source::from_bytes("fuzz", bytes, &options).ok()?;
    // A list that is itself such a file may contradict its own annotations.
    let mut rejected = Rejected::default();
    Pipeline::new(&CHECKER).threads(1).run(vec![source], &mut rejected).ok()?;
    Some(rejected)
}

fuzz_target!(|bytes: &[u8]| {
    if bytes.windows(10).any(|w| w == b"suggestion") || bytes.starts_with(b"PK") {
        return;
    }
    let Some(mut first) = check(bytes.to_vec()) else {
        return;
    };
    let file = first.writer.take().expect("started").finish().expect("memory");
    let second = check(file).expect("what was written is read");
    assert_eq!(first.verdicts, second.verdicts);
});
