//! The campaign server, and what its administrator does beside it.

use crate::args::{
    AccountCommand, AccountSettings, AuditArgs, CampaignCommand, ContactsArgs, DatabaseCommand,
    PricesArgs, ServeArgs, StoplistLoadArgs, TaskArgs, TaskCommand, WebhookCommand,
};
use crate::check::{open_one, refuse_reading_twice};
use crate::failure::{ACCEPTED, Failure, NONE_ACCEPTED, SOME_REJECTED};
use crate::output::Pending;
use crate::{print, sheets, summary};
use recipients::{Checker, Plan, StopList};
use recipients_api_adapter::server::{self, FaultPlan, ServerOptions, Setup};
use recipients_campaigns::{
    Account, Campaigns, Error, Flaw, Language, Money, Options, Page, Settings, Simulated,
    TaskStatus, Zone,
};
use std::fs::File;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// The name of the account that `--demo` makes.
const DEMO: &str = "demo";

/// The sender that it owns.
const DEMO_SENDER: &str = "Alpha";

pub(crate) fn serve(args: &ServeArgs) -> Result<ExitCode, Failure> {
    tracing_subscriber::fmt()
        .with_writer(io::stderr)
        .with_target(false)
        .with_ansi(false)
        .init();
    let cannot = |error: &dyn std::fmt::Display| {
        Failure::Unreadable(format!("cannot listen on {}: {error}", args.listen))
    };
    let listener = TcpListener::bind(args.listen).map_err(|error| cannot(&error))?;
    let address = listener.local_addr().map_err(|error| cannot(&error))?;
    let tls = match (&args.tls_certificate, &args.tls_key) {
        (Some(certificate), Some(key)) => {
            let tls = server::Tls::load(certificate, key);
            Some(tls.map_err(|error| Failure::Unreadable(format!("TLS: {error}")))?)
        }
        _ => None,
    };
    let faults = match &args.faults {
        None => FaultPlan::default(),
        Some(path) => {
            let wrong = |error: &dyn std::fmt::Display| {
                Failure::Unreadable(format!("--faults {}: {error}", path.display()))
            };
            let text = std::fs::read_to_string(path).map_err(|error| wrong(&error))?;
            FaultPlan::parse(&text).map_err(|error| wrong(&error))?
        }
    };
    let scheme = if tls.is_some() { "https" } else { "http" };
    let public = match &args.public_url {
        Some(url) => url.trim_end_matches('/').to_owned(),
        None => format!("{scheme}://{address}"),
    };
    if address.ip().is_unspecified() && args.public_url.is_none() {
        tracing::warn!(
            "short links begin with {public}/l/, which others cannot reach; give --public-url"
        );
    }
    // A demonstration leaves nothing behind unless it is told where.
    let temporary = match args.demo && args.db.is_none() {
        true => Some(tempfile::tempdir()?),
        false => None,
    };
    let db = match (&args.db, &temporary) {
        (Some(db), _) => db.clone(),
        (None, Some(folder)) => folder.path().join("demo.db"),
        (None, None) => "recipients.db".into(),
    };
    if args.undelivered + args.rejected + args.expired > 1000 {
        let words = "--undelivered, --rejected and --expired come to more than 100 percent";
        return Err(Failure::Usage(words.to_owned()));
    }
    let options = Options {
        link_base: format!("{public}/l/"),
        // An import waits for the disk, not for its verdicts; more threads would hold more rows.
        threads: 1,
        transport: Arc::new(Simulated {
            seed: args.seed,
            undelivered: args.undelivered,
            rejected: args.rejected,
            expired: args.expired,
            delay: i64::from(args.delay) * 1000,
        }),
        ..Options::default()
    };
    let campaigns = Arc::new(open(&db, options)?);
    campaigns
        .take_charge()
        .map_err(|error| Failure::Unreadable(format!("{}: {error}", db.display())))?;
    match args.demo {
        true => print_demo(&campaigns, scheme, address)?,
        false => {
            let mut out = io::stdout().lock();
            writeln!(
                out,
                "Serving {} at {scheme}://{address}/service/",
                db.display()
            )?;
            out.flush()?;
        }
    }
    let stop = Arc::new(AtomicBool::new(false));
    let (connections, silent_connections) = connections(ServerOptions::default());
    let setup = Setup {
        options: ServerOptions {
            connections,
            silent_connections,
            private_hooks: args.allow_private_webhooks,
            forget_after: args.forget_after,
            ..ServerOptions::default()
        },
        tls,
        faults,
    };
    server::run(&campaigns, listener, setup, &stop)
        .map_err(|error| Failure::Unreadable(format!("the server cannot go on: {error}")))?;
    Ok(ExitCode::from(ACCEPTED))
}

/// How many connections there may be, silent ones apart, with the descriptors that the system grants: as
/// many as it would, if need be.
#[cfg(unix)]
fn connections(wanted: ServerOptions) -> (usize, usize) {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    /// For the database, its readers, files and workbooks; half of few.
    const OTHERS: u64 = 512;
    let (few, many) = (wanted.connections, wanted.silent_connections);
    let needed = (few + many) as u64 + OTHERS;
    let limit = getrlimit(Resource::Nofile);
    let mut granted = limit.current.unwrap_or(needed);
    if granted < needed {
        let most = limit.maximum.map_or(needed, |most| most.min(needed));
        let raised = Rlimit {
            current: Some(most),
            ..limit
        };
        if setrlimit(Resource::Nofile, raised).is_ok() {
            granted = most;
        }
    }
    let room = (granted - OTHERS.min(granted / 2)) as usize;
    let few = few.min(room / 2);
    (few, many.min(room - few))
}

#[cfg(not(unix))]
fn connections(wanted: ServerOptions) -> (usize, usize) {
    (wanted.connections, wanted.silent_connections)
}

fn print_demo(campaigns: &Campaigns, scheme: &str, address: SocketAddr) -> Result<(), Failure> {
    let settings = Settings {
        senders: vec![DEMO_SENDER.to_owned()],
        ..Settings::default()
    };
    let key = match campaigns.add_account(DEMO, &settings, Money(0)) {
        Ok(key) => key,
        Err(Error::Invalid(_)) => campaigns.renew_key(DEMO).map_err(|error| told(&error))?,
        Err(error) => return Err(told(&error)),
    };
    let mut out = io::stdout().lock();
    writeln!(
        out,
        "Serving the campaign API at {scheme}://{address}/service/ for the account `{DEMO}`, which owns \
         the sender {DEMO_SENDER}.\nNothing is really sent: delivery is simulated. Make a campaign \
         with\n\ncurl '{scheme}://{address}/service/campaign/create?output=json&api=v1&apiKey={key}' \
         -d 'data[type]=3' -d 'data[from]={DEMO_SENDER}' --data-urlencode \
         'data[text]=Hello {{name}}! Your balance by {{date}} is {{balance}}{{currency}}.'\n"
    )?;
    out.flush()?;
    Ok(())
}

fn open(db: &Path, options: Options) -> Result<Campaigns, Failure> {
    // Whoever works here, for the audit log.
    let admin = ["USER", "LOGNAME", "USERNAME"].map(std::env::var);
    let admin = admin.into_iter().flatten().find(|name| !name.is_empty());
    let options = Options {
        admin,
        sheet_process: sheets::process(),
        ..options
    };
    Campaigns::open(db, options)
        .map_err(|error| Failure::Unreadable(format!("{}: {error}", db.display())))
}

/// A database that must be there.
fn open_existing(db: &Path) -> Result<Campaigns, Failure> {
    match db.is_file() {
        true => open(db, Options::default()),
        false => Err(Failure::Unreadable(format!(
            "{}: there is no such database; `recipients account add NAME --db FILE` makes one",
            db.display()
        ))),
    }
}

fn told(error: &Error) -> Failure {
    match error {
        Error::Internal(words) => Failure::Unreadable(words.clone()),
        error => Failure::Usage(words_of(error)),
    }
}

/// An error in words for people.
pub(crate) fn words_of(error: &Error) -> String {
    match error {
        Error::Invalid(fields) => {
            let words = fields.iter().map(|(field, flaw)| match flaw {
                Flaw::File(words) => words.clone(),
                flaw => format!("{}: {}", field.name(), flaw.words(Language::English)),
            });
            words.collect::<Vec<String>>().join("; ")
        }
        Error::NotFound => "there is no such record".to_owned(),
        Error::Internal(words) => words.clone(),
        error => error.to_string(),
    }
}

pub(crate) fn account(command: &AccountCommand) -> Result<ExitCode, Failure> {
    match command {
        AccountCommand::Add(args) => {
            let campaigns = open(&args.db, Options::default())?;
            let mut settings = Settings::default();
            apply(&args.settings, &mut settings);
            let balance = args.settings.balance.unwrap_or_default();
            let key = campaigns.add_account(&args.name, &settings, balance);
            print(format!("{}\n", key.map_err(|error| told(&error))?).as_bytes())
        }
        AccountCommand::Set(args) => {
            let campaigns = open_existing(&args.db)?;
            let mut settings = account_named(&campaigns, &args.name)?.settings;
            apply(&args.settings, &mut settings);
            let changed = campaigns.set_account(&args.name, &settings, args.settings.balance);
            changed.map_err(|error| told(&error))?;
            Ok(ExitCode::from(ACCEPTED))
        }
        AccountCommand::Show { name, db } => {
            let campaigns = open_existing(db)?;
            let account = account_named(&campaigns, name)?;
            let mut text = format!("name: {}\nbalance: {}\n", account.name, account.balance);
            let settings = serde_json::to_value(&account.settings);
            let settings = settings.map_err(|error| Failure::Unreadable(error.to_string()))?;
            for (name, value) in settings.as_object().into_iter().flatten() {
                let value = match value {
                    serde_json::Value::String(text) => text.clone(),
                    serde_json::Value::Null => "any".to_owned(),
                    serde_json::Value::Array(all) if all.is_empty() => "all".to_owned(),
                    serde_json::Value::Array(all) => {
                        let all = all.iter().filter_map(serde_json::Value::as_str);
                        all.collect::<Vec<&str>>().join(", ")
                    }
                    other => other.to_string(),
                };
                text.push_str(&format!("{}: {value}\n", name.replace('_', "-")));
            }
            print(text.as_bytes())
        }
        AccountCommand::Key { name, db } => {
            let key = open_existing(db)?
                .renew_key(name)
                .map_err(|error| no_account(name, &error))?;
            print(format!("{key}\n").as_bytes())
        }
    }
}

fn account_named(campaigns: &Campaigns, name: &str) -> Result<Account, Failure> {
    campaigns
        .account_by_name(name)
        .map_err(|error| no_account(name, &error))
}

fn no_account(name: &str, error: &Error) -> Failure {
    match error {
        Error::NotFound => Failure::Usage(format!("{name}: there is no such account")),
        error => told(error),
    }
}

/// What was typed replaces what was set before.
fn apply(typed: &AccountSettings, settings: &mut Settings) {
    fn set<T: Clone>(typed: &Option<T>, setting: &mut T) {
        if let Some(value) = typed {
            setting.clone_from(value);
        }
    }
    fn all(typed: &[String], setting: &mut Vec<String>) {
        if !typed.is_empty() {
            setting.clear();
            setting.extend(typed.iter().filter(|value| !value.is_empty()).cloned());
        }
    }
    set(&typed.zone, &mut settings.zone);
    set(&typed.currency, &mut settings.currency);
    set(&typed.language, &mut settings.language);
    set(&typed.moderation, &mut settings.moderation);
    set(&typed.lines, &mut settings.lines);
    set(&typed.list_window, &mut settings.list_window);
    set(&typed.rate, &mut settings.rate);
    set(&typed.blocked, &mut settings.blocked);
    set(&typed.stop_list_days, &mut settings.stop_list_days);
    if let Some(host) = &typed.host {
        settings.host = Some(host.clone()).filter(|host| !host.is_empty());
    }
    all(&typed.sender, &mut settings.senders);
    all(&typed.country, &mut settings.countries);
    all(&typed.operator, &mut settings.operators);
    all(&typed.stop_word, &mut settings.stop_words);
    if settings.stop_words.is_empty() {
        settings.stop_words = Settings::default().stop_words;
    }
    all(&typed.allow_method, &mut settings.methods);
    all(&typed.allow_address, &mut settings.addresses);
}

pub(crate) fn campaign(command: &CampaignCommand) -> Result<ExitCode, Failure> {
    let (id, db, approve, comment) = match command {
        CampaignCommand::Approve { id, db } => (*id, db, true, None),
        CampaignCommand::Decline { id, db, comment } => (*id, db, false, comment.as_deref()),
    };
    let moderated = open_existing(db)?.moderate(id, approve, comment);
    moderated.map_err(|error| match error {
        Error::NotFound => Failure::Usage(format!("{id}: there is no such campaign")),
        Error::Conflict(_) => {
            Failure::Usage(format!("{id}: the campaign does not wait for a moderator"))
        }
        error => told(&error),
    })?;
    Ok(ExitCode::from(ACCEPTED))
}

pub(crate) fn task(command: &TaskCommand) -> Result<ExitCode, Failure> {
    let (TaskCommand::Show(TaskArgs { id, db }) | TaskCommand::Rejects(TaskArgs { id, db })) =
        command;
    let campaigns = open_existing(db)?;
    let task = campaigns.find_task(*id).map_err(|error| match error {
        Error::NotFound => Failure::Usage(format!("{id}: there is no such task")),
        error => told(&error),
    })?;
    let is_over = task.status > TaskStatus::Running;
    if let TaskCommand::Show(_) = command {
        let mut text = format!(
            "Task {id} of {}: {}, {} %; {} added, {} rejected\n",
            match task.campaign {
                0 => "contact cards".to_owned(),
                campaign => format!("campaign {campaign}"),
            },
            task.status.name(),
            task.progress,
            task.added,
            task.rejected
        );
        if let Some(note) = task.note {
            text.push_str(&note);
            text.push('\n');
        }
        return print(text.as_bytes());
    }
    let path = campaigns.rejects(None, *id).map_err(|error| match error {
        Error::NotFound if is_over => Failure::Usage(format!(
            "{id}: the list of its rejected rows is not there any more, or not in this copy"
        )),
        Error::NotFound => Failure::Usage(format!("{id}: the task is not over")),
        error => told(&error),
    })?;
    io::copy(&mut File::open(path)?, &mut io::stdout().lock())?;
    Ok(ExitCode::from(ACCEPTED))
}

pub(crate) fn webhook(command: &WebhookCommand) -> Result<ExitCode, Failure> {
    let no_such = |what: String| {
        move |error: Error| match error {
            Error::NotFound => Failure::Usage(format!("{what}: there is none")),
            error => told(&error),
        }
    };
    match command {
        WebhookCommand::Add(args) => {
            const MOST: u64 = 4096;
            let read = |path: &PathBuf| {
                let mut text = String::new();
                File::open(path)
                    .and_then(|file| file.take(MOST).read_to_string(&mut text))
                    .map_err(|error| {
                        Failure::Unreadable(format!("--secret-file {}: {error}", path.display()))
                    })?;
                Ok::<String, Failure>(text.trim_end_matches(['\r', '\n']).to_owned())
            };
            let secret = args.secret_file.as_ref().map(read).transpose()?;
            let id = open_existing(&args.db)?
                .add_hook(&args.account, &args.url, args.format, secret.as_deref())
                .map_err(no_such(format!("account {}", args.account)))?;
            print(format!("{id}\n").as_bytes())
        }
        WebhookCommand::List { account, db } => {
            let hooks = open_existing(db)?
                .hooks(account)
                .map_err(no_such(format!("account {account}")))?;
            let mut text = String::new();
            for hook in hooks {
                let signed = if hook.secret.is_some() {
                    "signed"
                } else {
                    "not signed"
                };
                text.push_str(&format!(
                    "{}  {}  {}  {signed}  {} waiting, {} given up\n",
                    hook.id,
                    hook.format.name(),
                    hook.url,
                    hook.waiting,
                    hook.lost
                ));
            }
            print(text.as_bytes())
        }
        WebhookCommand::Remove { id, db } => {
            let removed = open_existing(db)?.remove_hook(*id);
            removed.map_err(no_such(format!("webhook {id}")))?;
            Ok(ExitCode::from(ACCEPTED))
        }
    }
}

pub(crate) fn prices(args: &PricesArgs) -> Result<ExitCode, Failure> {
    let table = File::open(&args.file)
        .map_err(|error| Failure::Unreadable(format!("{}: {error}", args.file.display())))?;
    let loaded = open_existing(&args.db)?.load_prices(table);
    let count = loaded.map_err(|error| match told(&error) {
        Failure::Usage(words) => Failure::Unreadable(format!("{}: {words}", args.file.display())),
        other => other,
    })?;
    print(format!("{count} prices\n").as_bytes())
}

pub(crate) fn stop_list(args: &StoplistLoadArgs) -> Result<ExitCode, Failure> {
    refuse_reading_twice(args.files.iter())?;
    let campaigns = open_existing(&args.db)?;
    let account = args.account.as_deref();
    let account = account
        .map(|name| account_named(&campaigns, name))
        .transpose()?;
    let reader = Checker::default();
    let workers = recipients::Workers::new(0)?;
    // All lists are read before any number is added.
    let mut all = StopList::default();
    for path in &args.files {
        let loaded = crate::stop_list::load(path, &reader, args.allow_bad_stop_lines, &workers)?;
        all.merge(loaded.list);
    }
    // An export that failed must not count as a list that is up to date.
    if all.iter().next().is_none() {
        let files: Vec<String> = args.files.iter().map(|f| f.display().to_string()).collect();
        let words = format!(
            "{}: there is no number in it; nothing was loaded",
            files.join(", ")
        );
        return Err(Failure::Unreadable(words));
    }
    let added = campaigns.stop_all(account.as_ref(), all.iter());
    let added = added.map_err(|error| told(&error))?;
    print(format!("{added} numbers\n").as_bytes())
}

pub(crate) fn export_stop_list(account: Option<&str>, db: &Path) -> Result<ExitCode, Failure> {
    let campaigns = open_existing(db)?;
    let account = account
        .map(|name| account_named(&campaigns, name))
        .transpose()?;
    let numbers = campaigns.stop_numbers(account.as_ref());
    let mut out = io::BufWriter::new(io::stdout().lock());
    for number in numbers.map_err(|error| told(&error))? {
        writeln!(out, "{number}")?;
    }
    out.flush()?;
    Ok(ExitCode::from(ACCEPTED))
}

pub(crate) fn show_stop_list(account: Option<&str>, db: &Path) -> Result<ExitCode, Failure> {
    let campaigns = open_existing(db)?;
    let account = account
        .map(|name| account_named(&campaigns, name))
        .transpose()?;
    let state = campaigns.stop_list(account.as_ref());
    let state = state.map_err(|error| told(&error))?;
    let age = match (state.loaded, state.days) {
        (Some(at), Some(days)) => {
            let days = match days {
                0 => "today".to_owned(),
                1 => "a day ago".to_owned(),
                days => format!("{days} days ago"),
            };
            format!("loaded {} UTC, {days}", Zone::utc().write(at))
        }
        _ => "never loaded".to_owned(),
    };
    print(format!("{} numbers; {age}\n", state.numbers).as_bytes())
}

pub(crate) fn audit(args: &AuditArgs) -> Result<ExitCode, Failure> {
    let campaigns = open_existing(&args.db)?;
    let account = args.account.as_deref();
    let account = account
        .map(|name| account_named(&campaigns, name))
        .transpose()?;
    let page = Page {
        size: args.last,
        number: 0,
    };
    let log = campaigns.audit(account.as_ref(), page);
    let mut out = io::BufWriter::new(io::stdout().lock());
    for done in log.map_err(|error| told(&error))?.iter().rev() {
        let subject = done.subject.map(|subject| subject.to_string());
        writeln!(
            out,
            "{}\t{}\t{}\t{}\t{}",
            Zone::utc().write(done.at),
            done.account.as_deref().unwrap_or("*"),
            done.actor,
            done.act.name(),
            subject.as_deref().unwrap_or("-")
        )?;
    }
    out.flush()?;
    Ok(ExitCode::from(ACCEPTED))
}

pub(crate) fn contacts(args: &ContactsArgs) -> Result<ExitCode, Failure> {
    let campaigns = open_existing(&args.db)?;
    let account = account_named(&campaigns, &args.account)?;
    let unreadable = |error: &Error| match error {
        Error::Invalid(_) => Failure::Unreadable(words_of(error)),
        error => told(error),
    };
    let place = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
    if args.rejected.as_deref().map(place) == Some(place(&args.file)) {
        let words = "--rejected would replace the list; name another file";
        return Err(Failure::Usage(words.to_owned()));
    }
    let region = args.region.as_deref();
    let region = region
        .map(|code| Plan::builtin().territory(code))
        .transpose()?;
    let source = open_one(&args.file, &args.reading.options())?;
    summary::layout(&mut io::stdout().lock(), &source, &args.reading)?;
    let mut rejects = args.rejected.as_deref().map(Pending::create).transpose()?;
    let mut groups = Vec::new();
    for name in &args.group {
        let id = campaigns.group_named(&account, name);
        groups.push(id.map_err(|error| match error {
            Error::Invalid(_) => Failure::Usage(format!("--group {name}: {}", words_of(&error))),
            error => told(&error),
        })?);
    }
    let imported = match &mut rejects {
        Some(file) => campaigns.import_cards(&account, source, region, &groups, file),
        None => campaigns.import_cards(&account, source, region, &groups, io::sink()),
    };
    let imported = imported.map_err(|error| unreadable(&error))?;
    crate::output::publish(rejects.into_iter().collect())?;
    for note in imported.notes() {
        say!("{}: {note}", args.file.display());
    }
    let hint = match (imported.rejected, &args.rejected) {
        (0, _) => String::new(),
        (_, Some(file)) => format!("; {} tells why", file.display()),
        (_, None) => "; --rejected FILE writes them down with the reasons".to_owned(),
    };
    print(
        format!(
            "Cards added: {}; brought up to date: {}; rows rejected: {}{hint}\n",
            imported.added, imported.updated, imported.rejected
        )
        .as_bytes(),
    )?;
    Ok(ExitCode::from(
        match (imported.added + imported.updated, imported.rejected) {
            (0, _) => NONE_ACCEPTED,
            (_, 0) => ACCEPTED,
            _ => SOME_REJECTED,
        },
    ))
}

pub(crate) fn database(command: &DatabaseCommand) -> Result<ExitCode, Failure> {
    let (db, mend) = match command {
        DatabaseCommand::Recount { db, mend } => (db, mend),
        DatabaseCommand::Check { db } => {
            let found = open_existing(db)?.check_database();
            let found = found.map_err(|error| told(&error))?;
            if found.is_empty() {
                print(b"The database is whole, and all counters are equal to a recount.\n")?;
                return Ok(ExitCode::from(ACCEPTED));
            }
            print(format!("{}\n", found.join("\n")).as_bytes())?;
            return Ok(ExitCode::from(NONE_ACCEPTED));
        }
        DatabaseCommand::Purge {
            older_than,
            dry_run,
            compact,
            db,
        } => {
            let campaigns = open_existing(db)?;
            let purged = campaigns.purge(*older_than, *dry_run);
            let purged = purged.map_err(|error| told(&error))?;
            if *compact {
                campaigns.compact().map_err(|error| told(&error))?;
            }
            let done = if *dry_run {
                "would be forgotten"
            } else {
                "forgotten"
            };
            return print(
                format!(
                    "The people of {} messages in {} campaigns, and {} lists of rejected rows: {done}\n",
                    purged.messages, purged.campaigns, purged.lists
                )
                .as_bytes(),
            );
        }
        DatabaseCommand::Backup { copy, db } => {
            let cannot = |error: &Error| {
                let error = words_of(error);
                Failure::Unreadable(format!("{}: cannot be written: {error}", copy.display()))
            };
            open_existing(db)?.backup(copy).map_err(|e| cannot(&e))?;
            return Ok(ExitCode::from(ACCEPTED));
        }
    };
    let wrong = open_existing(db)?
        .recount(*mend)
        .map_err(|error| told(&error))?;
    if wrong.is_empty() {
        print(b"All counters are equal to a recount.\n")?;
        return Ok(ExitCode::from(ACCEPTED));
    }
    let ids: Vec<String> = wrong.iter().map(i64::to_string).collect();
    let done = if *mend { "; they were set right" } else { "" };
    print(
        format!(
            "Counters differ from a recount{done}: campaigns {}\n",
            ids.join(", ")
        )
        .as_bytes(),
    )?;
    Ok(ExitCode::from(NONE_ACCEPTED))
}
