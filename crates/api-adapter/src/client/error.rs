//! Why a call was not carried out, or why nobody knows whether it was.

use crate::ApiCode;
use std::fmt;
use std::io;

/// What went wrong with a call.
///
/// It shows neither the key nor a recipient: what it quotes is the server's own words.
#[derive(Debug)]
pub struct Error(Box<ErrorKind>);

/// The kinds of errors.
#[derive(Debug)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The server's address, the key or a certificate file cannot be used.
    Setting(String),
    /// No connection: nothing was sent.
    Unreachable(String),
    /// The server's certificate is not trusted: nothing was sent.
    Certificate(String),
    /// The connection broke, or the answer did not come in time: the call may have been carried out.
    Lost(String),
    /// An HTTP status that no envelope comes with.
    Status(u16),
    /// What came is no envelope of the API, or not one that answers this call.
    Unreadable(String),
    /// The server understood and refused.
    Refused {
        /// The code as it came; [`Error::api_code`] names it.
        code: u16,
        /// The server's words.
        message: String,
        /// For code 1, what is wrong with which field.
        fields: Vec<(String, String)>,
    },
    /// A file of our own.
    Io(io::Error),
}

impl Error {
    pub(super) fn new(kind: ErrorKind) -> Error {
        Error(Box::new(kind))
    }

    pub(super) fn setting(words: impl Into<String>) -> Error {
        Error::new(ErrorKind::Setting(words.into()))
    }

    pub(super) fn unreadable(words: impl Into<String>) -> Error {
        Error::new(ErrorKind::Unreadable(words.into()))
    }

    /// What it is.
    pub fn kind(&self) -> &ErrorKind {
        &self.0
    }

    /// The code of a refusal as it came, known to us or not.
    pub fn code(&self) -> Option<u16> {
        match self.kind() {
            ErrorKind::Refused { code, .. } => Some(*code),
            _ => None,
        }
    }

    /// The code of a refusal, if it is one that we know.
    pub fn api_code(&self) -> Option<ApiCode> {
        ApiCode::from_number(self.code()?)
    }

    /// Whether the call may have been carried out all the same.
    pub fn is_uncertain(&self) -> bool {
        match self.kind() {
            ErrorKind::Lost(_) | ErrorKind::Unreadable(_) => true,
            ErrorKind::Status(status) => *status >= 500 || *status == 408,
            // 3 and 999: something broke, nobody knows when.
            ErrorKind::Refused { code, .. } => matches!(code, 3 | 999),
            _ => false,
        }
    }

    /// Whether the same call may succeed later.
    pub fn is_temporary(&self) -> bool {
        let is_known = match self.kind() {
            ErrorKind::Unreachable(_) => true,
            ErrorKind::Status(status) => *status == 429,
            _ => matches!(self.api_code(), Some(ApiCode::Conflict | ApiCode::TooOften)),
        };
        is_known || self.is_uncertain()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind() {
            ErrorKind::Setting(words) => f.write_str(words),
            ErrorKind::Unreachable(why) => write!(f, "the server cannot be reached: {why}"),
            ErrorKind::Certificate(why) => {
                write!(f, "the server's certificate is not trusted: {why}")
            }
            ErrorKind::Lost(why) => write!(f, "no answer came: {why}"),
            ErrorKind::Status(status) => write!(f, "the server answered with HTTP status {status}"),
            ErrorKind::Unreadable(why) => write!(f, "the server's answer cannot be read: {why}"),
            ErrorKind::Refused {
                code,
                message,
                fields,
            } => {
                write!(f, "the server refused with code {code}")?;
                if !message.is_empty() {
                    write!(f, ": {message}")?;
                }
                for (field, words) in fields {
                    write!(f, "; {field}: {words}")?;
                }
                Ok(())
            }
            ErrorKind::Io(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self.kind() {
            ErrorKind::Io(error) => Some(error),
            _ => None,
        }
    }
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Error {
        Error::new(ErrorKind::Io(error))
    }
}

impl From<ureq::Error> for Error {
    fn from(error: ureq::Error) -> Error {
        use ureq::Timeout;
        let words = error.to_string();
        Error::new(match error {
            ureq::Error::HostNotFound
            | ureq::Error::ConnectionFailed
            | ureq::Error::ConnectProxyFailed(_)
            | ureq::Error::Timeout(Timeout::Resolve | Timeout::Connect) => {
                ErrorKind::Unreachable(words)
            }
            ureq::Error::BadUri(_) | ureq::Error::InvalidProxyUrl => ErrorKind::Setting(words),
            ureq::Error::Rustls(_) | ureq::Error::Tls(_) | ureq::Error::Pem(_) => {
                ErrorKind::Certificate(words)
            }
            // A handshake that fails while bytes are read.
            ureq::Error::Io(_) if words.contains("certificate") => ErrorKind::Certificate(words),
            ureq::Error::Io(error) => match error.kind() {
                // An unreachable host is also told of on a connection that had been there.
                io::ErrorKind::ConnectionRefused | io::ErrorKind::AddrNotAvailable => {
                    ErrorKind::Unreachable(words)
                }
                // Resolvers' errors have no kind of their own.
                _ if words.contains("lookup address") => ErrorKind::Unreachable(words),
                // Neither has a handshake with somebody who knows none.
                _ if words.contains("InvalidContentType") => ErrorKind::Unreachable(
                    "it does not speak TLS; is the address one with http://?".to_owned(),
                ),
                _ => ErrorKind::Lost(words),
            },
            _ => ErrorKind::Lost(words),
        })
    }
}
