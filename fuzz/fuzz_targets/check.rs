//! Any bytes as a list with any rules: a whole run gives the same rows and sums on one thread and on
//! several, in chunks of any size.
#![no_main]

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use recipients::ingest::{Choice, Encoding, Limits, Options, Source};
use recipients::{
    Checker, FileInfo, Lines, Missing, Pipeline, Plan, Policy, Report, Rows, SeveralNumbers, Sink, Template,
};
use std::io;

#[derive(Arbitrary, Debug)]
struct Input {
    encoding: Option<u8>,
    delimiter: Option<Option<char>>,
    enclosure: Option<Option<char>>,
    skip_header: Option<bool>,
    chunk_bytes: u8,
    lines: u8,
    several: u8,
    region: bool,
    only_ukraine: bool,
    text: Option<String>,
    missing: u8,
    bytes: Vec<u8>,
}

#[derive(Default)]
struct Seen(Vec<(u64, u8, &'static str, Option<u64>, Option<u64>)>);

impl Sink for &mut Seen {
    type Format = ();

    fn start(&mut self, _: &[FileInfo]) -> io::Result<()> {
        Ok(())
    }

    fn rows(&mut self, rows: &Rows<'_>, (): ()) -> io::Result<()> {
        self.0.extend(rows.iter().map(|row| {
            let verdict = row.verdict();
            let winner = row.duplicate_of().map(|winner| winner.row);
            let number = row.msisdn().map(|number| number.as_u64());
            (row.number(), verdict.code().as_u8(), verdict.reason().name(), number, winner)
        }));
        Ok(())
    }
}

fn choice<T>(given: Option<T>) -> Choice<T> {
    given.map_or(Choice::Auto, Choice::Given)
}

fn run(input: &Input, checker: &Checker, chunk_bytes: usize, threads: usize) -> Option<(Vec<(u64, u8, &'static str, Option<u64>, Option<u64>)>, Report)> {
    let encoding = input.encoding.map(|n| Encoding::ALL[usize::from(n) % Encoding::ALL.len()]);
    let options = Options::auto()
        .encoding(choice(encoding))
        .delimiter(choice(input.delimiter))
        .enclosure(choice(input.enclosure))
        .skip_header(choice(input.skip_header))
        .chunk_bytes(chunk_bytes)
        .limits(Limits { row_bytes: 1000, ..Limits::default() });
    let source = Source::from_bytes("fuzz", input.bytes.clone(), &options).ok()?;
    let mut pipeline = Pipeline::new(checker).threads(threads).loose_header(true);
    if let Some(text) = &input.text {
        let missing = Missing::from_flag(1 + input.missing % 3).expect("1, 2 or 3");
        pipeline = pipeline.message(Template::parse(text.as_str()), missing);
    }
    let mut seen = Seen::default();
    let report = pipeline.run(vec![source], &mut seen).ok()?;
    Some((seen.0, report))
}

fuzz_target!(|input: Input| {
    if input.bytes.starts_with(b"PK") || input.bytes.starts_with(b"\xd0\xcf") {
        return;
    }
    let plan = Plan::builtin();
    let lines = [Lines::Mobile, Lines::Any, Lines::Possible][usize::from(input.lines % 3)];
    let several = [SeveralNumbers::Reject, SeveralNumbers::First, SeveralNumbers::Explode];
    let mut policy = Policy::default()
        .lines(lines)
        .several_numbers(several[usize::from(input.several % 3)])
        .region(input.region.then(|| plan.territory("UA").expect("it is there")));
    if input.only_ukraine {
        policy = policy.allow([plan.destination("UA").expect("it is there")]);
    }
    let checker = Checker::new(policy);
    let one = run(&input, &checker, 1 << 18, 1);
    let many = run(&input, &checker, usize::from(input.chunk_bytes) + 1, 3);
    match (one, many) {
        (Some((rows, report)), Some((other, told))) => {
            assert_eq!(rows, other);
            assert_eq!(report.total(), told.total());
            assert_eq!(report.total(), rows.len() as u64);
            assert_eq!(report.accepted(), told.accepted());
            let accepted = rows.iter().filter(|row| row.1 == 0).count();
            assert_eq!(report.accepted(), accepted as u64);
        }
        (None, None) => {}
        (one, many) => panic!("{} {}", one.is_some(), many.is_some()),
    }
});
