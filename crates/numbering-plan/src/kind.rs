//! What kind of line a number is.

use core::fmt;

/// The kind of line that a range of numbers was allocated for.
///
/// The kinds are those of Google's libphonenumber.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
#[repr(u8)]
pub enum Kind {
    /// A landline.
    FixedLine,
    /// A mobile number.
    Mobile,
    /// Either: in some countries (the USA) the range does not tell.
    FixedLineOrMobile,
    /// Free for the caller.
    TollFree,
    /// Expensive for the caller.
    PremiumRate,
    /// The cost is shared between caller and called.
    SharedCost,
    /// Voice over IP.
    Voip,
    /// A number for life that follows its owner.
    PersonalNumber,
    /// A pager.
    Pager,
    /// A company's universal access number.
    Uan,
    /// A voice mailbox.
    Voicemail,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Kind; 11] = [
        Kind::FixedLine,
        Kind::Mobile,
        Kind::FixedLineOrMobile,
        Kind::TollFree,
        Kind::PremiumRate,
        Kind::SharedCost,
        Kind::Voip,
        Kind::PersonalNumber,
        Kind::Pager,
        Kind::Uan,
        Kind::Voicemail,
    ];

    /// The stable `snake_case` name.
    pub const fn name(self) -> &'static str {
        match self {
            Kind::FixedLine => "fixed_line",
            Kind::Mobile => "mobile",
            Kind::FixedLineOrMobile => "fixed_line_or_mobile",
            Kind::TollFree => "toll_free",
            Kind::PremiumRate => "premium_rate",
            Kind::SharedCost => "shared_cost",
            Kind::Voip => "voip",
            Kind::PersonalNumber => "personal_number",
            Kind::Pager => "pager",
            Kind::Uan => "uan",
            Kind::Voicemail => "voicemail",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
