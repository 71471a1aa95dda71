//! What can go wrong while a checker is being put together. Checking itself never fails.

use std::fmt;

/// A rule that the caller gave cannot be understood.
#[derive(Debug, Clone, Eq, PartialEq)]
pub struct Error(Box<ErrorKind>);

/// What is wrong.
#[derive(Debug, Clone, Eq, PartialEq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The bytes are no compiled numbering plan.
    NoPlan(numbering_plan::Error),
    /// The bytes are no compiled set of numbers, for this reason.
    NoNumberSet(&'static str),
    /// Neither a territory of the plan nor a calling code.
    UnknownDestination(String),
    /// No territory of the plan has this code.
    UnknownTerritory(String),
    /// No operator of the plan has this name; the nearest names are given.
    UnknownOperator {
        /// What was asked for.
        name: String,
        /// Names that contain it, at most five.
        similar: Vec<String>,
    },
}

impl Error {
    pub(crate) fn new(kind: ErrorKind) -> Error {
        Error(Box::new(kind))
    }

    /// What is wrong.
    pub fn kind(&self) -> &ErrorKind {
        &self.0
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.0 {
            ErrorKind::NoPlan(fault) => fault.fmt(f),
            ErrorKind::NoNumberSet(why) => f.write_str(why),
            ErrorKind::UnknownDestination(text) => write!(
                f,
                "`{text}` is neither a country (two letters as in UA, or 001) nor a calling code"
            ),
            ErrorKind::UnknownTerritory(text) => {
                write!(
                    f,
                    "`{text}` is no country of the numbering plan (two letters as in UA)"
                )
            }
            ErrorKind::UnknownOperator { name, similar } => {
                write!(f, "no operator of the numbering plan is called `{name}`")?;
                if !similar.is_empty() {
                    write!(f, "; did you mean `{}`?", similar.join("`, `"))?;
                }
                Ok(())
            }
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &*self.0 {
            ErrorKind::NoPlan(fault) => Some(fault),
            _ => None,
        }
    }
}
