//! How far it is, on a terminal only.

use indicatif::{HumanCount, ProgressBar, ProgressDrawTarget, ProgressStyle};
use recipients::ingest::{Format, Source};
use std::io::{self, IsTerminal};
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// A bar over the bytes of the files, or, where these are not known, a count of rows.
#[derive(Debug)]
pub(crate) struct Progress {
    bar: ProgressBar,
    by_bytes: bool,
    /// Sizes of the files.
    sizes: Vec<u64>,
    /// The current file, and the bytes of those before it.
    done: (usize, u64),
    rows: u64,
    started: Instant,
}

impl Progress {
    /// Over the bytes of these files, if they say how far a row is.
    pub(crate) fn over(files: &[PathBuf], sources: &[Source]) -> Progress {
        let size = |path: &PathBuf| std::fs::metadata(path).map_or(0, |meta| meta.len());
        let sizes: Vec<u64> = files.iter().map(size).collect();
        let by_bytes = sources.iter().zip(&sizes).all(|(source, &size)| {
            let layout = source.layout();
            layout.format == Format::Text && layout.compression.is_none() && size > 0
        });
        let total: Option<u64> = by_bytes.then(|| sizes.iter().sum());
        let bar = match (io::stderr().is_terminal(), total) {
            (false, _) => ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden()),
            (true, Some(total)) => ProgressBar::new(total)
                .with_style(style("{bar:30} {bytes}/{total_bytes}  {msg}  {eta} left")),
            (true, None) => {
                ProgressBar::new_spinner().with_style(style("{spinner} {msg}  {elapsed}"))
            }
        };
        if total.is_none() {
            bar.enable_steady_tick(Duration::from_millis(200));
        }
        Progress {
            bar,
            by_bytes,
            sizes,
            done: (0, 0),
            rows: 0,
            started: Instant::now(),
        }
    }

    /// More rows; the last one begins so many bytes into the file with this index.
    pub(crate) fn rows(&mut self, file: usize, rows: u64, bytes: u64) {
        self.rows += rows;
        while self.done.0 < file {
            self.done.1 += self.sizes[self.done.0];
            self.done.0 += 1;
        }
        if self.by_bytes {
            self.bar.set_position(self.done.1 + bytes);
        }
        let seconds = self.started.elapsed().as_secs_f64().max(0.001);
        let rate = HumanCount((self.rows as f64 / seconds) as u64);
        let rows = HumanCount(self.rows);
        self.bar
            .set_message(format!("{rows} rows, {rate} a second"));
    }

    /// A bar over the work of a server, of which percent are known.
    pub(crate) fn percent() -> Progress {
        let bar = match io::stderr().is_terminal() {
            false => ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden()),
            true => ProgressBar::new(100).with_style(style(
                "the server adds the list  {bar:30} {pos} %  {eta} left",
            )),
        };
        Progress {
            bar,
            by_bytes: false,
            sizes: Vec::new(),
            done: (0, 0),
            rows: 0,
            started: Instant::now(),
        }
    }

    pub(crate) fn set(&self, percent: u64) {
        self.bar.set_position(percent);
    }

    pub(crate) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}
