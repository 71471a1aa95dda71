//! Stop lists: as people have them, and packed (`recipients stoplist build`).

use crate::args::StoplistBuildArgs;
use crate::check::{WOULD_REPLACE, open_one, place, place_read, refuse_reading_twice};
use crate::failure::{ACCEPTED, Failure, unless_broken_pipe};
use crate::output::{self, Pending};
use recipients::ingest::Options;
use recipients::{
    Checker, LoadedStopList, NumberSet, Plan, Policy, StopList, Workers, load_stop_list,
    open_number_set,
};
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

/// Reads a list by the checker's rules, or opens one that was built.
pub(crate) fn load(
    path: &Path,
    reader: &Checker,
    allow_bad: bool,
    workers: &Workers,
) -> Result<LoadedStopList, Failure> {
    match packed(path, workers)? {
        Some(list) => Ok(list),
        None => read(path, reader, allow_bad, workers),
    }
}

/// Opens a list that was built; `None` if it is another kind of file.
fn packed(path: &Path, workers: &Workers) -> Result<Option<LoadedStopList>, Failure> {
    if path == Path::new("-") {
        return Ok(None);
    }
    let set = open_number_set(path, workers.threads())
        .map_err(|error| Failure::Unreadable(format!("{}: {error}", path.display())))?;
    Ok(set.map(|set| LoadedStopList {
        list: StopList::from(set),
        bad: Vec::new(),
    }))
}

fn read(
    path: &Path,
    reader: &Checker,
    allow_bad: bool,
    workers: &Workers,
) -> Result<LoadedStopList, Failure> {
    let loaded = load_stop_list(open_one(path, &Options::auto())?, reader, workers)?;
    match loaded.bad.is_empty() || allow_bad {
        true => Ok(loaded),
        false => Err(bad_stop_lines(path, &loaded.bad)),
    }
}

pub(crate) fn build(args: &StoplistBuildArgs) -> Result<ExitCode, Failure> {
    refuse_reading_twice(args.files.iter())?;
    let plan = Plan::builtin();
    let region = args
        .region
        .as_deref()
        .map(|code| plan.territory(code))
        .transpose()?;
    let reader = Checker::new(Policy::default().region(region).lines(args.lines.into()));
    output::clean_up_on_interrupt()?;
    let mut file = Pending::create(&args.output)?;
    let workers = Workers::new(0)?;
    let mut all = StopList::default();
    let mut bad = 0;
    let output = place(&args.output);
    for path in &args.files {
        let loaded = match packed(path, &workers)? {
            Some(list) => list,
            // A packed one may grow in its place; what people have written is not to be had from it.
            None if place_read(path) == output => {
                let why = format!("{}: {WOULD_REPLACE}", args.output.display());
                return Err(Failure::Usage(why));
            }
            None => read(path, &reader, args.allow_bad_stop_lines, &workers)?,
        };
        bad += loaded.bad.len();
        all.merge(loaded.list);
    }
    let set = NumberSet::union(all.sets());
    set.write_to(&mut file)?;
    output::publish(vec![file])?;
    let mut out = io::stdout().lock();
    writeln!(
        out,
        "{}: {} numbers, {} bytes{}",
        args.output.display(),
        set.len(),
        set.byte_len(),
        match bad {
            0 => String::new(),
            bad => format!("; lines left out because they are no numbers: {bad}"),
        }
    )
    .and_then(|()| out.flush())
    .or_else(unless_broken_pipe)?;
    Ok(ExitCode::from(ACCEPTED))
}

fn bad_stop_lines(path: &Path, bad: &[recipients::BadLine]) -> Failure {
    let mut message = format!(
        "{}: {} of its lines cannot be read as numbers, so numbers may be missing from the stop list:",
        path.display(),
        bad.len()
    );
    for line in bad.iter().take(10) {
        message.push_str(&format!("\n  line {}: {}", line.row, line.reason.message()));
    }
    if bad.len() > 10 {
        message.push_str("\n  …");
    }
    message.push_str("\nmend them, or say --allow-bad-stop-lines to go on without them");
    Failure::Unreadable(message)
}
