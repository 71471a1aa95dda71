//! What the server has done, for Prometheus.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Upper bounds of the times that are told apart, in seconds.
const BOUNDS: [f64; 10] = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 30.0];

/// Counts since the server began.
#[derive(Debug, Default)]
pub(super) struct Metrics(Mutex<Counts>);

#[derive(Debug, Default)]
struct Counts {
    /// By method and code. Methods are those that exist, or `unknown`.
    requests: BTreeMap<(String, u16), u64>,
    /// By method.
    times: BTreeMap<String, Times>,
    /// Requests that got no envelope, by status.
    refused: BTreeMap<u16, u64>,
}

#[derive(Debug, Default)]
struct Times {
    /// Not summed up yet; the last one is beyond all bounds.
    buckets: [u64; BOUNDS.len() + 1],
    sum: f64,
}

/// What else there is to tell.
pub(super) struct Gauges {
    /// Background tasks that are not over.
    pub(super) open_tasks: u64,
    /// Bytes of the database and its write-ahead log.
    pub(super) database_bytes: u64,
    /// Connections that are open.
    pub(super) connections: u64,
    /// Connections that had to make room.
    pub(super) sent_away: u64,
}

impl Metrics {
    pub(super) fn answered(&self, method: &str, code: u16, time: Duration) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *counts
            .requests
            .entry((method.to_owned(), code))
            .or_default() += 1;
        let seconds = time.as_secs_f64();
        let bucket = BOUNDS.partition_point(|&bound| bound < seconds);
        let times = counts.times.entry(method.to_owned()).or_default();
        times.buckets[bucket] += 1;
        times.sum += seconds;
    }

    pub(super) fn refused(&self, status: u16) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *counts.refused.entry(status).or_default() += 1;
    }

    /// All of it, as Prometheus reads it.
    pub(super) fn text(&self, gauges: &Gauges) -> String {
        let counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut out = String::new();
        // Writing to a string does not fail.
        let _ = counts.write(gauges, &mut out);
        out
    }
}

impl Counts {
    fn write(&self, gauges: &Gauges, out: &mut String) -> std::fmt::Result {
        let head = |out: &mut String, name: &str, kind: &str, help: &str| {
            writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}")
        };
        let name = "recipients_requests_total";
        head(
            out,
            name,
            "counter",
            "Calls by method and code of the answer.",
        )?;
        for ((method, code), count) in &self.requests {
            writeln!(out, "{name}{{method=\"{method}\",code=\"{code}\"}} {count}")?;
        }
        let name = "recipients_refused_total";
        head(
            out,
            name,
            "counter",
            "Requests without an envelope, by HTTP status.",
        )?;
        for (status, count) in &self.refused {
            writeln!(out, "{name}{{status=\"{status}\"}} {count}")?;
        }
        let name = "recipients_request_seconds";
        head(
            out,
            name,
            "histogram",
            "Time from the head of a request to its answer.",
        )?;
        for (method, times) in &self.times {
            let mut sum = 0;
            for (at, count) in times.buckets.iter().enumerate() {
                sum += count;
                let bound = BOUNDS.get(at).map_or("+Inf".to_owned(), f64::to_string);
                writeln!(
                    out,
                    "{name}_bucket{{method=\"{method}\",le=\"{bound}\"}} {sum}"
                )?;
            }
            writeln!(out, "{name}_sum{{method=\"{method}\"}} {}", times.sum)?;
            writeln!(out, "{name}_count{{method=\"{method}\"}} {sum}")?;
        }
        for (name, value, help) in [
            (
                "recipients_open_tasks",
                gauges.open_tasks,
                "Background tasks that are not over.",
            ),
            (
                "recipients_database_bytes",
                gauges.database_bytes,
                "Bytes of the database and its write-ahead log.",
            ),
            (
                "recipients_connections",
                gauges.connections,
                "Connections that are open.",
            ),
        ] {
            head(out, name, "gauge", help)?;
            writeln!(out, "{name} {value}")?;
        }
        let name = "recipients_connections_sent_away_total";
        head(
            out,
            name,
            "counter",
            "Connections that made room for others, no request of theirs having come.",
        )?;
        writeln!(out, "{name} {}", gauges.sent_away)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_are_summed_up() {
        let metrics = Metrics::default();
        for ms in [1, 2, 2000] {
            metrics.answered("campaign/get", 0, Duration::from_millis(ms));
        }
        metrics.refused(413);
        let text = metrics.text(&Gauges {
            open_tasks: 2,
            database_bytes: 5,
            connections: 3,
            sent_away: 1,
        });
        for line in [
            "recipients_requests_total{method=\"campaign/get\",code=\"0\"} 3",
            "recipients_request_seconds_bucket{method=\"campaign/get\",le=\"0.001\"} 1",
            "recipients_request_seconds_bucket{method=\"campaign/get\",le=\"1\"} 2",
            "recipients_request_seconds_bucket{method=\"campaign/get\",le=\"+Inf\"} 3",
            "recipients_request_seconds_count{method=\"campaign/get\"} 3",
            "recipients_refused_total{status=\"413\"} 1",
            "recipients_open_tasks 2",
            "recipients_database_bytes 5",
            "recipients_connections 3",
            "recipients_connections_sent_away_total 1",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
    }
}
