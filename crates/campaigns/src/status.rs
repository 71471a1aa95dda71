//! The states of campaigns, messages and tasks. Their numbers are what the database holds.

macro_rules! statuses {
    ($(#[$about:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident = $number:literal $text:literal,)* }) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
        #[repr(u8)]
        pub enum $name { $($(#[$doc])* $variant = $number,)* }

        impl $name {
            /// Every one, in the order of their numbers.
            pub const ALL: &[$name] = &[$($name::$variant,)*];

            /// The name on the wire.
            pub const fn name(self) -> &'static str {
                match self { $($name::$variant => $text,)* }
            }

            /// The one of this name.
            pub fn from_name(name: &str) -> Option<$name> {
                match name { $($text => Some($name::$variant),)* _ => None }
            }

            pub(crate) fn stored(number: i64) -> $name {
                match number {
                    $($number => $name::$variant,)*
                    _ => unreachable!("only statuses are stored"),
                }
            }
        }
    };
}

statuses! {
    /// The life of a campaign (decision D28).
    CampaignStatus {
        /// Recipients can be added.
        New = 0 "NEW",
        /// Waits for a moderator.
        Moderation = 1 "MODERATION",
        /// A moderator refused it.
        Declined = 2 "DECLINED",
        /// A moderator let it pass.
        ReadyForSend = 3 "READY_FOR_SEND",
        /// It needs no moderator.
        AutoReadyForSend = 4 "AUTO_READY_FOR_SEND",
        /// Messages are being handed over.
        Running = 5 "RUNNING",
        /// All are handed over.
        Sent = 6 "SENT",
        /// All statuses are final, or 24 hours have passed.
        Done = 7 "DONE",
        /// Reported of either ready status until the campaign is due; never stored.
        Deferred = 8 "DEFERRED",
    }
}

statuses! {
    /// The life of a message.
    MessageStatus {
        /// Not handed over yet.
        New = 0 "NEW",
        /// On its way to the transport.
        Enqueued = 1 "ENQUEUD",
        /// The transport has it.
        Accepted = 2 "ACCEPTD",
        /// Some of its segments are delivered.
        PartlyDelivered = 3 "PDLIVRD",
        /// Delivered.
        Delivered = 4 "DELIVRD",
        /// Not delivered.
        Undelivered = 5 "UNDELIV",
        /// The operator refused it.
        Rejected = 6 "REJECTD",
        /// Its validity ended first.
        Expired = 7 "EXPIRED",
        /// Taken back.
        Deleted = 8 "DELETED",
        /// Nobody can tell.
        Unknown = 9 "UNKNOWN",
    }
}

impl MessageStatus {
    /// Whether nothing follows it.
    pub const fn is_final(self) -> bool {
        matches!(
            self,
            MessageStatus::Delivered
                | MessageStatus::Undelivered
                | MessageStatus::Rejected
                | MessageStatus::Expired
                | MessageStatus::Deleted
        )
    }
}

statuses! {
    /// The life of a background task (decision D26).
    TaskStatus {
        /// Not begun.
        Waiting = 0 "waiting",
        /// Under way.
        Running = 1 "running",
        /// Everything is carried out and committed.
        Done = 2 "done",
        /// It could not be carried out, or not to its end.
        Rejected = 3 "rejected",
    }
}
