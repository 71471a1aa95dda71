//! Any bytes as a list with any rules: a whole run gives the same rows and report on one thread and on several, in
//! chunks of any size, with little memory, and where no rows are wanted.
#![no_main]

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use recipients::ingest::{Choice, Encoding, Limits, Options, Source};
use recipients::{
    Checker, FileInfo, Lines, Missing, Msisdn, Pipeline, Plan, Policy, Rows, SeveralNumbers, Sink, StopList, Template,
    Wants, region_suggestions,
};
use std::{env, io};

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
    own: Numbers,
    system: Numbers,
    before: Numbers,
    memory: u16,
    second_file: bool,
    bytes: Vec<u8>,
}

/// Numbers of a list, among them those that lists in the corpus have.
#[derive(Arbitrary, Debug)]
struct Numbers {
    first: u8,
    step: u8,
    count: u8,
    others: Vec<u64>,
}

impl Numbers {
    fn list(&self) -> StopList {
        const FIRSTS: [u64; 6] =
            [380_971_112_200, 380_971_110_000, 79_101_112_233, 79_000_000_000, 5_511_876_543_200, 1];
        let first = FIRSTS[usize::from(self.first) % FIRSTS.len()];
        let own = (0..u64::from(self.count)).map(|n| first + n * u64::from(self.step));
        own.chain(self.others.iter().copied()).filter_map(Msisdn::from_u64).collect()
    }
}

/// A row's number, code, reason, telephone number, and the file and row that won over it.
type Verdict = (u64, u8, &'static str, Option<u64>, Option<(u16, u64)>);

#[derive(Default)]
struct Seen(Vec<Verdict>);

/// Takes no rows.
struct ReportOnly(u64);

impl Sink for &mut ReportOnly {
    type Format = ();

    fn start(&mut self, _: &[FileInfo]) -> io::Result<()> {
        Ok(())
    }

    fn rows(&mut self, _: &Rows<'_>, (): ()) -> io::Result<()> {
        // With a text and little memory they come all the same.
        Ok(())
    }

    fn wants(&self) -> Wants {
        Wants::Report
    }

    fn progress(&mut self, _: usize, verdicts: u64, _: u64) {
        self.0 += verdicts;
    }
}

impl Sink for &mut Seen {
    type Format = ();

    fn start(&mut self, _: &[FileInfo]) -> io::Result<()> {
        Ok(())
    }

    fn rows(&mut self, rows: &Rows<'_>, (): ()) -> io::Result<()> {
        self.0.extend(rows.iter().map(|row| {
            let verdict = row.verdict();
            let winner = row.duplicate_of().map(|winner| (winner.file, winner.row));
            let number = row.msisdn().map(|number| number.as_u64());
            (row.number(), verdict.code().as_u8(), verdict.reason().name(), number, winner)
        }));
        Ok(())
    }
}

fn choice<T>(given: Option<T>) -> Choice<T> {
    given.map_or(Choice::Auto, Choice::Given)
}

/// How a run goes about it: nothing but `keeps_accepted` may show.
#[derive(Clone, Copy)]
struct Way {
    chunk_bytes: usize,
    threads: usize,
    memory: Option<usize>,
    keeps_accepted: bool,
}

/// What is told of a run: the report in full, and what follows from it.
type Told = (String, String, Option<Vec<Msisdn>>);

/// The rows, if they are wanted, and what is told.
fn run(input: &Input, checker: &Checker, way: Way, wants_rows: bool) -> Option<(Vec<Verdict>, Told)> {
    let encoding = input.encoding.map(|n| Encoding::ALL[usize::from(n) % Encoding::ALL.len()]);
    let options = Options::auto()
        .encoding(choice(encoding))
        .delimiter(choice(input.delimiter))
        .enclosure(choice(input.enclosure))
        .skip_header(choice(input.skip_header))
        .chunk_bytes(way.chunk_bytes)
        .limits(Limits { row_bytes: 1000, ..Limits::default() });
    let open = |_| Source::from_bytes("fuzz", input.bytes.clone(), &options);
    let sources: Vec<Source> = (0..1 + usize::from(input.second_file)).map(open).collect::<Result<_, _>>().ok()?;
    let mut pipeline =
        Pipeline::new(checker).threads(way.threads).loose_header(true).keep_accepted(way.keeps_accepted);
    if let Some(bytes) = way.memory {
        pipeline = pipeline.memory(bytes, env::temp_dir());
    }
    if let Some(text) = &input.text {
        let missing = Missing::from_flag(1 + input.missing % 3).expect("1, 2 or 3");
        pipeline = pipeline.message(Template::parse(text.as_str()), missing);
    }
    let mut seen = Seen::default();
    let report = if wants_rows {
        let report = pipeline.run(sources, &mut seen).ok()?;
        assert_eq!(report.total(), seen.0.len() as u64);
        assert_eq!(report.accepted(), seen.0.iter().filter(|row| row.1 == 0).count() as u64);
        report
    } else {
        let mut counted = ReportOnly(0);
        let report = pipeline.run(sources, &mut counted).ok()?;
        assert_eq!(report.total(), counted.0);
        report
    };
    let accepted = report.accepted_numbers().map(|all| all.iter().collect());
    let regions = region_suggestions(&report, checker);
    Some((seen.0, (format!("{report:?}"), format!("{regions:?}"), accepted)))
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
        .region(input.region.then(|| plan.territory("UA").expect("it is there")))
        .own_stop_list(input.own.list())
        .system_stop_list(input.system.list())
        .seen_before(input.before.list());
    if input.only_ukraine {
        policy = policy.allow([plan.destination("UA").expect("it is there")]);
    }
    let checker = Checker::new(policy);
    let plainly = Way { chunk_bytes: 1 << 18, threads: 1, memory: None, keeps_accepted: true };
    let chunks = Way { chunk_bytes: usize::from(input.chunk_bytes) + 1, ..plainly };
    let memory = Some(usize::from(input.memory) % 4000);
    let expected = run(&input, &checker, plainly, true);
    for way in [Way { threads: 3, ..chunks }, Way { threads: 2, memory, ..chunks }] {
        assert_eq!(run(&input, &checker, way, true), expected);
    }
    let told = |way, wants_rows| run(&input, &checker, way, wants_rows).map(|(_, told)| told);
    for keeps_accepted in [true, false] {
        let (plainly, chunks) = (Way { keeps_accepted, ..plainly }, Way { keeps_accepted, ..chunks });
        let expected = told(plainly, true);
        for way in [chunks, Way { threads: 2, ..plainly }, Way { memory, threads: 2, ..chunks }] {
            assert_eq!(told(way, false), expected);
        }
    }
});
