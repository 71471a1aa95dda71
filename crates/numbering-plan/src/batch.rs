//! Many numbers at a time.
//!
//! Three passes over a hundred fields or so, each without a branch that depends on what a field
//! holds: find the ends of the lines; take the digits out of each field; walk them through the
//! table. Since no pass waits for one field, the processor works on many at once. Fields that need
//! more thought are noted, read one by one, and join the walk.

use crate::answer::Answer;
use crate::arch::{self, Path};
use crate::lookup::Read;
use crate::plan::Plan;
use crate::text;

/// Fields of a pass. Their ends and digits stay in the first-level cache.
pub(crate) const PASS: usize = 128;

/// How far [`Plan::classify_lines`] came.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Progress {
    /// Lines that were answered.
    pub lines: usize,
    /// Bytes that they take, line ends included.
    pub bytes: usize,
}

/// What a pass leaves behind for the next one.
pub(crate) struct Work {
    reads: [Read; PASS],
    /// How far each number has come in the table.
    entries: [u16; PASS],
    /// Fields that need more thought.
    slow: List,
    /// Answers that do not come from the walk.
    late: [Answer; PASS],
    /// Whether punctuation is to be expected.
    messy: bool,
}

/// Places of fields, noted without asking whether they count: the one after the last is written
/// over if it does not.
struct List {
    places: [u16; PASS + 1],
    len: usize,
}

impl List {
    const fn new() -> List {
        List {
            places: [0; PASS + 1],
            len: 0,
        }
    }

    #[inline(always)]
    fn note(&mut self, place: usize, counts: bool) {
        self.places[self.len] = place as u16;
        self.len += usize::from(counts);
    }

    fn iter(&self) -> impl Iterator<Item = usize> + '_ {
        self.places[..self.len].iter().map(|&at| usize::from(at))
    }
}

impl Work {
    const fn new() -> Work {
        Work {
            reads: [Read::NONE; PASS],
            entries: [0; PASS],
            slow: List::new(),
            late: [Answer::BLANK; PASS],
            messy: false,
        }
    }

    /// Whether it pays to look for punctuation in every field instead of asking first: a question
    /// whose answer cannot be guessed costs more. Decided by what the last pass saw.
    pub(crate) fn messy(&self) -> bool {
        self.messy
    }

    /// Notes how many fields had punctuation.
    pub(crate) fn set_messy(&mut self, messy: usize, of: usize) {
        self.messy = 4 * messy > of;
    }

    /// Notes what was read of a field, and whether it needs more thought.
    #[inline(always)]
    pub(crate) fn put(&mut self, at: usize, read: Read, slow: bool) {
        self.reads[at] = read;
        self.slow.note(at, slow);
    }
}

impl Plan<'_> {
    /// Classifies many fields at once; each answer is the one that [`Plan::classify`] gives.
    ///
    /// ```
    /// use numbering_plan::{Answer, Plan};
    ///
    /// let mut answers = [Answer::BLANK; 2];
    /// Plan::builtin().classify_batch(&[b"79101112233", b"+44 7400 123456"], &mut answers);
    /// assert!(answers.iter().all(|answer| answer.is_valid()));
    /// ```
    ///
    /// # Panics
    ///
    /// If there is not exactly one answer to each field.
    pub fn classify_batch(&self, fields: &[&[u8]], answers: &mut [Answer]) {
        self.classify_batch_by(Path::best(), fields, answers);
    }

    /// [`Plan::classify_batch`] with instructions of the caller's choice, for tests and
    /// measurements.
    ///
    /// # Panics
    ///
    /// If there is not exactly one answer to each field.
    pub fn classify_batch_by(&self, path: Path, fields: &[&[u8]], answers: &mut [Answer]) {
        assert_eq!(fields.len(), answers.len(), "one answer to each field");
        let mut work = Work::new();
        for (fields, answers) in fields.chunks(PASS).zip(answers.chunks_mut(PASS)) {
            self.pass(path, &[], fields, answers, &mut work);
        }
    }

    /// Classifies the lines of a text, a number a line, until the text ends or every answer is
    /// given. Lines end with a newline, which a carriage return may precede; the last one may go
    /// without. Each answer is the one that [`Plan::classify`] gives for the line.
    ///
    /// To read a file in pieces, hand over pieces that end at the end of a line, and room for
    /// hundreds of answers: a call looks ahead for more than a hundred line ends.
    pub fn classify_lines(&self, text: &[u8], answers: &mut [Answer]) -> Progress {
        self.classify_lines_by(Path::best(), text, answers)
    }

    /// [`Plan::classify_lines`] with instructions of the caller's choice, for tests and
    /// measurements.
    pub fn classify_lines_by(&self, path: Path, text: &[u8], answers: &mut [Answer]) -> Progress {
        let mut work = Work::new();
        let mut lines = Lines::new();
        let mut done = Progress::default();
        while done.lines < answers.len() && done.bytes < text.len() {
            let (mut count, mut bytes) = lines.find(path, &text[done.bytes..]);
            let answers = &mut answers[done.lines..];
            if count > answers.len() {
                count = answers.len();
                bytes = lines.ends[count - 1] as usize + 1;
            }
            self.pass(
                path,
                text,
                &lines.fields[..count],
                &mut answers[..count],
                &mut work,
            );
            done.lines += count;
            done.bytes += bytes;
        }
        done
    }

    /// Classifies all lines of a text, as [`Plan::classify_lines`] does, and hands them over some
    /// at a time, while they are still in the first-level cache: the lines without their ends, and
    /// an answer for each.
    ///
    /// ```
    /// use numbering_plan::Plan;
    ///
    /// let mut valid = Vec::new();
    /// Plan::builtin().for_lines(b"79101112233\r\nnone\n", |lines, answers| {
    ///     valid.extend(lines.iter().zip(answers).map(|(&line, answer)| (line, answer.is_valid())));
    /// });
    /// assert_eq!(valid, [(&b"79101112233"[..], true), (b"none", false)]);
    /// ```
    pub fn for_lines<'t>(&self, text: &'t [u8], mut each: impl FnMut(&[&'t [u8]], &[Answer])) {
        let path = Path::best();
        let mut work = Work::new();
        let mut lines = Lines::new();
        let mut answers = [Answer::BLANK; PASS];
        let mut done = 0;
        while done < text.len() {
            let (count, bytes) = lines.find(path, &text[done..]);
            let answers = &mut answers[..count];
            self.pass(path, text, &lines.fields[..count], answers, &mut work);
            each(&lines.fields[..count], answers);
            done += bytes;
        }
    }

    /// The fields may lie within a text.
    fn pass(
        &self,
        path: Path,
        text: &[u8],
        fields: &[&[u8]],
        answers: &mut [Answer],
        work: &mut Work,
    ) {
        work.slow.len = 0;
        arch::read_fields(path, text, fields, work);
        // Fields that need more thought get it now, and join the walk if they can.
        let (mut late, mut labelled) = (List::new(), List::new());
        for at in work.slow.iter() {
            let written = text::read(fields[at]);
            if let Some(read) = written.as_ref().ok().and_then(Read::of_written) {
                work.reads[at] = read;
                labelled.note(at, read.is_labelled());
                continue;
            }
            work.reads[at] = Read::NONE;
            work.late[late.len] = match written {
                Ok(written) => self.international_at_length(&written),
                Err(standing) => Answer::without_number(standing),
            };
            late.note(at, true);
        }
        let prefixed = self.walk(&work.reads[..fields.len()], &mut work.entries, answers);
        // Numbers without their national prefixes walk again.
        for at in prefixed.iter() {
            match self.without_prefix_quickly(&work.reads[at]) {
                Some(read) => {
                    work.entries[at] = self.first_entry(read.groups[0], read.groups[1]);
                    work.reads[at] = read;
                }
                // What was not read has its answer already.
                None if work.reads[at].len == 0 => {}
                None => {
                    work.late[late.len] = self.with_prefix(&work.reads[at]);
                    late.note(at, true);
                }
            }
        }
        for at in prefixed.iter() {
            let read = &work.reads[at];
            let entry = self.next_entry(work.entries[at], read.groups[2]);
            answers[at] = self.answer_at(entry, read).0.without_mark();
        }
        for (at, &answer) in late.iter().zip(&work.late) {
            answers[at] = answer;
        }
        for at in labelled.iter() {
            answers[at] = answers[at].if_labelled();
        }
    }

    /// The walk through the table, step by step for all: a step waits for memory, and while one
    /// number waits the others go on. Tells the numbers that may have a national prefix.
    ///
    /// On its own so that its instructions can be counted (`cargo xtask instructions`).
    #[inline(never)]
    fn walk(&self, reads: &[Read], entries: &mut [u16; PASS], answers: &mut [Answer]) -> List {
        // A copy that nothing else refers to can stay in registers.
        let plan = *self;
        let entries = &mut entries[..reads.len()];
        for (entry, read) in entries.iter_mut().zip(reads) {
            *entry = plan.first_entry(read.groups[0], read.groups[1]);
        }
        for (entry, read) in entries.iter_mut().zip(reads) {
            *entry = plan.next_entry(*entry, read.groups[2]);
        }
        let mut prefixed = List::new();
        for (at, ((answer, entry), read)) in answers.iter_mut().zip(entries).zip(reads).enumerate()
        {
            let (found, prefix) = plan.answer_at(*entry, read);
            *answer = found;
            prefixed.note(at, prefix);
        }
        prefixed
    }
}

/// The next lines of a text.
struct Lines<'t> {
    fields: [&'t [u8]; PASS],
    ends: [u32; PASS + arch::SURPLUS],
}

impl<'t> Lines<'t> {
    fn new() -> Lines<'t> {
        Lines {
            fields: [&[]; PASS],
            ends: [0; PASS + arch::SURPLUS],
        }
    }

    /// Finds the first lines of what is left of a text, which is not empty; how many, and how many
    /// bytes they take with their ends.
    fn find(&mut self, path: Path, rest: &'t [u8]) -> (usize, usize) {
        // Places in the text are kept in 32 bits.
        let window = &rest[..rest.len().min(1 << 30)];
        let found = arch::line_ends(path, window, &mut self.ends).min(PASS);
        let mut start = 0;
        for (field, &end) in self.fields.iter_mut().zip(&self.ends[..found]) {
            *field = without_return(&window[start..end as usize]);
            start = end as usize + 1;
        }
        if found == PASS || start == window.len() || (window.len() < rest.len() && found > 0) {
            return (found, start);
        }
        // Every line end of the window was found, and this line has none there.
        let tail = &rest[start..];
        let end = match window.len() == rest.len() {
            true => tail.len(),
            false => tail.iter().position(|&b| b == b'\n').unwrap_or(tail.len()),
        };
        self.fields[found] = without_return(&tail[..end]);
        (found + 1, (start + end + 1).min(rest.len()))
    }
}

fn without_return(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\r").unwrap_or(line)
}
