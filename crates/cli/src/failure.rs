//! Why a command could not do what it was asked, and with which exit code it ends.

use recipients::ingest::ErrorKind;
use recipients::{Error, HeaderError, ingest};
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
/// An upload is not complete and can go on.
pub(crate) const INCOMPLETE: u8 = 5;
/// The server cannot be reached.
pub(crate) const UNREACHABLE: u8 = 10;
/// Its certificate is not trusted.
pub(crate) const CERTIFICATE: u8 = 11;
/// The key is refused.
pub(crate) const KEY_REFUSED: u8 = 12;
/// There is no such campaign.
pub(crate) const CAMPAIGN_UNKNOWN: u8 = 13;
/// The campaign takes no recipients any more.
pub(crate) const CAMPAIGN_NOT_NEW: u8 = 14;
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
    /// An upload cannot begin or go on; a sentence, and its exit code.
    Upload(String, u8),
    /// Our own output failed.
    Output(io::Error),
}

impl Failure {
    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(self.number())
    }

    /// The exit code's number.
    pub(crate) fn number(&self) -> u8 {
        match self {
            Failure::Usage(_) => USAGE,
            Failure::Run(Error::Source(error)) if error.is_usage() => USAGE,
            Failure::Run(Error::Cancelled) => INTERRUPTED,
            Failure::Upload(_, code) => *code,
            Failure::Run(_) | Failure::Unreadable(_) | Failure::Output(_) => UNREADABLE,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Usage(text) | Failure::Unreadable(text) | Failure::Upload(text, _) => {
                f.write_str(text)
            }
            Failure::Run(error) => {
                error.fmt(f)?;
                match flag(error) {
                    Some(flag) => write!(f, " ({flag})"),
                    None => Ok(()),
                }
            }
            Failure::Output(error) => write!(f, "cannot write the results: {error}"),
        }
    }
}

/// The flag that does what the library's error advises.
fn flag(error: &Error) -> Option<String> {
    Some(match error {
        Error::Source(error) => match error.kind() {
            ErrorKind::Undecodable { suggestion, .. } => match suggestion {
                Some(encoding) => format!("try --encoding {encoding}"),
                None => "--encoding NAME".to_owned(),
            },
            ErrorKind::BomContradicts { .. } => "leave out --encoding".to_owned(),
            ErrorKind::UnknownByteOrder => "--encoding UCS-2LE or --encoding UCS-2BE".to_owned(),
            ErrorKind::UnclosedQuote { .. } => "--enclosure none".to_owned(),
            ErrorKind::NoColumn { .. } => "--column".to_owned(),
            ErrorKind::NoSheet { .. } => "--sheet".to_owned(),
            _ => return None,
        },
        Error::Header { error, .. } => match error {
            HeaderError::NotAPlaceholder { .. } => {
                "--loose-header takes the header as it is".to_owned()
            }
            HeaderError::NoRecipient => {
                "--column NAME, or --loose-header to have it found out".to_owned()
            }
            HeaderError::Missing => "--skip-header 1".to_owned(),
            _ => return None,
        },
        _ => return None,
    })
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
