//! What carries messages.

use crate::clock::Millis;
use crate::status::MessageStatus;
use recipients_core::Msisdn;
use sha2::{Digest, Sha256};
use std::fmt;

/// A message on its way out.
#[derive(Clone, Eq, PartialEq)]
pub struct Outgoing {
    /// Its number, which is never used again.
    pub id: i64,
    /// Who gets it.
    pub number: Msisdn,
    /// The sender's name.
    pub from: String,
    /// What it says.
    pub text: String,
    /// 0 flash, 1 inbox.
    pub mclass: i64,
    /// Minutes.
    pub validity: i64,
    /// When it is handed over.
    pub at: Millis,
}

/// Shows neither the person nor the text.
impl fmt::Debug for Outgoing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Outgoing({}, {})", self.id, self.number.masked())
    }
}

/// What became of a message that was handed over.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Receipt {
    /// Accepted, or a final status at once.
    pub status: MessageStatus,
    /// What a simulation knows will be reported, and when. Others report through
    /// [`Campaigns::report`](crate::Campaigns::report).
    pub foretold: Option<(MessageStatus, Millis)>,
}

/// What carries messages.
///
/// Messages are marked before they are handed over, and marked again when that is done. After a
/// crash between the two the transport is asked which of them it has ([`Transport::knows`]), so
/// that none is handed over twice.
pub trait Transport: Send + Sync + fmt::Debug {
    /// Which of these messages it has got already.
    ///
    /// # Errors
    ///
    /// If it cannot tell now. The messages wait.
    fn knows(&self, messages: &[Outgoing]) -> Result<Vec<bool>, String>;

    /// Takes messages over: all of them, or none. One receipt for each, in their order.
    ///
    /// # Errors
    ///
    /// If it cannot take them now. The messages wait.
    fn hand_over(&self, messages: &[Outgoing]) -> Result<Vec<Receipt>, String>;

    /// The receipts of messages that it has got already.
    fn receipts(&self, messages: &[Outgoing]) -> Vec<Receipt> {
        let receipt = Receipt {
            status: MessageStatus::Accepted,
            foretold: None,
        };
        vec![receipt; messages.len()]
    }
}

/// Sends nothing, and reports as an operator would: the same for the same seed and message.
#[derive(Clone, Debug)]
pub struct Simulated {
    /// Decides which message gets which end.
    pub seed: u64,
    /// Of a thousand messages, so many are not delivered, are rejected at once, or expire; the
    /// others are delivered.
    pub undelivered: u32,
    /// See [`Simulated::undelivered`].
    pub rejected: u32,
    /// See [`Simulated::undelivered`].
    pub expired: u32,
    /// Delivery is reported after at least so long, and at most twice that. Messages that expire
    /// do so when their validity ends.
    pub delay: Millis,
}

impl Default for Simulated {
    fn default() -> Simulated {
        Simulated {
            // One with which the first hundred messages all come to an end within seconds.
            seed: 7,
            undelivered: 30,
            rejected: 10,
            expired: 10,
            delay: 2_000,
        }
    }
}

impl Simulated {
    fn receipt(&self, message: &Outgoing) -> Receipt {
        let mut hash = Sha256::new();
        hash.update(self.seed.to_le_bytes());
        hash.update(message.id.to_le_bytes());
        let hash = hash.finalize();
        let draw =
            |at: usize| u32::from_le_bytes([hash[at], hash[at + 1], hash[at + 2], hash[at + 3]]);
        let share = draw(0) % 1000;
        let delay = self.delay + i64::from(draw(4)) % (self.delay + 1);
        let later = |status, delay| Receipt {
            status: MessageStatus::Accepted,
            foretold: Some((status, message.at + delay)),
        };
        let (rejected, undelivered) = (self.rejected, self.rejected + self.undelivered);
        if share < rejected {
            Receipt {
                status: MessageStatus::Rejected,
                foretold: None,
            }
        } else if share < undelivered {
            later(MessageStatus::Undelivered, delay)
        } else if share < undelivered + self.expired {
            later(MessageStatus::Expired, message.validity * crate::MINUTE)
        } else {
            later(MessageStatus::Delivered, delay)
        }
    }
}

impl Transport for Simulated {
    /// Nothing left the house, so what was not marked was not handed over.
    fn knows(&self, messages: &[Outgoing]) -> Result<Vec<bool>, String> {
        Ok(vec![false; messages.len()])
    }

    fn hand_over(&self, messages: &[Outgoing]) -> Result<Vec<Receipt>, String> {
        Ok(messages
            .iter()
            .map(|message| self.receipt(message))
            .collect())
    }
}
