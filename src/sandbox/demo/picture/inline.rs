//! Terminals that take a PNG as it is: kitty's graphics protocol, and iTerm2's inline images.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

/// Of Base64 in one command, as kitty's protocol has it.
const CHUNK: usize = 4096;

/// `q=2` has the terminal answer nothing: nobody would read it, and it would turn up in the shell.
pub fn kitty(png: &[u8], columns: u32) -> String {
    let data = BASE64.encode(png);
    let chunks: Vec<&[u8]> = data.as_bytes().chunks(CHUNK).collect();
    let mut text = String::new();
    for (number, chunk) in chunks.iter().enumerate() {
        let more = u8::from(number + 1 < chunks.len());
        let first = if number == 0 { format!("a=T,f=100,q=2,c={columns},") } else { "q=2,".to_owned() };
        // Writing to a string does not fail, and Base64 is text.
        let _ = write!(text, "\x1b_G{first}m={more};{}\x1b\\", String::from_utf8_lossy(chunk));
    }
    text
}

pub fn iterm2(png: &[u8], columns: u32) -> String {
    let data = BASE64.encode(png);
    format!("\x1b]1337;File=inline=1;size={};width={columns};preserveAspectRatio=1:{data}\x07", png.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kitty_gets_chunks_that_it_takes_and_is_asked_for_no_answer() {
        let text = kitty(&[0; 4000], 9);
        let commands: Vec<&str> = text.split_terminator("\x1b\\").collect();
        assert_eq!(commands.len(), 2);
        assert!(commands[0].starts_with("\x1b_Ga=T,f=100,q=2,c=9,m=1;AAAA"));
        assert!(commands[1].starts_with("\x1b_Gq=2,m=0;"));
        assert!(commands.iter().all(|command| command.split_once(';').unwrap().1.len() <= CHUNK));
    }

    #[test]
    fn iterm2_gets_one_command_with_its_length() {
        assert_eq!(
            iterm2(b"png", 9),
            "\x1b]1337;File=inline=1;size=3;width=9;preserveAspectRatio=1:cG5n\x07"
        );
    }
}
