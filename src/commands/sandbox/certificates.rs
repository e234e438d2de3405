//! `vestibule sandbox certificates`: what the sandbox's parties show each other, so that nobody needs certificates to
//! try it.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use vestibule::policy::HostName;
use vestibule::sandbox::certificates::{Authority, Identity};
use vestibule::sandbox::files::{write_new, write_new_secret};

use crate::commands::output::write_line;

/// All parties are on this machine, whatever their names are.
const THIS_MACHINE: [&str; 3] = ["localhost", "127.0.0.1", "::1"];

#[derive(clap::Args)]
pub struct Arguments {
    /// Where to: `roots.pem`, and for each name `NAME.pem` and `NAME.key`. It is made if it is not there.
    folder: PathBuf,
    /// Whom the certificates are for; each is for this machine, too. Left out, the names in the shipped files.
    #[arg(value_name = "NAME", value_parser = HostName::parse,
        default_values = ["provider.example", "gatekeeper.example", "interop.provider.example"])]
    names: Vec<HostName>,
}

/// The authority's key is not kept: nobody can sign more.
pub fn execute(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let Arguments { folder, names } = arguments;
    std::fs::create_dir_all(folder).context("the folder cannot be made")?;
    let authority = Authority::new("Vestibule's sandbox")?;
    write(&folder.join("roots.pem"), &authority.pem(), write_new)?;
    for name in names {
        let mut all = vec![name.as_str()];
        all.extend(THIS_MACHINE.into_iter().filter(|known| *known != name.as_str()));
        let Identity { chain, key } = authority.issue(&all)?;
        write(&folder.join(format!("{name}.pem")), &chain, write_new)?;
        write(&folder.join(format!("{name}.key")), &key, write_new_secret)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn write(path: &Path, text: &str, write: fn(&Path, &str) -> io::Result<()>) -> anyhow::Result<()> {
    write(path, text).with_context(|| format!("{} cannot be written", path.display()))?;
    let mut output = io::stdout();
    write_line(&mut output, path.display())?;
    Ok(output.flush()?)
}
