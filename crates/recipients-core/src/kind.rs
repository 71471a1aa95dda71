//! Which kinds of line are wanted.

use numbering_plan::Kind;

/// Which lines are good enough to be written to (decision D7).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Lines {
    /// Mobile numbers, and those that may be mobile. The default.
    #[default]
    Mobile,
    /// Every number that is in the plan, whatever its kind.
    Any,
    /// Every number whose length is possible, in the plan or not.
    Possible,
}

impl Lines {
    /// Whether a number of the plan with this kind is good enough.
    pub const fn accepts(self, kind: Kind) -> bool {
        match self {
            Lines::Mobile => matches!(kind, Kind::Mobile | Kind::FixedLineOrMobile),
            Lines::Any | Lines::Possible => true,
        }
    }
}
