//! Checks a file on all cores and prints its rejected rows:
//! `cargo run --release --example check_file -- list.csv`.

#![allow(clippy::print_stdout, reason = "an example talks to whoever runs it")]

use recipients::{Checked, Checker, Code, Error, Pipeline, ingest};

fn main() -> Result<(), Error> {
    let path = std::env::args().nth(1).unwrap_or_else(|| {
        concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../testdata/files/contacts.csv"
        )
        .into()
    });
    let source = ingest::Source::open(path, &ingest::Options::auto())?;
    let checker = Checker::default();
    let report = Pipeline::new(&checker).run(vec![source], |row: &Checked<'_>| {
        let verdict = row.verdict();
        if !verdict.is_accepted() {
            println!(
                "row {}: {} ({})",
                row.number(),
                verdict.code(),
                verdict.reason()
            );
        }
        Ok(())
    })?;
    println!(
        "{} rows, {} accepted, {} duplicates",
        report.total(),
        report.accepted(),
        report.count(Code::Duplicate)
    );
    Ok(())
}
