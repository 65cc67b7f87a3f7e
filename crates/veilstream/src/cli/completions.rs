//! `veilstream completions`: for shells.

use std::io;

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use super::{
    Cli,
    exit::{Exit, Failure},
};

#[derive(Args)]
#[command(after_help = "\
Examples:
  veilstream completions bash > ~/.local/share/bash-completion/completions/veilstream
  veilstream completions zsh > ~/.zfunc/_veilstream
  veilstream completions fish > ~/.config/fish/completions/veilstream.fish")]
pub(super) struct Arguments {
    /// The shell
    shell: Shell,
}

pub(super) fn execute(arguments: &Arguments) -> Result<Exit, Failure> {
    // It panics where its output cannot be written.
    let mut script = Vec::new();
    clap_complete::generate(
        arguments.shell,
        &mut Cli::command(),
        "veilstream",
        &mut script,
    );
    io::Write::write_all(&mut io::stdout().lock(), &script)?;
    Ok(Exit::Done)
}
