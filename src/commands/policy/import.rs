//! `vestibule policy import`: a profile's `accept` out of a list that somebody else keeps.

use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, ensure};
use vestibule::config::{self, LARGEST_FILE};
use vestibule::content_types::{Dialect, DialectDocument, Imported};

#[derive(clap::Args)]
pub struct Arguments {
    #[command(subcommand)]
    kind: Kind,
}

/// What the list is of.
#[derive(clap::Subcommand)]
enum Kind {
    /// Media types, as clients advertise them in MLS and MIMI: with commas between, on any number of lines.
    Mls {
        /// The list; `-` is standard input.
        file: PathBuf,
    },
    /// Features of XMPP: a name on each line, or an XML document with disco#info.
    Features {
        /// The dialect that says what they mean.
        #[arg(long, value_name = "FILE")]
        dialect: PathBuf,
        /// The list; `-` is standard input.
        file: PathBuf,
    },
}

/// Prints the list as YAML. Fails if nothing in it could be understood.
pub fn execute(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let imported = match &arguments.kind {
        Kind::Mls { file } => Imported::media_types(&read(file)?),
        Kind::Features { dialect, file } => {
            let dialect = config::load_policy::<DialectDocument>(dialect)?.value.dialect;
            features(&read(file)?, &dialect)?
        }
    };
    write!(io::stdout(), "{}", imported.to_yaml())?;
    ensure!(!imported.accepted.is_empty(), "there is nothing in the list that can be received");
    Ok(ExitCode::SUCCESS)
}

/// A document begins with a tag, no feature does.
fn features(text: &str, dialect: &Dialect) -> anyhow::Result<Imported> {
    if text.trim_start().starts_with('<') {
        Ok(Imported::disco_info(text, dialect)?)
    } else {
        Ok(Imported::features(text, dialect))
    }
}

fn read(file: &Path) -> anyhow::Result<String> {
    if file != Path::new("-") {
        return Ok(config::load_text(file)?);
    }
    let mut bytes = Vec::new();
    io::stdin().lock().take(LARGEST_FILE + 1).read_to_end(&mut bytes)?;
    ensure!(bytes.len() as u64 <= LARGEST_FILE, "standard input has more than {LARGEST_FILE} bytes");
    String::from_utf8(bytes).ok().context("standard input is not UTF-8 text")
}
