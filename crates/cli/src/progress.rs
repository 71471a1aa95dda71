//! How far it is, on a terminal only.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::{self, IsTerminal};
use std::time::Duration;

/// Rows between two looks at the clock.
const EVERY: u64 = 4096;

/// A bar over the bytes of the files, or, where these are not known, a count of rows.
#[derive(Debug)]
pub(crate) struct Progress {
    bar: ProgressBar,
    by_bytes: bool,
    rows: u64,
}

impl Progress {
    /// `total` is the size of all files, if it says how far a row is.
    pub(crate) fn new(total: Option<u64>) -> Progress {
        let bar = match (io::stderr().is_terminal(), total) {
            (false, _) => ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden()),
            (true, Some(total)) => ProgressBar::new(total).with_style(style(
                "{bar:30} {bytes}/{total_bytes}  {msg} rows  {bytes_per_sec}  {eta} left",
            )),
            (true, None) => {
                ProgressBar::new_spinner().with_style(style("{spinner} {msg} rows  {elapsed}"))
            }
        };
        if total.is_none() {
            bar.enable_steady_tick(Duration::from_millis(200));
        }
        Progress {
            bar,
            by_bytes: total.is_some(),
            rows: 0,
        }
    }

    /// Another row, so many bytes into all files.
    pub(crate) fn row(&mut self, bytes: u64) {
        self.rows += 1;
        if self.rows.is_multiple_of(EVERY) {
            if self.by_bytes {
                self.bar.set_position(bytes);
            }
            self.bar.set_message(self.rows.to_string());
        }
    }

    pub(crate) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}
