//! What runs on which thread: nobody waits for what never comes.

use recipients_batcher::{Checked, Error, Pipeline, Wants, Workers};
use recipients_core::Checker;
use recipients_ingest::Source;
use std::io;
use std::panic::{self, AssertUnwindSafe};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

/// So many rows, each with something done before it is handed out.
fn rows(count: u64, mut before: impl FnMut(u64) + Send + 'static) -> Source {
    let rows = (0..count).map(move |at| {
        before(at);
        Ok::<_, io::Error>([format!("38097{at:07}")])
    });
    Source::from_rows("list", &[], 0, rows)
}

fn ignore(_: &Checked<'_>) -> io::Result<()> {
    Ok(())
}

/// What a run comes to, unless it takes a minute.
fn in_time<T: Send + 'static>(run: impl FnOnce() -> T + Send + 'static) -> T {
    let (done, came) = mpsc::channel();
    thread::spawn(move || done.send(run()));
    let minute = Duration::from_secs(60);
    came.recv_timeout(minute).expect("the run ends")
}

#[test]
fn rows_that_are_made_on_all_threads_come_in_their_order() {
    let last = in_time(|| {
        let workers = Workers::new(2).unwrap();
        let source = rows(60_000, |at| {
            if at % 16 == 0 {
                let (one, other) = rayon::join(|| at + 1, || at + 2);
                assert_eq!(one + 1, other);
            }
        });
        let mut last = 0;
        let checker = Checker::default();
        let pipeline = Pipeline::new(&checker).workers(&workers);
        let report = pipeline.run(vec![source], |row: &Checked<'_>| {
            assert_eq!(row.number(), last + 1);
            last += 1;
            Ok(())
        });
        assert_eq!(report.unwrap().accepted(), 60_000);
        last
    });
    assert_eq!(last, 60_000);
}

/// Wherever it happens: on the caller's thread or another.
#[test]
fn a_panic_of_whoever_makes_the_rows_is_handed_on() {
    for chunk in 0..10 {
        let panicked = in_time(move || {
            let make = || {
                rows(60_000, move |at| {
                    assert!(at <= chunk * CHUNK, "no more rows")
                })
            };
            let checker = Checker::default();
            let pipeline = Pipeline::new(&checker).threads(2);
            let runs: [&dyn Fn() -> bool; 2] =
                [&|| pipeline.run(vec![make()], ignore).is_err(), &|| {
                    pipeline.run(vec![make()], Wants::Report).is_err()
                }];
            runs.map(|run| panic::catch_unwind(AssertUnwindSafe(run)).is_err())
        });
        assert_eq!(panicked, [true; 2]);
    }
}

/// Rows of a chunk that comes from no file.
const CHUNK: u64 = 4096;

#[test]
fn a_run_that_has_failed_reads_little_more() {
    let made = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&made);
    let failed = in_time(move || {
        let source = rows(1_000_000, move |at| {
            counted.store(at + 1, Ordering::Relaxed);
            // Those that are read when the first eight have been judged take a second each.
            if at > 8 * CHUNK && at % CHUNK == 0 {
                thread::sleep(Duration::from_secs(1));
            }
        });
        let checker = Checker::default();
        let full = |_: &Checked<'_>| Err(io::ErrorKind::StorageFull.into());
        let failed = Pipeline::new(&checker).threads(2).run(vec![source], full);
        matches!(failed, Err(Error::Sink(_)))
    });
    assert!(failed);
    let made = made.load(Ordering::Relaxed);
    assert!(made <= 13 * CHUNK, "{made} rows were made");
}

#[test]
fn a_flag_is_seen_before_the_next_chunk() {
    for threads in [1, 2] {
        let flag = Arc::new(AtomicBool::new(false));
        let (made, set) = (Arc::new(AtomicU64::new(0)), Arc::clone(&flag));
        let counted = Arc::clone(&made);
        let source = rows(10 * CHUNK, move |at| {
            counted.store(at + 1, Ordering::Relaxed);
            set.fetch_or(at == CHUNK + 1, Ordering::Relaxed);
        });
        let checker = Checker::default();
        let pipeline = Pipeline::new(&checker).threads(threads).cancel(&flag);
        let cancelled = pipeline.run(vec![source], ignore);
        assert!(matches!(cancelled, Err(Error::Cancelled)));
        assert_eq!(made.load(Ordering::Relaxed), 2 * CHUNK, "{threads} threads");
    }
}

#[test]
fn rows_are_read_no_further_ahead_than_sixteen_chunks() {
    let made = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&made);
    let source = rows(100 * CHUNK, move |at| {
        counted.store(at + 1, Ordering::Relaxed)
    });
    let checker = Checker::default();
    let slow = |row: &Checked<'_>| {
        if row.number() % (8 * CHUNK) == 1 {
            thread::sleep(Duration::from_millis(20));
            let ahead = made.load(Ordering::Relaxed) - row.number();
            assert!(ahead < 16 * CHUNK, "{ahead} rows ahead");
        }
        Ok(())
    };
    let report = Pipeline::new(&checker).threads(2).run(vec![source], slow);
    assert_eq!(report.unwrap().accepted(), 100 * CHUNK);
}

/// However many runs wait: the caller of each one can do its work alone.
#[test]
fn runs_that_wait_for_rows_keep_no_other_from_the_same_threads() {
    let accepted = in_time(|| {
        let workers = Workers::new(2).unwrap();
        let waiting: Vec<_> = (0..4)
            .map(|_| {
                let (more, wait) = mpsc::channel::<()>();
                let (waits, begun) = mpsc::channel::<()>();
                let workers = workers.clone();
                let run = thread::spawn(move || {
                    let source = rows(20_000, move |at| {
                        if at == 10_000 {
                            waits.send(()).unwrap();
                            wait.recv().unwrap();
                        }
                    });
                    let checker = Checker::default();
                    let pipeline = Pipeline::new(&checker).workers(&workers);
                    pipeline.run(vec![source], ignore).unwrap().accepted()
                });
                begun.recv().unwrap();
                (run, more)
            })
            .collect();
        // Only when this one has ended do the others get what they wait for.
        let checker = Checker::default();
        let pipeline = Pipeline::new(&checker).workers(&workers);
        let source = rows(40_000, |_| {});
        let last = pipeline.run(vec![source], ignore).unwrap().accepted();
        let ended = waiting.into_iter().map(|(run, more)| {
            more.send(()).unwrap();
            run.join().unwrap()
        });
        ended.sum::<u64>() + last
    });
    assert_eq!(accepted, 4 * 20_000 + 40_000);
}
