//! What was typed.

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use recipients::ingest::{Choice, Column, Encoding, Options, Sheet};
use recipients::{Lines, Missing, SeveralNumbers, annotate};
use std::path::PathBuf;

/// Gives every row of a list of SMS recipients an exact, explained verdict
#[derive(Debug, Parser)]
#[command(
    name = "recipients",
    version,
    max_term_width = 100,
    after_help = "Exit codes: 0 all rows accepted; 1 some rejected; 2 wrong usage; \
                  3 no row accepted; 4 a file cannot be read or written; 5 an upload is not \
                  complete and can go on; 10 server unreachable; 11 certificate; 12 key refused; 13 \
                  campaign unknown; 14 campaign not NEW; 130 interrupted."
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Check lists: a verdict for every row
    Check(Box<CheckArgs>),
    /// Check lists and add the good rows to a campaign, exactly once, whatever fails
    Upload(Box<UploadArgs>),
    /// Go on with an upload that was cut off
    Resume(ResumeArgs),
    /// Tell step by step how a number gets its verdict
    Explain(Box<ExplainArgs>),
    /// Show the placeholders and the segments of a text, and what makes it expensive
    Template(TemplateArgs),
    /// Work with stop lists
    #[command(subcommand)]
    Stoplist(StoplistCommand),
    /// Serve the campaign API
    Serve(ServeArgs),
    /// Add and change the accounts of a campaign server
    #[command(subcommand)]
    Account(Box<AccountCommand>),
    /// Let campaigns that wait for a moderator pass, or not
    #[command(subcommand)]
    Campaign(CampaignCommand),
    /// Look at background tasks of a campaign server
    #[command(subcommand)]
    Task(TaskCommand),
    /// Have the final statuses of an account's messages passed on to web addresses
    #[command(subcommand)]
    Webhook(WebhookCommand),
    /// Fill the contact books of a campaign server
    #[command(subcommand)]
    Contacts(ContactsCommand),
    /// Set the prices of a campaign server
    #[command(subcommand)]
    Prices(PricesCommand),
    /// Print who changed what in a campaign server
    Audit(AuditArgs),
    /// Look after the database of a campaign server
    #[command(subcommand)]
    Db(DatabaseCommand),
    /// Print a script that completes commands and options in your shell
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Print the manual page
    Man,
    /// Read a workbook from standard input, for another process of this program
    #[command(name = crate::sheets::COMMAND, hide = true)]
    ReadSheet {
        /// What is asked for
        request: String,
    },
}

#[derive(Args, Debug)]
#[command(after_long_help = "\
Exit codes: 0 all rows accepted; 1 some rejected; 2 wrong usage; 3 no row accepted (a file \
without rows, too); 4 a file cannot be read or written; 130 interrupted.

Limits: a row of text or a cell of a sheet 1 MiB; a workbook 256 MiB, its sheet 1 GiB unpacked, \
6 million cells and 128 MiB of text, and two minutes and 2 GiB of memory for a process of its own that \
reads it; 65,535 files in one run, as far as the system lets so many be \
open at once.

Memory: about 100 MB, and up to 12 bytes for every number that is accepted, 20 where rows are \
written; less than 1 and 6 in long lists of a country. Where no rows are written, up to 128 MB more, to \
be quicker. --memory limits all but the first.

Examples:
  recipients check contacts.csv
  recipients check --region UA --rejected bad.csv --accepted good.csv contacts.xlsx
  recipients check --seen sent.set --save-seen sent.set --accepted new.csv list.csv
  recipients check --text 'Hello {name}!' --placeholders 3 --output verdicts.ndjson list.csv
  zcat list.csv.gz | recipients check --json -")]
pub(crate) struct CheckArgs {
    #[command(flatten)]
    pub(crate) list: ListArgs,

    /// Write accepted rows: original columns and what was found
    #[arg(long, value_name = "FILE", help_heading = "Results")]
    pub(crate) accepted: Option<PathBuf>,

    /// Write rejected rows: mend them in a spreadsheet and check the file again
    #[arg(long, value_name = "FILE", help_heading = "Results")]
    pub(crate) rejected: Option<PathBuf>,

    /// Write one verdict a row: .ndjson, .jsonl or .csv
    #[arg(long, value_name = "FILE", help_heading = "Results")]
    pub(crate) output: Option<PathBuf>,

    /// Write the accepted numbers, and those of --seen, for the next run's --seen; it may be the same
    /// file
    #[arg(long, value_name = "FILE", help_heading = "Results")]
    pub(crate) save_seen: Option<PathBuf>,

    /// Print the summary as JSON
    #[arg(long, help_heading = "Results")]
    pub(crate) json: bool,
}

/// The lists, and how their rows are judged.
#[derive(Args, Debug)]
pub(crate) struct ListArgs {
    /// Lists to check, in this order; - is standard input
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,

    #[command(flatten)]
    pub(crate) reading: ReadingArgs,

    #[command(flatten)]
    pub(crate) policy: PolicyArgs,

    /// Text of the message: its placeholders are filled from the columns, segments are counted
    #[arg(long, value_name = "TEXT", help_heading = "Message")]
    pub(crate) text: Option<String>,

    /// Read the text of the message from a file
    #[arg(
        long,
        value_name = "FILE",
        conflicts_with = "text",
        help_heading = "Message"
    )]
    pub(crate) text_file: Option<PathBuf>,

    /// When a placeholder has no value: 1 keep it, 2 remove it, 3 reject the row
    #[arg(long, value_name = "1|2|3", default_value = "1", value_parser = parse_placeholders, help_heading = "Message")]
    pub(crate) placeholders: Missing,

    /// Take the header as it is: names that no placeholder can have, and no `recipient` among
    /// them, are no error
    #[arg(long, help_heading = "Message")]
    pub(crate) loose_header: bool,

    /// Memory that the numbers seen so far may take, as 256M or 2G; beyond it they go to files in the
    /// folder for temporary files (TMPDIR), which vanish. The result is the same
    #[arg(long, value_name = "SIZE", value_parser = parse_size, help_heading = "Results")]
    pub(crate) memory: Option<usize>,

    /// Threads that judge rows, at most 256; 0 is one for each core
    #[arg(long, value_name = "N", default_value = "0", value_parser = clap::value_parser!(u16).range(0..=256), help_heading = "Results")]
    pub(crate) threads: u16,
}

/// Exit codes of uploads, for people.
const UPLOAD_CODES: &str = "\
Exit codes: 0 all rows accepted; 1 some were not; 2 wrong usage; 3 no row accepted; 4 a file cannot \
be read or written; 5 not complete, `recipients resume` goes on; 10 server unreachable; 11 its \
certificate is not trusted; 12 key refused; 13 campaign unknown; 14 campaign not NEW; 130 interrupted, \
`recipients resume` goes on.";

#[derive(Args, Debug)]
#[command(after_long_help = format!("\
The key is read from RECIPIENTS_API_KEY or --key-file and travels in the body of requests; it is \
never shown or written down.

The journal is written before a batch goes out and after it is answered. It holds neither numbers nor \
the key. After a crash, Ctrl-C or a lost connection `recipients resume JOURNAL` goes on with the same \
list and options; a batch whose answer was lost is sent again, and what the first attempt added is \
recognised. Results are written once all rows are settled.

Limits: 500 recipients in a batch, 1 MiB, 900 form fields; an answer 32 MiB; a batch is tried for \
--patience.

{UPLOAD_CODES}

Examples:
  recipients upload list.csv --campaign 4711 --server https://api.example.com
  recipients upload list.csv --create --text 'Hello {{name}}!' --server http://127.0.0.1:8080 --send
  recipients upload list.csv --campaign 4711 --dry-run
  recipients resume list.csv.journal"))]
pub(crate) struct UploadArgs {
    #[command(flatten)]
    pub(crate) list: ListArgs,

    /// Campaign that the recipients are added to
    #[arg(long, value_name = "ID", help_heading = "Campaign")]
    pub(crate) campaign: Option<u64>,

    /// Make the campaign first, with the text of --text or --text-file
    #[arg(long, conflicts_with = "campaign", help_heading = "Campaign")]
    pub(crate) create: bool,

    /// Name of the new campaign
    #[arg(
        long,
        value_name = "NAME",
        requires = "create",
        help_heading = "Campaign"
    )]
    pub(crate) name: Option<String>,

    /// Kind of the new campaign: 1 single, 2 mass, 3 template [default: 3 if the text has
    /// placeholders, 2 otherwise]
    #[arg(long = "type", value_name = "1|2|3", requires = "create", value_parser = clap::value_parser!(u8).range(1..=3), help_heading = "Campaign")]
    pub(crate) kind: Option<u8>,

    /// Sender of the new campaign
    #[arg(
        long,
        value_name = "NAME",
        requires = "create",
        help_heading = "Campaign"
    )]
    pub(crate) from: Option<String>,

    /// When the new campaign is to be sent, as '2026-12-01 09:30:00' in the account's zone
    #[arg(
        long,
        value_name = "TIME",
        requires = "create",
        help_heading = "Campaign"
    )]
    pub(crate) deferred: Option<String>,

    /// Replace the recipients that the campaign has
    #[arg(long, help_heading = "Campaign")]
    pub(crate) replace: bool,

    /// Have the campaign sent, after showing what it comes to and asking
    #[arg(long, help_heading = "Campaign")]
    pub(crate) send: bool,

    /// Send without asking
    #[arg(long, requires = "send", help_heading = "Campaign")]
    pub(crate) yes: bool,

    /// Show batches, predicted codes, segments and cost; nothing is asked of the server
    #[arg(long, conflicts_with_all = ["output", "rejected"], help_heading = "Campaign")]
    pub(crate) dry_run: bool,

    /// Prices for the cost that --dry-run shows: CSV with the columns country, operator, price
    #[arg(
        long,
        value_name = "FILE",
        requires = "dry_run",
        help_heading = "Campaign"
    )]
    pub(crate) prices: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) server: ServerArgs,

    /// Send the good rows in batches, or as one file that the server works on by itself
    #[arg(long, value_enum, default_value = "batches", help_heading = "Server")]
    pub(crate) via: ViaArg,

    /// Recipients in a batch
    #[arg(long, value_name = "N", default_value_t = 500, value_parser = clap::value_parser!(u16).range(1..=500), help_heading = "Server")]
    pub(crate) batch: u16,

    /// Where to write down what was done [default: FILE.journal]
    #[arg(long, value_name = "FILE", help_heading = "Results")]
    pub(crate) journal: Option<PathBuf>,

    /// Write rejected rows: mend them in a spreadsheet and upload the file
    #[arg(long, value_name = "FILE", help_heading = "Results")]
    pub(crate) rejected: Option<PathBuf>,

    /// Write one line a row, with predicted and final code: .ndjson, .jsonl or .csv
    #[arg(long, value_name = "FILE", help_heading = "Results")]
    pub(crate) output: Option<PathBuf>,

    /// Print the summary as JSON
    #[arg(long, help_heading = "Results")]
    pub(crate) json: bool,
}

/// Which server, and how it is called.
#[derive(Args, Debug)]
#[command(next_help_heading = "Server")]
pub(crate) struct ServerArgs {
    /// Address of the server, as https://api.example.com
    #[arg(long, value_name = "URL")]
    pub(crate) server: Option<String>,

    /// File with the API key [default: the environment's RECIPIENTS_API_KEY]
    #[arg(long, value_name = "FILE")]
    pub(crate) key_file: Option<PathBuf>,

    /// Certificates to trust, in PEM [default: those that browsers trust]
    #[arg(long, value_name = "FILE")]
    pub(crate) ca_file: Option<PathBuf>,

    /// How long a call may take [default: 60]
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub(crate) timeout: Option<u64>,

    /// How long a batch is tried before the upload is left to be resumed [default: 600]
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(0..=604_800))]
    pub(crate) patience: Option<u64>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum ViaArg {
    /// At most 500 at a time, each with its answer
    Batches,
    /// All at once; the server tells how many it has added, not which
    File,
}

#[derive(Args, Debug)]
#[command(after_long_help = format!("\
The list must be as it was, and so must the files that rules are read from; the options are those of \
the upload. What is given here overrules them.

{UPLOAD_CODES}

Example:
  recipients resume list.csv.journal"))]
pub(crate) struct ResumeArgs {
    /// Journal of the upload
    #[arg(value_name = "JOURNAL")]
    pub(crate) journal: PathBuf,

    #[command(flatten)]
    pub(crate) server: ServerArgs,

    /// Send without asking, if the upload is to be sent
    #[arg(long)]
    pub(crate) yes: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum StoplistCommand {
    /// Pack lists of numbers into one file that is looked up without being loaded
    #[command(after_long_help = "\
The file is given to --stop-list or --system-stop-list as any other list. It holds the numbers in \
full, sorted, 3 to 7 bytes each, and is checked whenever it is opened. Replace one that is in use by \
building another in its place, or moving one there, but do not copy over it: what looks numbers up in \
it would end. While it is built every number takes about 16 bytes of memory.

Exit codes: 0 built; 2 wrong usage; 4 a file cannot be read or written; 130 interrupted.

Example:
  recipients stoplist build --output stop.set stop-2025.txt stop-2026.csv
  recipients check --stop-list stop.set contacts.csv")]
    Build(Box<StoplistBuildArgs>),
    /// Add lists to the stop list of a campaign server: of an account, or of all of them
    #[command(after_long_help = "\
Numbers that are there already stay. A list without any number is refused, so that an export that \
failed does not count as one that is up to date. The server may run meanwhile.

Exit codes: 0 added; 2 wrong usage; 4 a list or the database cannot be read or written.

Example:
  recipients stoplist load --account shop --db shop.db stop-2026.csv")]
    Load(Box<StoplistLoadArgs>),
    /// Tell how many numbers the stop list of a campaign server has, and how old it is
    #[command(after_long_help = "\
The age is the time since a list was loaded; single entries and answers with stop words do not count. \
`account set NAME --stop-list-days DAYS` refuses to send with a list that is older.

Exit codes: 0 printed; 2 wrong usage; 4 the database cannot be read.

Example:
  recipients stoplist show --account shop --db shop.db")]
    Show {
        /// Account whose stop list it is [default: the system's, which counts for all]
        #[arg(long, value_name = "NAME")]
        account: Option<String>,
        /// Database file
        #[arg(long, value_name = "FILE", default_value = "recipients.db")]
        db: PathBuf,
    },
    /// Print the stop list of a campaign server: of an account, or of all of them
    #[command(after_long_help = "\
One number a line, from the smallest on, as --stop-list and `stoplist load` take it. The server may run \
meanwhile.

Exit codes: 0 printed; 2 wrong usage; 4 the database cannot be read.

Example:
  recipients stoplist export --account shop --db shop.db > stop.txt")]
    Export {
        /// Account whose stop list it is [default: the system's, which counts for all]
        #[arg(long, value_name = "NAME")]
        account: Option<String>,
        /// Database file
        #[arg(long, value_name = "FILE", default_value = "recipients.db")]
        db: PathBuf,
    },
}

#[derive(Args, Debug)]
pub(crate) struct StoplistLoadArgs {
    /// Lists of numbers, as --stop-list takes them; - is standard input
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,

    /// Account whose stop list it is [default: the system's, which counts for all]
    #[arg(long, value_name = "NAME")]
    pub(crate) account: Option<String>,

    /// Database file
    #[arg(long, value_name = "FILE", default_value = "recipients.db")]
    pub(crate) db: PathBuf,

    /// Leave out lines that are no numbers instead of refusing the list
    #[arg(long)]
    pub(crate) allow_bad_stop_lines: bool,
}

#[derive(Args, Debug)]
pub(crate) struct StoplistBuildArgs {
    /// Lists of numbers, as --stop-list takes them; - is standard input
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,

    /// The file to write
    #[arg(long, value_name = "FILE")]
    pub(crate) output: PathBuf,

    /// Country by whose rules numbers without calling code are read: UA
    #[arg(long, value_name = "CC")]
    pub(crate) region: Option<String>,

    /// The kinds of numbers that lists are checked for: with `possible`, digits that are no number of
    /// the country's ranges are read by its rules, too
    #[arg(long, value_enum, default_value_t = LinesArg::Mobile, value_name = "KIND")]
    pub(crate) lines: LinesArg,

    /// Leave out lines that are no numbers instead of refusing the list
    #[arg(long)]
    pub(crate) allow_bad_stop_lines: bool,
}

#[derive(Args, Debug)]
#[command(after_long_help = "\
Exit codes: 0 the number is accepted; 3 it is not; 2 wrong usage; 4 a list cannot be read.

Example:
  recipients explain '+49 (0)151 12345678'")]
pub(crate) struct ExplainArgs {
    /// The number, as it is written in the list
    #[arg(value_name = "NUMBER", allow_hyphen_values = true)]
    pub(crate) number: String,

    #[command(flatten)]
    pub(crate) policy: PolicyArgs,
}

#[derive(Args, Debug)]
#[command(after_long_help = "\
Exit codes: 0 shown; 2 wrong usage; 4 the text cannot be read.

Example:
  recipients template 'Hello {name}!'")]
pub(crate) struct TemplateArgs {
    /// The text; - reads it from standard input
    #[arg(value_name = "TEXT", allow_hyphen_values = true)]
    pub(crate) text: String,
}

/// How files are read; what is not given is found out.
#[derive(Args, Debug)]
#[command(next_help_heading = "Reading")]
pub(crate) struct ReadingArgs {
    /// Encoding: UTF-8, ASCII, KOI8-R, CP866, WINDOWS-1251, WINDOWS-1252, ISO-8859-1, UCS-2
    /// (or UCS-2LE, UCS-2BE)
    #[arg(long, value_name = "NAME", default_value = "auto", value_parser = parse_encoding)]
    encoding: Choice<Encoding>,

    /// Character between columns, \t for a tab, none for a list of one column
    #[arg(long, value_name = "CHAR", default_value = "auto", value_parser = parse_char, allow_hyphen_values = true)]
    delimiter: Choice<Option<char>>,

    /// Character around fields, or none
    #[arg(long, value_name = "CHAR", default_value = "auto", value_parser = parse_char, allow_hyphen_values = true)]
    enclosure: Choice<Option<char>>,

    /// 1 if the first row holds the columns' names, 0 if it holds data
    #[arg(long, value_name = "0|1", default_value = "auto", value_parser = parse_skip_header)]
    skip_header: Choice<bool>,

    /// Sheet of a workbook, by name or number; the first if not given
    #[arg(long, value_name = "SHEET")]
    sheet: Option<String>,

    /// Column with the recipients, by name or number
    #[arg(long, value_name = "COLUMN")]
    column: Option<String>,
}

impl ReadingArgs {
    pub(crate) fn options(&self) -> Options {
        Options::auto()
            .encoding(self.encoding)
            .delimiter(self.delimiter)
            .enclosure(self.enclosure)
            .skip_header(self.skip_header)
            .sheet(self.sheet.clone().map(Sheet::Named))
            .column(self.column.clone().map(Column::Named))
            .annotations(annotate::COLUMNS)
    }

    pub(crate) fn sheet_is_given(&self) -> bool {
        self.sheet.is_some()
    }

    pub(crate) fn skip_header(&self) -> Choice<bool> {
        self.skip_header
    }
}

/// What is allowed.
#[derive(Args, Debug)]
#[command(next_help_heading = "Rules")]
pub(crate) struct PolicyArgs {
    /// Numbering plan to use instead of the one built in, as `cargo xtask plan` compiles it
    #[arg(long, value_name = "FILE")]
    pub(crate) plan: Option<PathBuf>,

    /// Country by whose rules numbers without calling code are read: UA
    #[arg(long, value_name = "CC")]
    pub(crate) region: Option<String>,

    /// Which numbers are good enough
    #[arg(long, value_enum, default_value = "mobile")]
    pub(crate) lines: LinesArg,

    /// Countries that are allowed, as UA,KZ,001 or calling codes as 380; others get code 6
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    pub(crate) countries: Vec<String>,

    /// Countries that are not allowed
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    pub(crate) deny_countries: Vec<String>,

    /// Operators that are served, by the name of the range's holder; others get code 8
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    pub(crate) operators: Vec<String>,

    /// Operators that are not served
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    pub(crate) deny_operators: Vec<String>,

    /// Reject numbers whose operator is not known
    #[arg(long)]
    pub(crate) require_operator: bool,

    /// File with numbers not to be written to (your own), a list or what `stoplist build` has made
    /// of one; may be given again
    #[arg(long, value_name = "FILE")]
    pub(crate) stop_list: Vec<PathBuf>,

    /// File with numbers not to be written to (the system's); may be given again
    #[arg(long, value_name = "FILE")]
    pub(crate) system_stop_list: Vec<PathBuf>,

    /// File with numbers that were written to before: they get code 4. A list, or what --save-seen or
    /// `stoplist build` has written; may be given again
    #[arg(long, value_name = "FILE")]
    pub(crate) seen: Vec<PathBuf>,

    /// Count lines of a stop list that are no numbers instead of refusing the list
    #[arg(long)]
    pub(crate) allow_bad_stop_lines: bool,

    /// What to do with a cell that holds several numbers
    #[arg(long, value_enum, default_value = "reject")]
    pub(crate) several: SeveralArg,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum LinesArg {
    /// Mobile numbers, and those that may be mobile
    Mobile,
    /// Every number of the numbering plan
    Any,
    /// Every number of a possible length
    Possible,
}

impl From<LinesArg> for Lines {
    fn from(lines: LinesArg) -> Lines {
        match lines {
            LinesArg::Mobile => Lines::Mobile,
            LinesArg::Any => Lines::Any,
            LinesArg::Possible => Lines::Possible,
        }
    }
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum SeveralArg {
    /// Reject the row
    Reject,
    /// Take the first number
    First,
    /// Take each number as a row of its own
    Explode,
}

impl From<SeveralArg> for SeveralNumbers {
    fn from(several: SeveralArg) -> SeveralNumbers {
        match several {
            SeveralArg::Reject => SeveralNumbers::Reject,
            SeveralArg::First => SeveralNumbers::First,
            SeveralArg::Explode => SeveralNumbers::Explode,
        }
    }
}

fn parse_encoding(text: &str) -> Result<Choice<Encoding>, String> {
    match text {
        "auto" => Ok(Choice::Auto),
        name => name
            .parse()
            .map(Choice::Given)
            .map_err(|error| format!("{error}")),
    }
}

fn parse_char(text: &str) -> Result<Choice<Option<char>>, String> {
    let mut chars = text.chars();
    Ok(match (text, chars.next(), chars.next()) {
        ("auto", ..) => Choice::Auto,
        ("none", ..) => Choice::Given(None),
        ("\\t" | "tab", ..) => Choice::Given(Some('\t')),
        (_, Some('\r' | '\n'), None) => return Err("a line break ends the row".to_owned()),
        (_, Some(c), None) => Choice::Given(Some(c)),
        _ => return Err("give one character, \\t, none or auto".to_owned()),
    })
}

fn parse_skip_header(text: &str) -> Result<Choice<bool>, String> {
    match text {
        "auto" => Ok(Choice::Auto),
        "0" => Ok(Choice::Given(false)),
        "1" => Ok(Choice::Given(true)),
        _ => Err("give 0, 1 or auto".to_owned()),
    }
}

/// A number of bytes, KiB, MiB or GiB.
fn parse_size(text: &str) -> Result<usize, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let shift = match text[digits.len()..].to_ascii_uppercase().as_str() {
        "" | "B" => 0,
        "K" | "KB" | "KIB" => 10,
        "M" | "MB" | "MIB" => 20,
        "G" | "GB" | "GIB" => 30,
        _ => return Err("give a size as 256M or 2G".to_owned()),
    };
    let count: usize = digits
        .parse()
        .map_err(|_| "give a size as 256M or 2G".to_owned())?;
    count
        .checked_mul(1 << shift)
        .ok_or_else(|| "that is more memory than there can be".to_owned())
}

fn parse_placeholders(text: &str) -> Result<Missing, String> {
    text.parse()
        .ok()
        .and_then(Missing::from_flag)
        .ok_or_else(|| "give 1 (keep), 2 (remove) or 3 (reject)".to_owned())
}

#[derive(Args, Debug)]
#[command(after_long_help = "\
The server speaks the campaign API at /service/Module/Method: Campaign (all eight methods), Message, \
Link, TaskQueue, ContactGroup, ContactCard, NumberStopList, Alphaname/List, User/GetOwnBalance and \
Price/ListPublic; /openapi.json describes them. Nothing is really sent: delivery is simulated. One server works with a database at a time; the other commands may be \
used beside it. SIGTERM and Ctrl-C end it; what runs goes on at the next start.

Limits: a body 16 MiB, all bodies together 256 MiB with what is made of them (64 KiB of each are free; others wait 15 seconds \
for room, then get 503; half of it is for callers whose key is in the address or before the rest of the body), a field of a \
multipart form 1 MiB, an uploaded file 256 MiB; 40,000 values in a request, nested 8 deep; 163,840 \
bytes of address and query; 1024 connections, and 8192 more that have said nothing, if the system grants as \
many descriptors; 15 seconds for headers, for each further part of a body \
and for each part of an answer, and 30 for every 60 KiB of a body; 8 files at a time of callers \
whose key comes behind the file; 500 recipients or groups in a request, 20 million rows in a file and 1 GiB unpacked (16 MiB for a \
campaign of one message); of the rejected rows 500,000 are written down.

Exit codes: 0 ended as told; 2 wrong usage; 4 the address or the database cannot be used.

Examples:
  recipients serve --demo
  recipients account add shop --db shop.db --sender Shop && recipients serve --db shop.db")]
pub(crate) struct ServeArgs {
    /// Database file, made if need be [default: recipients.db]
    #[arg(long, value_name = "FILE")]
    pub(crate) db: Option<PathBuf>,

    /// Address and port to listen on
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8080")]
    pub(crate) listen: std::net::SocketAddr,

    /// Certificate for TLS, in PEM, with those that lead to its authority; it may be replaced while the
    /// server runs
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub(crate) tls_certificate: Option<PathBuf>,

    /// Key of the certificate, in PEM
    #[arg(long, value_name = "FILE", requires = "tls_certificate")]
    pub(crate) tls_key: Option<PathBuf>,

    /// Plan of faults to try clients against: lines as `campaign/send 2-3 code:30` with a method or *,
    /// its calls (3, 3-5, 3-, */10) and a fault (locked, code:N, status:N, delay:MS, drop:before,
    /// drop:after)
    #[arg(long, value_name = "FILE")]
    pub(crate) faults: Option<PathBuf>,

    /// Let webhooks lead to addresses of private networks and of this computer
    #[arg(long)]
    pub(crate) allow_private_webhooks: bool,

    /// Forget the people of campaigns so many days after their end, as `db purge` does
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(1..=36_500))]
    pub(crate) forget_after: Option<u32>,

    /// Make an account to try things with, and print a call that works; without --db everything is
    /// gone when the server ends
    #[arg(long)]
    pub(crate) demo: bool,

    /// What short links begin with [default: http:// and the address listened on]
    #[arg(long, value_name = "URL")]
    pub(crate) public_url: Option<String>,

    /// Decides which messages the simulation delivers
    #[arg(long, value_name = "NUMBER", default_value_t = 7)]
    pub(crate) seed: u64,

    /// Share of messages that the simulation does not deliver
    #[arg(long, value_name = "PERCENT", default_value = "3", value_parser = parse_share)]
    pub(crate) undelivered: u32,

    /// Share of messages that the simulation rejects at once
    #[arg(long, value_name = "PERCENT", default_value = "1", value_parser = parse_share)]
    pub(crate) rejected: u32,

    /// Share of messages that the simulation lets expire, when their validity ends
    #[arg(long, value_name = "PERCENT", default_value = "1", value_parser = parse_share)]
    pub(crate) expired: u32,

    /// After how long the simulation reports; some reports take up to twice as long
    #[arg(long, value_name = "SECONDS", default_value_t = 2, value_parser = clap::value_parser!(u32).range(..=86_400))]
    pub(crate) delay: u32,
}

/// Thousandths, from percent with at most one decimal.
fn parse_share(text: &str) -> Result<u32, String> {
    let wrong = || "it must be a percentage from 0 to 100, with at most one decimal".to_owned();
    let (whole, tenth) = text.split_once('.').unwrap_or((text, "0"));
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if !is_number(whole) || !is_number(tenth) || whole.len() > 3 || tenth.len() > 1 {
        return Err(wrong());
    }
    let share: u32 = format!("{whole}{tenth}").parse().map_err(|_| wrong())?;
    if share > 1000 {
        Err(wrong())
    } else {
        Ok(share)
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum AccountCommand {
    /// Add an account and print its new key, which is stored nowhere
    #[command(after_long_help = "\
Exit codes: 0 done; 2 wrong usage; 4 the database cannot be read or written.

Example:
  recipients account add shop --db shop.db --sender Shop --zone Europe/Kyiv")]
    Add(AccountArgs),
    /// Change what an account is set to; what is not named stays
    #[command(after_long_help = "\
Exit codes: 0 done; 2 wrong usage; 4 the database cannot be read or written.

Example:
  recipients account set shop --db shop.db --moderation true")]
    Set(AccountArgs),
    /// Print what an account is set to
    #[command(after_long_help = "\
Exit codes: 0 printed; 2 wrong usage; 4 the database cannot be read.

Example:
  recipients account show shop --db shop.db")]
    Show {
        /// Name of the account
        name: String,
        /// Database file
        #[arg(long, value_name = "FILE", default_value = "recipients.db")]
        db: PathBuf,
    },
    /// Give an account a new key and print it; the old one works no longer
    #[command(after_long_help = "\
Exit codes: 0 done; 2 wrong usage; 4 the database cannot be read or written.

Example:
  recipients account key shop --db shop.db")]
    Key {
        /// Name of the account
        name: String,
        /// Database file
        #[arg(long, value_name = "FILE", default_value = "recipients.db")]
        db: PathBuf,
    },
}

#[derive(Args, Debug)]
pub(crate) struct AccountArgs {
    /// Name of the account
    pub(crate) name: String,

    /// Database file
    #[arg(long, value_name = "FILE", default_value = "recipients.db")]
    pub(crate) db: PathBuf,

    #[command(flatten)]
    pub(crate) settings: AccountSettings,
}

#[derive(Args, Debug)]
pub(crate) struct AccountSettings {
    /// Time zone of all times, as in America/Sao_Paulo [default: UTC]
    #[arg(long, value_name = "ZONE")]
    pub(crate) zone: Option<String>,

    /// Currency [default: USD]
    #[arg(long, value_name = "CODE")]
    pub(crate) currency: Option<String>,

    /// What can be spent [default: 0]
    #[arg(long, value_name = "AMOUNT", value_parser = parse_money, allow_hyphen_values = true)]
    pub(crate) balance: Option<recipients_campaigns::Money>,

    /// Language of messages: en, ru or pt-BR [default: en]
    #[arg(long, value_name = "LANGUAGE")]
    pub(crate) language: Option<String>,

    /// Whether campaigns wait for a moderator [default: false]
    #[arg(long, value_name = "true|false")]
    pub(crate) moderation: Option<bool>,

    /// Registered sender (may be repeated; the first is the default)
    #[arg(long, value_name = "NAME")]
    pub(crate) sender: Vec<String>,

    /// Country or calling code that may be written to (may be repeated) [default: all]
    #[arg(long, value_name = "COUNTRY")]
    pub(crate) country: Vec<String>,

    /// Operator that is served (may be repeated) [default: all]
    #[arg(long, value_name = "NAME")]
    pub(crate) operator: Vec<String>,

    /// Which lines are accepted: mobile, any or possible [default: mobile]
    #[arg(long, value_name = "LINES")]
    pub(crate) lines: Option<String>,

    /// Whether lists without dates show the last day only [default: true]
    #[arg(long, value_name = "true|false")]
    pub(crate) list_window: Option<bool>,

    /// Calls of one method in a minute, 0 for any number [default: 0]
    #[arg(long, value_name = "NUMBER")]
    pub(crate) rate: Option<u32>,

    /// Host name that the account must use [default: any]
    #[arg(long, value_name = "NAME", value_parser = parse_host)]
    pub(crate) host: Option<String>,

    /// Method that the key may call, as module or module/method (may be repeated) [default: all]
    #[arg(long, value_name = "METHOD", value_parser = parse_method)]
    pub(crate) allow_method: Vec<String>,

    /// Address that may use the key (may be repeated) [default: all]
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) allow_address: Vec<String>,

    /// Whether the account is blocked [default: false]
    #[arg(long, value_name = "true|false")]
    pub(crate) blocked: Option<bool>,

    /// Refuse to send if the account's stop list was loaded longer ago than this; 0 for never
    /// [default: 0]
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(..=36_500))]
    pub(crate) stop_list_days: Option<u32>,

    /// What somebody answers who wants no more messages, in the place of the words before (may be
    /// repeated; an empty one brings the defaults back) [default: STOP, STOPALL, "STOP ALL", QUIT, END,
    /// REVOKE, "OPT OUT", CANCEL, UNSUBSCRIBE, СТОП, ОТПИСАТЬСЯ, ОТПИСКА, ВІДПИСАТИСЯ, PARAR, SAIR,
    /// CANCELAR, BAJA]
    #[arg(long, value_name = "WORD")]
    pub(crate) stop_word: Vec<String>,
}

/// A method of the API; an empty one takes the restriction away.
fn parse_method(text: &str) -> Result<String, String> {
    match text.is_empty() || recipients_api_adapter::server::is_method(text) {
        true => Ok(text.to_owned()),
        false => Err("there is no such method; write module or module/method".to_owned()),
    }
}

/// The name of a host without scheme and port; an empty one takes the restriction away.
fn parse_host(text: &str) -> Result<String, String> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || ".-:[]".contains(c);
    match text.chars().all(is_name) && !text.contains("://") {
        true => Ok(text.to_owned()),
        false => Err("write the name alone, as in api.example.com".to_owned()),
    }
}

fn parse_money(text: &str) -> Result<recipients_campaigns::Money, String> {
    text.parse().map_err(|()| {
        "an amount has at most 4 decimals, as in 12.5000, and 12 digits before them".to_owned()
    })
}

#[derive(Debug, Subcommand)]
pub(crate) enum CampaignCommand {
    /// Let a campaign pass
    #[command(after_long_help = "\
Exit codes: 0 done; 2 wrong usage; 4 the database cannot be read or written.

Example:
  recipients campaign approve 12 --db shop.db")]
    Approve {
        /// Number of the campaign
        id: i64,
        /// Database file
        #[arg(long, value_name = "FILE", default_value = "recipients.db")]
        db: PathBuf,
    },
    /// Refuse a campaign
    #[command(after_long_help = "\
Exit codes: 0 done; 2 wrong usage; 4 the database cannot be read or written.

Example:
  recipients campaign decline 12 --comment 'no sender' --db shop.db")]
    Decline {
        /// Number of the campaign
        id: i64,
        /// Database file
        #[arg(long, value_name = "FILE", default_value = "recipients.db")]
        db: PathBuf,
        /// What to tell the account
        #[arg(long, value_name = "TEXT")]
        comment: Option<String>,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum TaskCommand {
    /// Print how far an import is, and why it ended early
    #[command(after_long_help = "\
Exit codes: 0 done; 2 wrong usage; 4 the database cannot be read or written.

Example:
  recipients task show 7 --db shop.db")]
    Show(TaskArgs),
    /// Print the rows that an import rejected, in the format of check --rejected
    #[command(after_long_help = "\
Exit codes: 0 done; 2 wrong usage; 4 the database cannot be read or written.

Example:
  recipients task rejects 7 --db shop.db > rejected.csv")]
    Rejects(TaskArgs),
}

#[derive(Args, Debug)]
pub(crate) struct TaskArgs {
    /// Number of the task
    pub(crate) id: i64,

    /// Database file
    #[arg(long, value_name = "FILE", default_value = "recipients.db")]
    pub(crate) db: PathBuf,
}

#[derive(Debug, Subcommand)]
pub(crate) enum WebhookCommand {
    /// Add an address and print the webhook's number
    #[command(after_long_help = "\
When a message gets its final status, the server posts that to the address: as JSON, XML or a form \
(raw), with eventId (the same over retries), eventType, eventCreateTs, webhookId, attempt, data and, \
with a secret, sign: the SHA-1 of eventId|attempt|eventCreateTs|secret in hexadecimal. A status of 200 \
to 299 within 5 seconds acknowledges it; one redirect (301, 302) is followed. Otherwise it is posted \
again, up to 10 times, a minute later, then two and so on; what has been due for a day is given up. Addresses of private networks are refused \
unless the server runs with --allow-private-webhooks.

Limits: 10 webhooks an account, an address of 1000 characters, a secret of 255.

Exit codes: 0 added; 2 wrong usage; 4 the database or the secret cannot be read.

Example:
  recipients webhook add --account shop --url https://shop.example/sms --secret-file secret --db shop.db")]
    Add(WebhookArgs),
    /// Print the webhooks of an account, what waits for them and what was given up
    #[command(after_long_help = "\
Exit codes: 0 done; 2 wrong usage; 4 the database cannot be read or written.

Example:
  recipients webhook list --account shop --db shop.db")]
    List {
        /// Account
        #[arg(long, value_name = "NAME")]
        account: String,
        /// Database file
        #[arg(long, value_name = "FILE", default_value = "recipients.db")]
        db: PathBuf,
    },
    /// Remove a webhook, and what waits for it
    #[command(after_long_help = "\
Exit codes: 0 done; 2 wrong usage; 4 the database cannot be read or written.

Example:
  recipients webhook remove 3 --db shop.db")]
    Remove {
        /// Number of the webhook
        id: i64,
        /// Database file
        #[arg(long, value_name = "FILE", default_value = "recipients.db")]
        db: PathBuf,
    },
}

#[derive(Args, Debug)]
pub(crate) struct WebhookArgs {
    /// Account whose messages it is about
    #[arg(long, value_name = "NAME")]
    pub(crate) account: String,

    /// Address
    #[arg(long, value_name = "URL")]
    pub(crate) url: String,

    /// How events are written: json, xml or raw
    #[arg(long, value_name = "FORMAT", default_value = "json", value_parser = parse_hook_format)]
    pub(crate) format: recipients_campaigns::HookFormat,

    /// File with the secret that events are signed with [default: none]
    #[arg(long, value_name = "FILE")]
    pub(crate) secret_file: Option<PathBuf>,

    /// Database file
    #[arg(long, value_name = "FILE", default_value = "recipients.db")]
    pub(crate) db: PathBuf,
}

fn parse_hook_format(text: &str) -> Result<recipients_campaigns::HookFormat, String> {
    let mut all = recipients_campaigns::HookFormat::ALL.into_iter();
    all.find(|format| format.name() == text)
        .ok_or_else(|| "give json, xml or raw".to_owned())
}

#[derive(Debug, Subcommand)]
pub(crate) enum PricesCommand {
    /// Replace the prices by a table with the columns country, operator and price (of a segment);
    /// an empty operator stands for all
    #[command(after_long_help = "\
Exit codes: 0 loaded; 2 wrong usage; 4 the table or the database cannot be read.

Example:
  recipients prices load prices.csv --db shop.db")]
    Load(PricesArgs),
}

#[derive(Args, Debug)]
pub(crate) struct PricesArgs {
    /// CSV file
    pub(crate) file: PathBuf,

    /// Database file
    #[arg(long, value_name = "FILE", default_value = "recipients.db")]
    pub(crate) db: PathBuf,
}

#[derive(Debug, Subcommand)]
pub(crate) enum DatabaseCommand {
    /// Count all messages anew and compare with the counters; exit code 3 if they differ
    #[command(after_long_help = "\
Exit codes: 0 all equal; 2 wrong usage; 3 some differ; 4 the database cannot be read.

Example:
  recipients db recount --db shop.db")]
    Recount {
        /// Database file
        #[arg(long, value_name = "FILE", default_value = "recipients.db")]
        db: PathBuf,
        /// Set counters right that differ
        #[arg(long)]
        mend: bool,
    },
    /// Look for damage in the file and for counters that differ from a recount; exit code 3 if there
    /// is any
    #[command(after_long_help = "\
Exit codes: 0 whole; 2 wrong usage; 3 something is wrong; 4 the database cannot be read.

Example:
  recipients db check --db shop.db")]
    Check {
        /// Database file
        #[arg(long, value_name = "FILE", default_value = "recipients.db")]
        db: PathBuf,
    },
    /// Forget the people of campaigns that ended long ago; the server may run meanwhile
    #[command(after_long_help = "\
Campaigns that were done, declined or deleted so many days ago or earlier keep their counters, and their \
messages statuses, segments and prices. Numbers, texts of one's own and links to contact cards go, with \
them lists of rejected rows, and addresses in the audit log. They are overwritten in the file, but for a \
few copies in unused parts of it, which --compact removes. Drafts, stop lists and the contact book stay. \
Copies that were made before hold everything.

Exit codes: 0 done; 2 wrong usage; 4 the database cannot be read or written.

Examples:
  recipients db purge --older-than 90 --dry-run --db shop.db
  recipients db purge --older-than 90 --db shop.db")]
    Purge {
        /// Days since the end of a campaign
        #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(1..=36_500))]
        older_than: u32,
        /// Only tell what would be forgotten
        #[arg(long, conflicts_with = "compact")]
        dry_run: bool,
        /// Write the whole file anew, so that no copy is left in it; a server waits meanwhile, and calls
        /// that wait for more than 10 seconds fail
        #[arg(long)]
        compact: bool,
        /// Database file
        #[arg(long, value_name = "FILE", default_value = "recipients.db")]
        db: PathBuf,
    },
    /// Write a copy of one moment to a new file; the server may run meanwhile
    #[command(after_long_help = "\
To go back to it, stop the server and put the copy in the place of the database, without the files \
that end in -wal and -shm. Imports that were under way end as refused there: their files are beside \
the database.

Exit codes: 0 written; 2 wrong usage; 4 the database cannot be read or the copy not written.

Example:
  recipients db backup shop-2026-11-25.db --db shop.db")]
    Backup {
        /// The file to write
        #[arg(value_name = "COPY")]
        copy: PathBuf,
        /// Database file
        #[arg(long, value_name = "FILE", default_value = "recipients.db")]
        db: PathBuf,
    },
}

#[derive(Args, Debug)]
#[command(after_long_help = "\
A line for each change, the newest last, with tabs between: time (UTC), account (* is everybody's), who \
(an administrator, or the account's key and the address that used it), what (the method of the API, or the \
command), and the number of what was changed. What was refused is not in it. It holds no numbers and no \
texts, and grows by a line a call.

Exit codes: 0 done; 2 wrong usage; 4 the database cannot be read.

Example:
  recipients audit --account shop --last 20 --db shop.db")]
pub(crate) struct AuditArgs {
    /// Account whose data was changed [default: all]
    #[arg(long, value_name = "NAME")]
    pub(crate) account: Option<String>,

    /// How many lines
    #[arg(long, value_name = "NUMBER", default_value_t = 100)]
    pub(crate) last: u32,

    /// Database file
    #[arg(long, value_name = "FILE", default_value = "recipients.db")]
    pub(crate) db: PathBuf,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ContactsCommand {
    /// Add the cards of a list to an account's contact book
    #[command(after_long_help = "\
The list is CSV, TSV, XLS, XLSX, XLSB or ODS; how it is laid out is found out as by `check`. Its first \
line names the columns: mobile, title, name, surname, email, viber, whatsapp, landline, skype, telegram, \
birth_date, gender, company_name, company_url, info, address.city and the like, or as people call them \
(Phone, First name, Фамилия, Celular). Other columns are left out and told of.

How the list was read is printed first, with the options that overrule what was found out; look at the \
column with the numbers. Numbers are read as by `check`, with the account's --lines; countries, operators and stop lists do not \
count here. A number that a card has already brings that card up to date, and empty cells change nothing, \
so the same list can be imported again. Rows whose number cannot be used, or has come before, are \
rejected. The server may run meanwhile.

Limits: a value has at most 1000 characters; 20 million rows, 1 GiB unpacked, of which 500,000 that are \
rejected are written down; cards join at most 10 groups at a time.

Exit codes: 0 all rows became cards; 1 some did not; 2 wrong usage; 3 none did; 4 the list or the \
database cannot be read or written.

Example:
  recipients contacts import customers.xlsx --account shop --group Customers --rejected bad.csv --db shop.db")]
    Import(ContactsArgs),
}

#[derive(Args, Debug)]
pub(crate) struct ContactsArgs {
    /// The list; - is standard input
    pub(crate) file: PathBuf,

    /// Account whose contact book it is
    #[arg(long, value_name = "NAME")]
    pub(crate) account: String,

    /// Group that the cards join, made if need be (may be repeated)
    #[arg(long, value_name = "NAME")]
    pub(crate) group: Vec<String>,

    /// Write rejected rows: mend them in a spreadsheet and import the file
    #[arg(long, value_name = "FILE")]
    pub(crate) rejected: Option<PathBuf>,

    /// Country by whose rules numbers without calling code are read: UA
    #[arg(long, value_name = "CC")]
    pub(crate) region: Option<String>,

    #[command(flatten)]
    pub(crate) reading: ReadingArgs,

    /// Database file
    #[arg(long, value_name = "FILE", default_value = "recipients.db")]
    pub(crate) db: PathBuf,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    fn leaves(command: &clap::Command) -> Vec<clap::Command> {
        let inner: Vec<_> = command.get_subcommands().collect();
        match inner.is_empty() {
            true => vec![command.clone()],
            false => inner.into_iter().flat_map(leaves).collect(),
        }
    }

    #[test]
    fn the_default_stop_words_are_told() {
        let set = Cli::command()
            .find_subcommand("account")
            .and_then(|account| account.find_subcommand("set"))
            .map(|set| set.clone().render_long_help().to_string())
            .unwrap();
        let set = set.split_whitespace().collect::<Vec<&str>>().join(" ");
        for word in recipients_campaigns::Settings::STOP_WORDS {
            let word = match word.contains(' ') {
                true => format!("\"{word}\""),
                false => word.to_owned(),
            };
            assert!(
                set.contains(&format!("{word},")) || set.contains(&format!("{word}]")),
                "{word}"
            );
        }
    }

    /// Nobody else reaches a server whose address was not given.
    #[test]
    fn a_server_listens_on_loopback() {
        let serve = Cli::command().find_subcommand("serve").unwrap().clone();
        let listen = serve.get_arguments().find(|one| one.get_id() == "listen");
        let default = listen.unwrap().get_default_values()[0].to_str().unwrap();
        let address: std::net::SocketAddr = default.parse().unwrap();
        assert!(address.ip().is_loopback());
    }

    /// The manual page is made of these.
    #[test]
    fn every_command_tells_its_exit_codes_and_an_example() {
        for leaf in leaves(&Cli::command()) {
            let name = leaf.get_name();
            if ["help", "man", "completions"].contains(&name) || leaf.is_hide_set() {
                continue;
            }
            let told = leaf.get_after_long_help().map(ToString::to_string);
            let told = told.unwrap_or_default();
            assert!(told.contains("Exit codes:"), "{name}: {told}");
            assert!(told.contains("\n  recipients "), "{name}: {told}");
        }
    }
}
