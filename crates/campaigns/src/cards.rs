//! Lists of contact cards: read through the one pipeline, a card for each number.
//!
//! A number that a card has already brings that card up to date: what is given replaces, what is empty
//! changes nothing. So the same list can come again, and an import that was cut short begins anew.

use crate::account::Account;
use crate::add::Sums;
use crate::audit::Act;
use crate::campaign::Count;
use crate::contact::{CARD_FIELDS, CardField, MOBILE, MOST_VALUE, normal};
use crate::error::{Error, Field, Flaw};
use crate::import::{MOST_TEXT, Task};
use crate::rejects::{Failure, Rejects, check_rows};
use crate::{ADDRESS_FIELDS, Campaigns, TURN};
use recipients_batcher::{Checked, FileInfo, Format, Pipeline, Rows, Sink, Wants, annotate};
use recipients_core::{Checker, Policy, Territory};
use recipients_ingest::{Limits, Options, SheetProcess, Source};
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Groups that the cards of a list may join.
const MOST_GROUPS: usize = 10;

/// Names that people give to columns, beside those of the fields. The one with the numbers is found by
/// `ingest`.
const NAMES: &[(&str, &[&str])] = &[
    (
        "name",
        &["first name", "given name", "имя", "nome", "primeiro nome"],
    ),
    (
        "surname",
        &["last name", "family name", "фамилия", "sobrenome"],
    ),
    ("email", &["e mail", "mail", "почта", "эл. почта"]),
    (
        "birth_date",
        &[
            "birthday",
            "date of birth",
            "дата рождения",
            "день рождения",
            "data de nascimento",
            "aniversário",
        ],
    ),
    ("gender", &["sex", "пол", "gênero", "sexo"]),
    (
        "company_name",
        &[
            "company",
            "organization",
            "organisation",
            "компания",
            "empresa",
        ],
    ),
    (
        "company_url",
        &["website", "web site", "url", "сайт", "site"],
    ),
    (
        "info",
        &["note", "notes", "comment", "комментарий", "observação"],
    ),
    ("title", &["обращение", "título"]),
    ("address.city", &["city", "город", "cidade"]),
    ("address.country", &["country", "страна", "país"]),
    (
        "address.region",
        &["region", "state", "область", "регион", "estado"],
    ),
    (
        "address.postalcode",
        &["zip", "postal code", "postcode", "индекс", "cep"],
    ),
    (
        "address.street",
        &["street", "address", "улица", "адрес", "rua", "endereço"],
    ),
];

/// What an import of cards has come to.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct CardImport {
    /// Cards that are new.
    pub added: i64,
    /// Cards that were there.
    pub updated: i64,
    /// Rows without a number that can be used, and rows with a number that an earlier row has.
    pub rejected: i64,
    /// Columns that no field of cards is called.
    pub left_out: Vec<String>,
    /// Columns for a field that another column holds.
    pub doubled: Vec<String>,
    /// Values that were left out for their length.
    pub too_long: i64,
    /// What to tell if not all rejected rows were written down.
    pub unwritten: Option<String>,
}

impl CardImport {
    /// What to tell of it beside the counts, a line each.
    pub fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        if !self.left_out.is_empty() {
            notes.push(format!(
                "these columns are no fields of cards and were left out: {}; fields are {}",
                self.left_out.join(", "),
                CARD_FIELDS.join(", ")
            ));
        }
        if !self.doubled.is_empty() {
            notes.push(format!(
                "these columns are for fields that other columns hold, and were left out: {}",
                self.doubled.join(", ")
            ));
        }
        if self.too_long > 0 {
            notes.push(format!(
                "{} values of more than {MOST_VALUE} characters were left out",
                self.too_long
            ));
        }
        notes.extend(self.unwritten.clone());
        notes
    }
}

/// The name of a column as it is compared.
fn plain(name: &str) -> String {
    let name = name
        .trim()
        .to_lowercase()
        .replace(['_', '-', '\u{a0}'], " ");
    name.split_whitespace().collect::<Vec<&str>>().join(" ")
}

/// The field that a column holds, if its name tells.
fn field_of(column: &str) -> Option<CardField> {
    let column = plain(column);
    let mut known = CARD_FIELDS.iter().chain(ADDRESS_FIELDS);
    let own = known.find(|field| {
        plain(field) == column || plain(field).strip_prefix("address.") == Some(&column)
    });
    let by_name = || {
        let found = NAMES
            .iter()
            .find(|(_, names)| names.contains(&column.as_str()));
        found.map(|(field, _)| *field)
    };
    CardField::from_name(own.copied().or_else(by_name)?)
}

/// Opens a list of cards; how it is laid out is found out.
pub(crate) fn open(
    path: &Path,
    process: &Option<Arc<dyn SheetProcess>>,
) -> Result<Source, recipients_ingest::Error> {
    let options = Options::auto()
        .annotations(annotate::COLUMNS)
        .limits(Limits {
            text_bytes: MOST_TEXT,
            ..Limits::default()
        })
        .sheet_process(process.clone());
    Source::open(path, &options)
}

impl Campaigns {
    /// Adds the cards of a list to the contact book, and all of them to these groups; writes the rows
    /// that it could not use. Its header names the columns as the fields of cards are called, or as
    /// people call them; the source says which of them holds the numbers, which are read by the rules of
    /// a region if one is given. Rows are committed 10,000 at a time.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] for a group, [`Error::Invalid`] for a list that cannot be read or has no
    /// header. Cards that were added before stay; the list can come again.
    pub fn import_cards(
        &self,
        account: &Account,
        list: Source,
        region: Option<Territory>,
        groups: &[i64],
        rejects: impl Write + Send,
    ) -> Result<CardImport, Error> {
        let wrong = |words: String| Error::invalid(Field::Cards, Flaw::File(words));
        check_header(&list)?;
        self.check_groups(account, groups)?;
        let now = self.now();
        self.store
            .write(|change| change.record(&account.hand(), Act::ImportCards, None, now))?;
        let cards = CardList {
            groups,
            region,
            task: None,
            out: rejects,
        };
        match self.carry_cards(account, list, cards) {
            Ok((done, mut rejects)) => {
                rejects.flush()?;
                Ok(done)
            }
            Err(Carried::Failed(Failure::Store(error))) => Err(error),
            Err(Carried::Failed(Failure::Refused(words))) => Err(wrong(words)),
            Err(Carried::Run(error)) => Err(wrong(error.to_string())),
        }
    }

    /// Whether the account has all these groups, and cards can join as many.
    pub(crate) fn check_groups(&self, account: &Account, groups: &[i64]) -> Result<(), Error> {
        if groups.len() > MOST_GROUPS {
            return Err(Error::Incorrect(Flaw::TooMany(MOST_GROUPS)));
        }
        self.store.read(|look| {
            for &group in groups {
                if !look.is_group(account.id, group)? {
                    return Err(Error::NotFound);
                }
            }
            Ok(())
        })
    }

    /// Carries a list into the contact book; what it came to, and where rejected rows were written.
    pub(crate) fn carry_cards<W: Write + Send>(
        &self,
        account: &Account,
        source: Source,
        list: CardList<'_, W>,
    ) -> Result<(CardImport, W), Carried> {
        // Who may be written to is asked when it comes to that, and may change.
        let lines = account.settings.lines();
        let policy = Policy::default().lines(lines.unwrap_or_default());
        let checker = Checker::new(policy.region(list.region));
        let pipeline = Pipeline::new(&checker)
            .threads(self.threads)
            .cancel(&self.stop);
        let mut done = CardImport::default();
        let mut failed = None;
        let mut rejects = None;
        let carrier = Carrier {
            campaigns: self,
            account,
            groups: list.groups,
            task: list.task,
            columns: Vec::new(),
            out: Some(list.out),
            rejects: &mut rejects,
            at: 0,
            read: 0,
            done: &mut done,
            failed: &mut failed,
        };
        let ran = pipeline.run(vec![source], carrier);
        if let Some(failure) = failed {
            return Err(Carried::Failed(failure));
        }
        ran.map_err(Carried::Run)?;
        let rejects = rejects.expect("made at the start");
        let ended = rejects.finish();
        let (out, note) = ended.map_err(|error| Carried::Failed(Failure::Store(error.into())))?;
        done.unwritten = note;
        Ok((done, out))
    }
}

/// Where the cards of a list go.
pub(crate) struct CardList<'a, W> {
    pub(crate) groups: &'a [i64],
    /// By whose rules numbers without calling code are read.
    pub(crate) region: Option<Territory>,
    /// The task that writes down how far it is, and the bytes of its file.
    pub(crate) task: Option<(&'a Task, u64)>,
    /// For rejected rows.
    pub(crate) out: W,
}

/// Why a list was not carried to its end.
pub(crate) enum Carried {
    /// See there.
    Failed(Failure),
    /// See there.
    Run(recipients_batcher::Error),
}

/// Whether a list names its columns.
pub(crate) fn check_header(source: &Source) -> Result<(), Error> {
    if source.header().is_some() {
        return Ok(());
    }
    let words = match source.layout().width {
        0 => "it is empty".to_owned(),
        _ => {
            "its first line does not name the columns, as mobile,name,surname,email would; a title \
              above them must go, or give their names"
                .to_owned()
        }
    };
    Err(Error::invalid(
        Field::Cards,
        Flaw::File(format!("{}: {words}", source.name())),
    ))
}

/// Carries checked rows into the contact book.
struct Carrier<'a, W: Write> {
    campaigns: &'a Campaigns,
    account: &'a Account,
    groups: &'a [i64],
    /// And the bytes of its file.
    task: Option<(&'a Task, u64)>,
    /// The field that each column holds.
    columns: Vec<Option<CardField>>,
    out: Option<W>,
    rejects: &'a mut Option<Rejects<W>>,
    /// Rows that came so far, and bytes of the file.
    at: i64,
    read: u64,
    done: &'a mut CardImport,
    failed: &'a mut Option<Failure>,
}

impl<W: Write> Carrier<'_, W> {
    /// The fields of a row that have a value; how many were too long.
    fn fields(&self, row: &Checked<'_>) -> (BTreeMap<String, String>, i64) {
        let mut fields = BTreeMap::new();
        let mut too_long = 0;
        for (field, value) in self.columns.iter().zip(row.fields()) {
            let value = value.trim();
            let Some(field) = field.filter(|_| !value.is_empty()) else {
                continue;
            };
            match value.chars().count() > MOST_VALUE {
                true => too_long += 1,
                false => drop(fields.insert(field.key(), normal(field, value))),
            }
        }
        if let Some(number) = row.msisdn() {
            fields.insert(MOBILE.to_owned(), number.to_string());
        }
        (fields, too_long)
    }

    /// Adds the cards of some rows or brings them up to date, all or none.
    fn carry(&mut self, rows: &[Checked<'_>]) -> Result<(), Error> {
        let campaigns = self.campaigns;
        let now = campaigns.now();
        let (mut added, mut updated, mut rejected, mut too_long) = (0, 0, 0, 0);
        campaigns.store.write(|change| {
            let mut ids = Vec::with_capacity(rows.len());
            for row in rows {
                let Some(number) = row.msisdn().filter(|_| row.verdict().is_accepted()) else {
                    rejected += 1;
                    continue;
                };
                let (fields, cut) = self.fields(row);
                too_long += cut;
                let known = change.card_by_number(self.account.id, number)?;
                let id = match known {
                    Some(card) => {
                        updated += 1;
                        let mut all = card.fields.clone();
                        all.extend(fields);
                        if all != card.fields {
                            change.set_card(card.id, &all)?;
                        }
                        card.id
                    }
                    None => {
                        added += 1;
                        change.add_card(self.account.id, &fields, now)?
                    }
                };
                ids.push(id);
            }
            for &group in self.groups {
                // One that was deleted meanwhile takes no cards.
                if change.is_group(self.account.id, group)? {
                    change.join_group(&ids, group)?;
                }
            }
            let Some((task, bytes)) = self.task else {
                return Ok(());
            };
            campaigns.renew(change, task.id, now)?;
            let progress = match bytes {
                0 => 50,
                bytes => (self.read.min(bytes) * 99 / bytes) as i64,
            };
            let sums = Sums {
                added: Count {
                    messages: added + updated,
                    ..Count::default()
                },
                rejected,
                first: None,
            };
            change.advance_task(task.id, rows.len(), progress, &sums)
        })?;
        self.done.added += added;
        self.done.updated += updated;
        self.done.rejected += rejected;
        self.done.too_long += too_long;
        Ok(())
    }
}

impl<W: Write + Send> Sink for Carrier<'_, W> {
    type Format = ();

    fn wants(&self) -> Wants {
        Wants::Winners
    }

    fn start(&mut self, files: &[FileInfo]) -> io::Result<()> {
        if let Some(file) = files.first() {
            let numbers = file.layout().column;
            let mut known: Vec<CardField> = Vec::new();
            for (at, name) in file.columns().iter().enumerate() {
                let field = match at == numbers {
                    true => CardField::from_name(MOBILE),
                    false => field_of(name).filter(|field| field.key() != MOBILE),
                };
                // Of two columns for one field the first counts.
                let field = field.filter(|field| !known.contains(field));
                known.extend(field);
                let is_known = field_of(name).is_some();
                match field.is_none() && !name.trim().is_empty() {
                    true if is_known => self.done.doubled.push(name.clone()),
                    true => self.done.left_out.push(name.clone()),
                    false => {}
                }
                self.columns.push(field);
            }
        }
        if let Some(out) = self.out.take() {
            *self.rejects = Some(Rejects::new(files, out)?);
        }
        Ok(())
    }

    fn rows(&mut self, rows: &Rows<'_>, (): <() as Format>::Part) -> io::Result<()> {
        let rows: Vec<Checked<'_>> = rows.iter().collect();
        // What an earlier life of the task has carried out is in the book.
        let before = self.task.map_or(0, |(task, _)| task.done);
        let skipped = (before - self.at).clamp(0, rows.len() as i64) as usize;
        self.at += rows.len() as i64;
        if let Err(failure) = check_rows(self.at) {
            *self.failed = Some(failure);
            return Err(io::Error::other("too many rows"));
        }
        for part in rows[skipped..].chunks(self.campaigns.import_rows) {
            if self.campaigns.stop.load(Ordering::Relaxed) {
                return Err(io::ErrorKind::Interrupted.into());
            }
            if let Err(error) = self.carry(part) {
                *self.failed = Some(Failure::Store(error));
                return Err(io::Error::other("the store failed"));
            }
            if self.task.is_none() {
                // A server may be at work beside us.
                std::thread::sleep(TURN);
            }
        }
        if let Some(rejects) = self.rejects {
            for row in rows.iter().filter(|row| !row.verdict().is_accepted()) {
                rejects.add(row)?;
            }
        }
        Ok(())
    }

    fn progress(&mut self, _: usize, _: u64, bytes: u64) {
        self.read += bytes;
    }
}
