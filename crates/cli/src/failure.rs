//! Why a command could not do what it was asked, and with which exit code it ends.

use recipients::{Error, ingest};
use std::fmt;
use std::io;
use std::process::ExitCode;

/// All accepted, or nothing to complain about.
pub(crate) const ACCEPTED: u8 = 0;
/// Done, and some rows were rejected.
pub(crate) const SOME_REJECTED: u8 = 1;
/// What was typed makes no sense.
pub(crate) const USAGE: u8 = 2;
/// Done, and no row was accepted.
pub(crate) const NONE_ACCEPTED: u8 = 3;
/// A file cannot be read or written.
pub(crate) const UNREADABLE: u8 = 4;
/// Ctrl-C.
pub(crate) const INTERRUPTED: u8 = 130;

#[derive(Debug)]
pub(crate) enum Failure {
    /// Something that was typed; a sentence.
    Usage(String),
    /// The library could not go on.
    Run(Error),
    /// A file that is not a list to be checked cannot be used; a sentence.
    Unreadable(String),
    /// Our own output failed.
    Output(io::Error),
}

impl Failure {
    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self {
            Failure::Usage(_) => USAGE,
            Failure::Run(Error::Source(error)) if error.is_usage() => USAGE,
            Failure::Run(Error::Cancelled) => INTERRUPTED,
            Failure::Run(_) | Failure::Unreadable(_) | Failure::Output(_) => UNREADABLE,
        })
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Usage(text) | Failure::Unreadable(text) => f.write_str(text),
            Failure::Run(error) => error.fmt(f),
            Failure::Output(error) => write!(f, "cannot write the results: {error}"),
        }
    }
}

/// Whoever read our output has had enough, as `head` has; the exit code still tells the result.
pub(crate) fn unless_broken_pipe(error: io::Error) -> io::Result<()> {
    match error.kind() {
        io::ErrorKind::BrokenPipe => Ok(()),
        _ => Err(error),
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Failure {
        Failure::Output(error)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        Failure::Run(error)
    }
}

impl From<ingest::Error> for Failure {
    fn from(error: ingest::Error) -> Failure {
        Failure::Run(Error::Source(error))
    }
}

impl From<recipients::RuleError> for Failure {
    fn from(error: recipients::RuleError) -> Failure {
        Failure::Usage(error.to_string())
    }
}
