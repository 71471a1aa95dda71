//! Adds the good rows of a list to a campaign, each exactly once.
//!
//! `RECIPIENTS_API_KEY=… cargo run --release -p recipients-api-adapter --features client --example
//! upload -- http://127.0.0.1:8080 CAMPAIGN LIST`; once more after whatever went wrong, and it goes on.

#![allow(clippy::print_stdout, reason = "it is an example")]

use recipients_api_adapter::client::{
    ApiKey, Client, Heading, Journal, Outcome, Upload, UploadOptions, fingerprint,
};
use recipients_batcher::Pipeline;
use recipients_core::Checker;
use recipients_ingest::{Options, Source};
use std::{env, path::Path};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = env::args().collect();
    let [_, server, campaign, list] = &arguments[..] else {
        return Err("give a server, a campaign and a list".into());
    };
    let client = Client::new(server, ApiKey::new(&env::var("RECIPIENTS_API_KEY")?)?)?;
    let upload = Upload::new(&client, UploadOptions::default());
    let campaign = upload.look_up(campaign.parse()?, false)?.id;
    let heading = Heading::new(fingerprint(Path::new(list))?.into());
    let journal = format!("{list}.journal");
    let mut journal = match Path::new(&journal).exists() {
        true => Journal::open(Path::new(&journal))?,
        false => Journal::create(Path::new(&journal), heading.clone())?,
    };
    if *journal.heading() != heading {
        return Err("the list has changed since the upload began".into());
    }
    upload.adopt(campaign, &mut journal)?;
    let checker = Checker::default();
    let source = Source::open(list, &Options::auto())?;
    let told = |row: &Outcome| {
        println!("row {}: {} {:?}", row.origin.row, row.fate.name(), row.code);
        Ok(())
    };
    let report = upload.run(&Pipeline::new(&checker), vec![source], &mut journal, told)?;
    println!("{} of {} rows added", report.accepted, report.rows);
    report.stopped.map_or(Ok(()), |why| Err(why.into()))
}
