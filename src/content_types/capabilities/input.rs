//! What is hashed of a set of capabilities.

use std::borrow::Cow;

use super::disco_info::{DiscoInfo, FORM_TYPE, Form, Reading};
use super::hash::{Digest, Family, HashKind};

/// The texts that XEP-0115's string consists of, each of which it ends with a `<`, and where its parts begin.
pub(super) struct Tokens<'a> {
    pub texts: Vec<Cow<'a, str>>,
    pub boundaries: Boundaries,
}

/// Which texts of a string are what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Boundaries {
    /// The position of the first text that is no identity.
    pub identities: usize,
    /// The position of the first text that is no feature either.
    pub features: usize,
    /// The positions of the FORM_TYPEs.
    pub forms: Vec<usize>,
}

impl DiscoInfo {
    /// The hash of the set; `None` if it has none of this kind.
    pub fn hash(&self, kind: HashKind, reading: Reading) -> Option<Digest> {
        let input = match kind.family {
            Family::Capabilities => self.verification_string(reading),
            Family::Capabilities2 => self.hash_input(reading)?,
        };
        Some(kind.algorithm.digest(&input))
    }

    /// The string S of XEP-0115, 5.1.
    pub fn verification_string(&self, reading: Reading) -> Vec<u8> {
        let mut string = Vec::new();
        for text in self.tokens(reading).texts {
            string.extend_from_slice(text.as_bytes());
            string.push(b'<');
        }
        string
    }

    pub fn tokens(&self, reading: Reading) -> Tokens<'_> {
        let mut texts: Vec<Cow<'_, str>> = Vec::new();
        texts.extend(self.identities(reading).into_iter().map(|parts| parts.join("/").into()));
        let identities = texts.len();
        texts.extend(self.features.iter().map(|feature| feature.as_str().into()));
        let features = texts.len();
        let mut forms = Vec::new();
        for form in &self.forms {
            forms.push(texts.len());
            texts.push(form.form_type.as_str().into());
            for field in &form.fields {
                texts.push(field.var.as_str().into());
                texts.extend(field.values.iter().map(|value| value.as_str().into()));
            }
        }
        Tokens { texts, boundaries: Boundaries { identities, features, forms } }
    }

    /// The octets of XEP-0390, 4.1; `None` where it says to abort.
    pub fn hash_input(&self, reading: Reading) -> Option<Vec<u8>> {
        if self.irregular {
            return None;
        }
        let features = self.features.iter().map(|feature| ended(feature, 0x1f));
        let identities = self.identities(reading).into_iter().map(|parts| {
            let mut octets: Vec<u8> = parts.iter().flat_map(|part| ended(part, 0x1f)).collect();
            octets.push(0x1e);
            octets
        });
        let forms = self.forms.iter().map(form_octets);
        Some([joined(features, 0x1c), joined(identities, 0x1c), joined(forms, 0x1c)].concat())
    }
}

fn form_octets(form: &Form) -> Vec<u8> {
    let field = |var: &str, values: &[String]| {
        let values = joined(values.iter().map(|value| ended(value, 0x1f)), 0x1e);
        [ended(var, 0x1f), values].concat()
    };
    let form_type = field(FORM_TYPE, std::slice::from_ref(&form.form_type));
    let fields = form.fields.iter().map(|other| field(&other.var, &other.values));
    joined(fields.chain([form_type]), 0x1d)
}

/// The text and the octet that ends it.
fn ended(text: &str, end: u8) -> Vec<u8> {
    [text.as_bytes(), &[end]].concat()
}

/// All parts, from lesser to greater, and the octet that ends them.
fn joined(parts: impl Iterator<Item = Vec<u8>>, end: u8) -> Vec<u8> {
    let mut parts: Vec<_> = parts.collect();
    parts.sort_unstable();
    let mut octets = parts.concat();
    octets.push(end);
    octets
}
