//! Workbooks are read by a process of their own: this program again, told to read a sheet.
//!
//! A hostile workbook can make its reader take memory by the gigabyte or time without end in ways that
//! no check beforehand foresees. There the system stops it, and we are told.

use crate::failure::Failure;
use recipients::ingest::{SheetProcess, WorkbookInput, answer_sheet_request};
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// The hidden command.
pub(crate) const COMMAND: &str = "read-sheet";

/// Memory that the process may take, where the system can hold it to that.
#[cfg(unix)]
const MEMORY: u64 = 2 << 30;

/// How long it may take.
const TIME: Duration = Duration::from_secs(120);

/// Starts this program again.
#[derive(Debug)]
struct OwnProcess;

/// What the readers of lists are given.
pub(crate) fn process() -> Option<Arc<dyn SheetProcess>> {
    Some(Arc::new(OwnProcess))
}

impl SheetProcess for OwnProcess {
    fn start(&self, request: &str, workbook: WorkbookInput) -> io::Result<Box<dyn Read>> {
        // Our own file, even if it was replaced meanwhile.
        let own = PathBuf::from("/proc/self/exe");
        let program = match own.exists() {
            true => own,
            false => std::env::current_exe()?,
        };
        let mut command = Command::new(program);
        command
            .args([COMMAND, request])
            // It has no business with the key.
            .env_remove("RECIPIENTS_API_KEY")
            // Room that the allocator reserves for later would count as taken.
            .env("MIMALLOC_DISALLOW_ARENA_ALLOC", "1")
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut child = match workbook {
            WorkbookInput::File(file) => command.stdin(file).spawn()?,
            WorkbookInput::Bytes(bytes) => {
                let mut child = command.stdin(Stdio::piped()).spawn()?;
                let mut input = child.stdin.take().expect("it is piped");
                // What is not taken any more is of no interest.
                thread::spawn(move || drop(input.write_all(&bytes)));
                child
            }
        };
        let output = child.stdout.take().expect("it is piped");
        let over = Arc::new((Mutex::new(false), Condvar::new()));
        let watch = thread::spawn({
            let over = Arc::clone(&over);
            move || watch(child, TIME, &over)
        });
        Ok(Box::new(Output {
            output,
            over,
            watch: Some(watch),
        }))
    }
}

/// Ends a process when its time is over, or nobody wants to hear of it any more.
fn watch(mut child: Child, time: Duration, over: &(Mutex<bool>, Condvar)) {
    let lock = over.0.lock().unwrap_or_else(PoisonError::into_inner);
    drop(over.1.wait_timeout_while(lock, time, |over| !*over));
    let _ = child.kill();
    let _ = child.wait();
}

/// What the process writes; it ends when this is dropped.
struct Output {
    output: std::process::ChildStdout,
    over: Arc<(Mutex<bool>, Condvar)>,
    watch: Option<JoinHandle<()>>,
}

impl Read for Output {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.output.read(buffer)
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        *self.over.0.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.over.1.notify_all();
        if let Some(watch) = self.watch.take() {
            let _ = watch.join();
        }
    }
}

/// What the process does.
pub(crate) fn read(request: &str) -> Result<ExitCode, Failure> {
    limit();
    let input = input()?;
    let out = io::BufWriter::new(io::stdout().lock());
    answer_sheet_request(request, input, out)?;
    Ok(ExitCode::SUCCESS)
}

/// A file that was handed over, or what comes through a pipe.
fn input() -> io::Result<WorkbookInput> {
    #[cfg(unix)]
    {
        use std::io::Seek;
        use std::os::fd::AsFd;
        let mut file = File::from(io::stdin().as_fd().try_clone_to_owned()?);
        if file.rewind().is_ok() {
            return Ok(WorkbookInput::File(file));
        }
    }
    let mut bytes = Vec::new();
    io::stdin().lock().read_to_end(&mut bytes)?;
    Ok(WorkbookInput::Bytes(bytes))
}

/// Binds this process: little memory, little time, no files.
#[cfg(unix)]
fn limit() {
    use rustix::process::{Resource, Rlimit, setrlimit};
    // Whoever asked is gone: nobody would take the answer. It is the thread that started this process whose
    // end counts, and that waits for the answer.
    #[cfg(target_os = "linux")]
    let _ = rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL));
    for (resource, most) in [
        (Resource::As, MEMORY),
        (Resource::Cpu, TIME.as_secs()),
        (Resource::Fsize, 0),
        (Resource::Core, 0),
    ] {
        let limit = Rlimit {
            current: Some(most),
            maximum: Some(most),
        };
        // Where the system has no such limit, the checks before reading stand alone.
        let _ = setrlimit(resource, limit);
    }
}

#[cfg(not(unix))]
fn limit() {}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn a_process_ends_when_its_time_is_over() {
        let mut child = Command::new("sleep");
        let mut child = child.arg("600").stdout(Stdio::piped()).spawn().unwrap();
        let mut output = child.stdout.take().unwrap();
        let nobody_ends_it = (Mutex::new(false), Condvar::new());
        watch(child, Duration::from_millis(50), &nobody_ends_it);
        // Whoever reads what it writes comes to the end.
        assert_eq!(output.read(&mut [0]).unwrap(), 0);
    }
}
