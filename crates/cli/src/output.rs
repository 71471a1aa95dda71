//! Files that appear whole or not at all: written beside the target under another name, synced,
//! and renamed. Ctrl-C takes the unfinished ones away.

use crate::failure::{Failure, INTERRUPTED};
use std::borrow::Cow;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use tempfile::{NamedTempFile, TempPath};

/// Files that are being written. The lock is held while they get their names, so that an
/// interrupt comes before all of them or after.
static UNFINISHED: Mutex<Unfinished> = Mutex::new(Unfinished {
    paths: Vec::new(),
    published: false,
});

#[derive(Debug)]
struct Unfinished {
    paths: Vec<PathBuf>,
    /// The results have their names.
    published: bool,
}

fn unfinished() -> std::sync::MutexGuard<'static, Unfinished> {
    UNFINISHED
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// Text as a terminal may show it. Names of files, sheets and columns come from strangers, and control
/// characters could move the cursor, change its title or hide what is there.
pub(crate) fn shown(text: &str) -> Cow<'_, str> {
    let is_control = |c: char| c.is_control() && !matches!(c, '\n' | '\t');
    if !text.contains(is_control) {
        return text.into();
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match is_control(c) {
            true => shown.extend(c.escape_default()),
            false => shown.push(c),
        }
    }
    shown.into()
}

/// Ends the process on Ctrl-C (and SIGTERM, SIGHUP) without leaving half a result.
pub(crate) fn clean_up_on_interrupt() -> Result<(), Failure> {
    ctrlc::set_handler(|| {
        // Holding the lock to the end keeps results from being named meanwhile.
        let unfinished = unfinished();
        for path in &unfinished.paths {
            let _ = std::fs::remove_file(path);
        }
        match unfinished.published {
            true => crate::say!("recipients: interrupted; the results had been written"),
            false => crate::say!("recipients: interrupted; no results were written"),
        }
        std::process::exit(i32::from(INTERRUPTED));
    })
    .map_err(|error| Failure::Output(io::Error::other(error)))
}

/// A limit on the size of files fails the writing, as a full disk does, instead of ending the program.
pub(crate) fn outlive_file_limits() {
    #[cfg(unix)]
    {
        let too_large = signal_hook::consts::SIGXFSZ;
        // Without it everything else works.
        let _ = signal_hook::flag::register(too_large, Arc::default());
    }
}

/// Whether a person is being asked, so that there is nothing to come to an end.
static ASKING: AtomicBool = AtomicBool::new(false);

/// The first Ctrl-C sets the flag, so that what is under way comes to its end; the second one, or the
/// first while a person is being asked, is as [`clean_up_on_interrupt`].
pub(crate) fn stop_on_interrupt(flag: &Arc<AtomicBool>) -> Result<(), Failure> {
    let flag = Arc::clone(flag);
    ctrlc::set_handler(move || {
        let is_first = !flag.swap(true, Ordering::SeqCst);
        if is_first && !ASKING.load(Ordering::SeqCst) {
            crate::say!("recipients: stopping after the batch under way; once more stops at once");
            return;
        }
        for path in &unfinished().paths {
            let _ = std::fs::remove_file(path);
        }
        std::process::exit(i32::from(INTERRUPTED));
    })
    .map_err(|error| Failure::Output(io::Error::other(error)))
}

/// What is typed in answer to a question.
pub(crate) fn answer() -> io::Result<String> {
    ASKING.store(true, Ordering::SeqCst);
    let mut answer = String::new();
    let read = io::stdin().read_line(&mut answer);
    ASKING.store(false, Ordering::SeqCst);
    read.map(|_| answer.trim().to_lowercase())
}

/// Takes away what runs that were killed have left: files with this beginning that nobody holds.
fn sweep(folder: &Path, beginning: &str) {
    let files = std::fs::read_dir(folder).into_iter().flatten().flatten();
    for file in files {
        let name = file.file_name();
        let is_ours = name
            .to_str()
            .is_some_and(|name| name.starts_with(beginning));
        if is_ours
            && file.file_type().is_ok_and(|kind| kind.is_file())
            && let Ok(held) = File::open(file.path())
            && held.try_lock().is_ok()
        {
            let _ = std::fs::remove_file(file.path());
        }
    }
}

/// A file on its way to its name.
#[derive(Debug)]
pub(crate) struct Pending {
    target: PathBuf,
    path: TempPath,
    out: BufWriter<File>,
}

impl Pending {
    /// Starts a file in the target's folder. It is readable by its owner only, as it holds
    /// personal data.
    pub(crate) fn create(target: &Path) -> Result<Pending, Failure> {
        let refuse = |error: io::Error| {
            // The name of the file beside the target is of no interest.
            let why = match error.raw_os_error() {
                Some(code) => io::Error::from_raw_os_error(code).to_string(),
                None => error.to_string(),
            };
            Failure::Unreadable(format!("{}: cannot be written: {why}", target.display()))
        };
        // The new file takes the place of the old one, which must not be a device or a link.
        match target.symlink_metadata() {
            Ok(there) if !there.is_file() => {
                return Err(refuse(io::Error::other(
                    "it is there and is no ordinary file",
                )));
            }
            _ => {}
        }
        let folder = match target.parent() {
            Some(folder) if folder != Path::new("") => folder,
            _ => Path::new("."),
        };
        let mut unfinished = unfinished();
        let name = target.file_name().unwrap_or_default().to_string_lossy();
        let beginning = format!(".recipients-{name}-");
        sweep(folder, &beginning);
        let file = tempfile::Builder::new()
            .prefix(&beginning)
            .tempfile_in(folder)
            .map_err(|error| match error.kind() {
                io::ErrorKind::NotFound => refuse(io::Error::other(format!(
                    "there is no folder {}",
                    folder.display()
                ))),
                kind => refuse(kind.into()),
            })?;
        // Held as long as it is written; where files cannot be locked, none is swept away.
        let _ = file.as_file().try_lock();
        unfinished.paths.push(file.path().to_owned());
        let (file, path) = NamedTempFile::into_parts(file);
        Ok(Pending {
            target: target.to_owned(),
            path,
            out: BufWriter::with_capacity(1 << 18, file),
        })
    }
}

impl Pending {
    /// The name that it will have.
    pub(crate) fn target(&self) -> &Path {
        &self.target
    }
}

impl Write for Pending {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(bytes);
        written.map_err(|error| named(&self.target, error))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush().map_err(|error| named(&self.target, error))
    }
}

/// An error that says which file, and what to do if there is no room for it.
fn named(target: &Path, error: io::Error) -> io::Error {
    let advice = match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
            "; make room there, or name another folder"
        }
        _ => "",
    };
    io::Error::new(
        error.kind(),
        format!("{}: {error}{advice}", target.display()),
    )
}

/// Gives all files their names, once all are complete and on disk.
pub(crate) fn publish(files: Vec<Pending>) -> Result<(), Failure> {
    let mut complete = Vec::with_capacity(files.len());
    for mut file in files {
        file.flush()?;
        let synced = file.out.get_ref().sync_all();
        synced.map_err(|error| named(&file.target, error))?;
        complete.push((file.path, file.target));
    }
    let mut unfinished = unfinished();
    for (path, target) in complete {
        path.persist(&target).map_err(|error| {
            Failure::Unreadable(format!(
                "{}: cannot be written: {}",
                target.display(),
                error.error
            ))
        })?;
    }
    unfinished.paths.clear();
    unfinished.published = true;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_shown_as_text() {
        assert_eq!(shown("Київ\n\tx"), "Київ\n\tx");
        assert_eq!(shown("a\u{1b}[31m\u{9b}b\r"), "a\\u{1b}[31m\\u{9b}b\\r");
    }

    /// What a killed run has left goes; what another one is writing stays.
    #[test]
    fn only_what_nobody_holds_is_swept() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("out.csv");
        let left = folder.path().join(".recipients-out.csv-abcdef");
        std::fs::write(&left, "380971112233").unwrap();
        let first = Pending::create(&target).unwrap();
        let second = Pending::create(&target).unwrap();
        assert!(!left.exists() && first.path.exists() && second.path.exists());
    }
}
