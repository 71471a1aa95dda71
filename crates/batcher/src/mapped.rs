//! Compiled sets of numbers, looked up in their files.
//!
//! The only module of this crate with `unsafe` in it.

#![allow(unsafe_code, reason = "mapping a file into memory is unsafe")]

use memmap2::Mmap;
use recipients_core::NumberSet;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// Opens a file that [`NumberSet::write_to`] has written, without loading it: it is mapped into
/// memory, checked by so many threads (0 is one for each core, [`NumberSet::open`]), and looked up where it is.
/// `None` if it is another kind of file.
///
/// The file must not be changed while the set is in use; put a new one in its place by renaming it,
/// as `recipients stoplist build` does.
///
/// # Errors
///
/// If the file cannot be read, or is damaged.
pub fn open_number_set(path: &Path, threads: usize) -> io::Result<Option<NumberSet>> {
    let mut file = File::open(path)?;
    if !file.metadata()?.is_file() {
        return Ok(None);
    }
    let mut head = Vec::new();
    (&mut file)
        .take(NumberSet::MAGIC.len() as u64)
        .read_to_end(&mut head)?;
    if head != NumberSet::MAGIC {
        return Ok(None);
    }
    // SAFETY: the bytes of a map may change only if the file is changed by someone, which the
    // documentation forbids; such files are replaced by renaming, and the old one stays what it
    // is as long as it is mapped. Nothing is read through the map but plain bytes, every place in
    // them is checked against its length, and no decision about memory rests on them.
    let map = unsafe { Mmap::map(&file)? };
    NumberSet::open_on(map, threads)
        .map(Some)
        .map_err(io::Error::other)
}

#[cfg(test)]
mod tests {
    use super::*;
    use recipients_core::Msisdn;

    #[test]
    fn a_set_is_looked_up_in_its_file_and_other_files_are_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("stop.set");
        let number = |n| Msisdn::from_u64(n).unwrap();
        let set: NumberSet = (0..1000).map(|n| number(79_000_000_000 + 3 * n)).collect();
        set.write_to(File::create(&path).unwrap()).unwrap();
        let opened = open_number_set(&path, 2).unwrap().unwrap();
        assert!(
            opened.contains(number(79_000_000_003)) && !opened.contains(number(79_000_000_004))
        );

        let mut bytes = set.to_bytes();
        bytes.pop();
        std::fs::write(&path, &bytes).unwrap();
        assert!(open_number_set(&path, 2).is_err());
        std::fs::write(&path, "79000000003\n").unwrap();
        assert!(open_number_set(&path, 2).unwrap().is_none());
        std::fs::write(&path, "").unwrap();
        assert!(open_number_set(&path, 2).unwrap().is_none());
    }
}
