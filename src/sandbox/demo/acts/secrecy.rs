//! All that passed Vestibule, and all that it wrote and showed, is searched for what was said and for the keys.

use crate::sandbox::demo::claim::{Claim, Finding};
use crate::sandbox::demo::ledger::{Search, Searched};
use crate::sandbox::demo::people::BOB;
use crate::sandbox::demo::scene::{Listing, Scene};
use crate::sandbox::demo::stage::Stage;

use super::conversation::QUESTION_ID;

pub fn play(stage: &Stage) -> Scene {
    let ledger = &stage.ledger;
    // The gatekeeper's side of Vestibule; the clients' side is in the ledger.
    for session in stage.gatekeeper.sessions() {
        ledger.note_connection(session.transcripts);
    }
    let searched = ledger.searched();
    let (words, keys) = (ledger.words(), ledger.keys());
    // An id, an address, and the keys that devices publish.
    let mut open = vec![QUESTION_ID.into(), BOB.bare_jid().into_bytes()];
    open.extend(ledger.public_keys());
    let search = |secrets: &[Vec<u8>]| searched.as_ref().map(|searched| searched.search(secrets));
    let (words, keys, open) = (search(&words), search(&keys), search(&open));
    let bytes = searched.as_ref().map_or(0, Searched::len);
    Scene {
        title: "What Vestibule could have known",
        explanation: "All bytes that passed Vestibule, on both sides and in both directions, its log, its figures and \
                      its status are searched for everything that two people said to each other and for the secret \
                      keys of their clients' encryption, as they were after each message: as they are, as XML has them, in hexadecimal digits and in Base64. To show that \
                      the search can find something, it is also made for what is not encrypted.",
        listings: vec![Listing {
            caption: "What was searched for".to_owned(),
            lines: [("texts", &words), ("secret keys", &keys), ("words and keys that are not secret", &open)]
                .map(|(what, search)| line(what, search.as_ref()))
                .into(),
        }],
        findings: vec![nothing_readable(words.as_ref(), keys.as_ref(), bytes), search_finds(open.as_ref())],
        ..Scene::default()
    }
}

fn line(what: &str, search: Option<&Search>) -> String {
    match search {
        Some(Search { secrets, found }) => format!("{secrets} {what}: {found} found"),
        None => format!("{what}: not all bytes were kept"),
    }
}

/// A search for nothing, or in nothing, shows nothing.
fn nothing_readable(words: Option<&Search>, keys: Option<&Search>, bytes: usize) -> Finding {
    let is_clean =
        |search: Option<&Search>| search.is_some_and(|search| search.found == 0 && search.secrets > 0);
    let detail = format!("{bytes} bytes searched");
    Finding::new(Claim::NothingReadable, is_clean(words) && is_clean(keys) && bytes > 0, detail)
}

fn search_finds(open: Option<&Search>) -> Finding {
    let observed = open.is_some_and(|search| search.found == search.secrets && search.found > 0);
    Finding::new(Claim::SearchFinds, observed, line("words and keys that are not secret", open))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_search_that_finds_something_or_looks_at_nothing_is_no_proof() {
        let search = |secrets, found| Search { secrets, found };
        let observed = |words, keys, bytes| nothing_readable(words, keys, bytes).observed;
        let clean = search(3, 0);
        assert!(observed(Some(&clean), Some(&clean), 9));
        for (words, keys, bytes) in [
            (Some(&search(3, 1)), Some(&clean), 9),
            (Some(&clean), Some(&search(3, 1)), 9),
            (Some(&search(0, 0)), Some(&clean), 9),
            (Some(&clean), Some(&search(0, 0)), 9),
            (None, Some(&clean), 9),
            (Some(&clean), None, 9),
            (Some(&clean), Some(&clean), 0),
        ] {
            assert!(!observed(words, keys, bytes), "{words:?} {keys:?} {bytes}");
        }
        assert!(search_finds(Some(&search(3, 3))).observed);
        assert!(!search_finds(Some(&search(3, 2))).observed && !search_finds(None).observed);
    }
}
