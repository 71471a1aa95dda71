//! Who judges `numbering-plan`.
//!
//! Two that share no code with the table nor with each other: [`Google`] asks `rlibphonenumber`, a
//! port of Google's library, with the very metadata that the plan was compiled from; [`Twin`] walks
//! the patterns of that metadata one by one, as slowly and obviously as it can be done. Both answer
//! with an [`Outcome`], which an [`Answer`] can be compared with.

mod google;
mod judge;
pub mod lists;
mod twin;
mod witness;

pub use google::Google;
pub use judge::{Court, Ruling};
pub use twin::Twin;
pub use witness::cover;

use numbering_plan::{Answer, Kind, Standing, Territory};
use numbering_plan_compiler::source::Source;

/// What a judge says about a number.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Outcome {
    /// How it stands to the plan.
    pub standing: Standing,
    /// The digits, if the number could be parsed and has at most 19.
    pub number: Option<u64>,
    /// The calling code, if it could be parsed.
    pub calling_code: Option<u16>,
    /// The territory of a valid number.
    pub territory: Option<Territory>,
    /// The kind of a valid number.
    pub kind: Option<Kind>,
}

impl Outcome {
    pub(crate) fn unparsed(standing: Standing) -> Outcome {
        Outcome {
            standing,
            number: None,
            calling_code: None,
            territory: None,
            kind: None,
        }
    }

    /// Whether an answer says the same. Of a number that cannot be parsed nothing but the reason is
    /// compared; of one that is not valid no territory.
    pub fn agrees(&self, answer: &Answer) -> bool {
        self.standing == answer.standing()
            && self.kind == answer.kind()
            && (self.kind.is_none() || self.territory == answer.territory())
            && (self.calling_code.is_none() || self.calling_code == answer.calling_code())
            && (self.number.is_none() || self.number == answer.number().map(|n| n.get()))
    }
}

/// The source that the committed plan was compiled from.
///
/// # Panics
///
/// If it cannot be read.
pub fn committed_source() -> Source {
    Source::from_tsv(
        include_str!("../../numbering-plan/data/metadata.tsv"),
        include_str!("../../numbering-plan/data/carriers.tsv"),
    )
    .expect("the committed source can be read")
}
