//! `recipients`: checks lists of SMS recipients.
//!
//! What was typed ([`args`]) becomes what it means, the library does the work, and only this
//! crate prints and exits.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::exit,
    reason = "this is the one crate that talks to a person and ends the process"
)]

/// Tells something on standard error. Nobody may be listening there, which is no reason to end.
macro_rules! say {
    ($($words:tt)*) => {{
        use std::io::Write as _;
        let words = format!($($words)*);
        let _ = writeln!(std::io::stderr(), "{}", $crate::output::shown(&words));
    }};
}
pub(crate) use say;

mod args;
mod check;
mod explain;
mod failure;
mod output;
mod progress;
mod serve;
mod sheets;
mod stop_list;
mod summary;
mod template;
mod upload;
mod verdicts;

use args::{Cli, Command, ContactsCommand, PricesCommand, StoplistCommand};
use clap::{CommandFactory, Parser};
use failure::Failure;
use std::io::{self, Write};
use std::process::ExitCode;

/// Gives back what large bodies and lists took, from any thread (`docs/performance.md`).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Pages of 2 MiB, which the allocator is built not to ask for, are taken nowhere else either. A virtual machine
/// that gives idle ones back to its host waits for each of them longer than for all that is used of it, and no
/// table was measured to gain.
fn take_small_pages() {
    // Where it cannot be said, it is only slower.
    #[cfg(target_os = "linux")]
    let _ = rustix::thread::disable_transparent_huge_pages(true);
}

fn main() -> ExitCode {
    take_small_pages();
    let cli = Cli::parse();
    // What goes wrong inside a library that reads a damaged workbook is told as such.
    let tell = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        if !recipients::ingest::in_contained_code() {
            tell(info);
        }
    }));
    output::outlive_file_limits();
    let result = match cli.command {
        Command::Check(args) => check::run(&args),
        Command::Upload(args) => upload::upload(&args),
        Command::Resume(args) => upload::resume(&args),
        Command::Explain(args) => explain::run(&args),
        Command::Template(args) => template::run(&args),
        Command::Stoplist(StoplistCommand::Build(args)) => stop_list::build(&args),
        Command::Stoplist(StoplistCommand::Load(args)) => serve::stop_list(&args),
        Command::Stoplist(StoplistCommand::Export { account, db }) => {
            serve::export_stop_list(account.as_deref(), &db)
        }
        Command::Stoplist(StoplistCommand::Show { account, db }) => {
            serve::show_stop_list(account.as_deref(), &db)
        }
        Command::Serve(args) => serve::serve(&args),
        Command::Account(command) => serve::account(&command),
        Command::Campaign(command) => serve::campaign(&command),
        Command::Task(command) => serve::task(&command),
        Command::Webhook(command) => serve::webhook(&command),
        Command::Prices(PricesCommand::Load(args)) => serve::prices(&args),
        Command::Audit(args) => serve::audit(&args),
        Command::Contacts(ContactsCommand::Import(args)) => serve::contacts(&args),
        Command::Db(command) => serve::database(&command),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "recipients", &mut script);
            print(&script)
        }
        Command::Man => man(),
        Command::ReadSheet { request } => sheets::read(&request),
    };
    match result {
        Ok(code) => code,
        // Whoever reads our output has had enough, as `head` has.
        Err(Failure::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => {
            ExitCode::SUCCESS
        }
        Err(failure) => {
            say!("recipients: {failure}");
            failure.exit_code()
        }
    }
}

fn print(bytes: &[u8]) -> Result<ExitCode, Failure> {
    let mut out = io::stdout().lock();
    out.write_all(bytes).and_then(|()| out.flush())?;
    Ok(ExitCode::SUCCESS)
}

/// One page for all commands.
fn man() -> Result<ExitCode, Failure> {
    let command = Cli::command();
    let mut page = Vec::new();
    clap_mangen::Man::new(command.clone()).render(&mut page)?;
    for subcommand in command
        .get_subcommands()
        .filter(|command| !command.is_hide_set())
    {
        let name = format!("recipients {}", subcommand.get_name());
        let inner: Vec<_> = subcommand.get_subcommands().collect();
        if inner.is_empty() {
            man_section(&mut page, subcommand, name)?;
            continue;
        }
        for subcommand in inner {
            man_section(
                &mut page,
                subcommand,
                format!("{name} {}", subcommand.get_name()),
            )?;
        }
    }
    print(&page)
}

fn man_section(page: &mut Vec<u8>, command: &clap::Command, name: String) -> io::Result<()> {
    writeln!(page, ".SH COMMAND {}", name.to_uppercase())?;
    let man = clap_mangen::Man::new(command.clone().bin_name(name));
    man.render_synopsis_section(page)?;
    man.render_description_section(page)?;
    man.render_options_section(page)?;
    // Limits, exit codes, examples.
    man.render_extra_section(page)
}
