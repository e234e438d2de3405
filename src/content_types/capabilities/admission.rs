//! Which sets of XEP-0115 may be shared among clients: those that cannot be mistaken for another.
//!
//! # The danger
//!
//! The string that XEP-0115 hashes does not say which of its texts are identities, which are features, and which belong
//! to forms (section 5.1); its separator, `<`, may stand in a text as well. So whoever knows the set of a widespread
//! client can make another one with the same string, advertise the hash, and answer with the other set: both are
//! verified by the one hash. The hash that the edited set has depends on where its features begin and end, and on where
//! its forms begin. Learnt from the wrong set, it would not be the hash of what the honest client's answer becomes, and
//! the gatekeeper would no longer believe that client.
//!
//! # The rule
//!
//! [`expected`] reads a string in one way: it is a function of the string alone. A set is admitted if all in it is hashed
//! (XEP-0115 ignores forms without a FORM_TYPE, of which XEP-0390 has no hash), no text in it holds a `<`, and its own boundaries are the expected ones. **Two admitted sets with the same string therefore have the same
//! boundaries**, so that the same texts are identities, features and forms, and the edit, which puts features among
//! features and a form among forms, makes the same string of both. (Where an identity's category ends or which text of a
//! form is a value makes no difference to that.) What is learnt from a hostile client is then what would have been
//! learnt from the honest one, or nothing.
//!
//! # Those who are not admitted
//!
//! An honest set that is not read as expected passes unedited, and could be harmed by a hostile one that is. So the
//! expectation follows what clients send, and there is none where that is in doubt. It is right, or there is none,
//! for every set without `<` in which
//!
//! - at least one identity stands; what stands before an identity's first slash, its category, has no colon; no feature
//!   or FORM_TYPE has three slashes and no colon before the first;
//! - each FORM_TYPE has a colon, as namespaces have, no field's name has one, and a value that has one does not sort
//!   behind the FORM_TYPE of its form;
//! - the first FORM_TYPE is [`SOFTWARE_INFO`], or does not sort behind the last feature, or its first field does not
//!   sort behind it; and `SOFTWARE_INFO` is no feature and no value.
//!
//! For then the identities are the first texts that look like one; the features are those up to `SOFTWARE_INFO` or to
//! where the order ends; if the order goes on into a form, it ends at a name without a colon, which nothing expects as a
//! FORM_TYPE; and further forms are seen by their colons. Both statements are held by tests that read random strings in
//! every way there is.
//!
//! XEP-0390 hashes the structure, too: it needs none of this. Nor do sets that the operator vouches for.

use super::disco_info::{DiscoInfo, Reading};
use super::input::Boundaries;

/// The one FORM_TYPE that clients are known to send (XEP-0232): it may sort behind the features.
pub(super) const SOFTWARE_INFO: &str = "urn:xmpp:dataforms:softwareinfo";

/// Whether the set may be shared by its hash of XEP-0115.
pub(super) fn is_admitted(info: &DiscoInfo, reading: Reading) -> bool {
    let tokens = info.tokens(reading);
    !info.irregular
        && !tokens.texts.iter().any(|text| text.contains('<'))
        && expected(&tokens.texts).is_some_and(|boundaries| boundaries == tokens.boundaries)
}

/// How a string is read if there is no doubt: where its parts begin.
pub(super) fn expected<T: AsRef<str>>(texts: &[T]) -> Option<Boundaries> {
    let text = |position: usize| texts.get(position).map(AsRef::as_ref);
    let identities = texts.iter().take_while(|text| looks_like_identity(text.as_ref())).count();
    if identities == 0 {
        return None;
    }
    let mut features = identities;
    while let Some(next) = text(features).filter(|next| *next != SOFTWARE_INFO) {
        let in_order = features == identities || text(features - 1).is_some_and(|previous| previous < next);
        if !in_order {
            break;
        }
        features += 1;
    }
    let forms = expected_forms(texts, features)?;
    Some(Boundaries { identities, features, forms })
}

/// The positions of the FORM_TYPEs, if the first form begins at `first`.
fn expected_forms<T: AsRef<str>>(texts: &[T], first: usize) -> Option<Vec<usize>> {
    let mut forms = Vec::new();
    let mut form_type: Option<&str> = None;
    for (position, text) in texts.iter().enumerate().skip(first) {
        let text = text.as_ref();
        let could_be_next = form_type.is_none_or(|form_type| form_type < text);
        if form_type.is_none() && !text.contains(':') {
            return None;
        }
        if could_be_next && (form_type.is_none() || text == SOFTWARE_INFO) {
            forms.push(position);
            form_type = Some(text);
        } else if could_be_next && text.contains(':') {
            return None;
        }
    }
    Some(forms)
}

/// `category/type/lang/name`. Features are URIs or single words: a colon comes first, or there are fewer slashes.
fn looks_like_identity(text: &str) -> bool {
    let category = text.split('/').next().unwrap_or_default();
    !category.contains(':') && text.matches('/').count() >= 3
}
