//! Time and chance, which tests make up.

use std::fmt;
use std::io;
use std::time::{Duration, Instant};

/// What an upload needs of the world. [`World::moment`] is there for tests that let a process end
/// at every point where it can.
pub trait World: fmt::Debug + Send + Sync {
    /// The time since some moment.
    fn now(&self) -> Duration;

    /// Waits.
    fn pause(&self, time: Duration);

    /// A number from 0 to 1.
    fn chance(&self) -> f64;

    /// Called at the moments that matter to what is on disk and on the server.
    ///
    /// # Errors
    ///
    /// Ends the upload there, as the end of the process would.
    fn moment(&self, moment: Moment) -> io::Result<()> {
        let _ = moment;
        Ok(())
    }
}

/// Where an upload can be cut off.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Moment {
    /// A batch is complete, and nobody knows of it yet.
    BeforeJournal,
    /// The journal says that it is about to be sent.
    BeforeCall,
    /// The answer is there.
    AfterCall,
    /// The journal has the answer.
    AfterJournal,
}

/// The world as it is.
#[derive(Clone, Copy, Debug)]
pub struct RealWorld(Instant);

impl Default for RealWorld {
    fn default() -> RealWorld {
        RealWorld(Instant::now())
    }
}

impl World for RealWorld {
    fn now(&self) -> Duration {
        self.0.elapsed()
    }

    fn pause(&self, time: Duration) {
        std::thread::sleep(time);
    }

    fn chance(&self) -> f64 {
        // Without chance all wait equally long, which does no harm.
        let bits = getrandom::u32().unwrap_or(u32::MAX / 2);
        f64::from(bits) / f64::from(u32::MAX)
    }
}
