//! Checks rows that come from no file: pushed to a callback, and pulled from an iterator.
//!
//! `cargo run -p recipients --example feed_rows`

#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use recipients::ingest::Source;
use recipients::{Checked, Checker, Error, Pipeline};

fn main() -> Result<(), Error> {
    let clients = [
        ["Anna", "380971112233"],
        ["Olha", "none"],
        ["Ivan", "+38 (097) 111-22-33"],
    ];
    let checker = Checker::default();
    let pipeline = Pipeline::new(&checker);

    let mut feed = pipeline.feed("clients", &["name", "phone"], 1, |row: &Checked<'_>| {
        println!(
            "pushed {}: {}",
            row.fields()[0],
            row.verdict().reason().message()
        );
        Ok(())
    })?;
    for client in clients {
        feed.push(client)?; // waits for the callback when it is ahead of it
    }
    println!("{} accepted", feed.finish()?.accepted());

    let rows = clients.into_iter().map(Ok);
    let source = Source::from_rows("clients", &["name", "phone"], 1, rows);
    for row in pipeline.verdicts(vec![source])? {
        let row = row?;
        println!(
            "pulled {}: {}",
            row.fields[0],
            row.verdict.reason().message()
        );
    }
    Ok(())
}
