//! Stop lists: as people have them, and packed (`recipients stoplist build`).

use crate::args::StoplistBuildArgs;
use crate::check::{WOULD_REPLACE, open_one, place, refuse_reading_twice};
use crate::failure::{ACCEPTED, Failure, unless_broken_pipe};
use crate::output::{self, Pending};
use recipients::ingest::Options;
use recipients::{
    Checker, LoadedStopList, NumberSet, Plan, Policy, StopList, load_stop_list, open_number_set,
    write_number_set,
};
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

/// Reads a list by the checker's rules, or opens one that was built.
pub(crate) fn load(
    path: &Path,
    reader: &Checker,
    allow_bad: bool,
    threads: usize,
) -> Result<LoadedStopList, Failure> {
    if path != Path::new("-") {
        let built = open_number_set(path, threads)
            .map_err(|error| Failure::Unreadable(format!("{}: {error}", path.display())))?;
        if let Some(set) = built {
            return Ok(LoadedStopList {
                list: StopList::from(set),
                bad: Vec::new(),
            });
        }
    }
    let loaded = load_stop_list(open_one(path, &Options::auto())?, reader, threads)?;
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
    let reader = Checker::new(Policy::default().region(region));
    output::clean_up_on_interrupt()?;
    let mut file = Pending::create(&args.output)?;
    let mut all = StopList::default();
    let mut bad = 0;
    let output = place(&args.output);
    for path in &args.files {
        // A packed one may grow in its place; what people have written is not to be had from it.
        if place(path) == output && !is_packed(path) {
            let why = format!("{}: {WOULD_REPLACE}", args.output.display());
            return Err(Failure::Usage(why));
        }
        let loaded = load(path, &reader, args.allow_bad_stop_lines, 0)?;
        bad += loaded.bad.len();
        all.merge(loaded.list);
    }
    let set = NumberSet::union(all.sets());
    write_number_set(&set, &mut file)?;
    output::publish(vec![file])?;
    let mut out = io::stdout().lock();
    writeln!(
        out,
        "{}: {} numbers, {} bytes{}",
        args.output.display(),
        set.len(),
        set.as_bytes().len(),
        match bad {
            0 => String::new(),
            bad => format!("; lines left out because they are no numbers: {bad}"),
        }
    )
    .and_then(|()| out.flush())
    .or_else(unless_broken_pipe)?;
    Ok(ExitCode::from(ACCEPTED))
}

fn is_packed(path: &Path) -> bool {
    open_number_set(path, 0).is_ok_and(|set| set.is_some())
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
