//! Both specifications once more, written for clearness on other types, as a gatekeeper would that trusts nobody.

use std::collections::{BTreeMap, BTreeSet};

use super::super::hash::{Algorithm, Family, HashKind};
use crate::stanza::{Element, Tree, testing};

/// The Base64 of the hash of the query in an answer.
pub(super) fn hash(answer: &str, kind: HashKind) -> String {
    testing::with_frame(answer, |frame| {
        let tree = Tree::of(frame).unwrap();
        let parts = Parts::of(frame.bytes, &tree);
        let input = match kind.family {
            Family::Capabilities => parts.xep_0115(),
            Family::Capabilities2 => parts.xep_0390(),
        };
        let algorithm = Algorithm::of_name(kind.algorithm.name()).unwrap();
        algorithm.digest(&input).to_base64()
    })
}

#[derive(Default)]
struct Parts {
    identities: BTreeSet<[String; 4]>,
    features: BTreeSet<String>,
    /// FORM_TYPE to var to values.
    forms: BTreeMap<String, BTreeMap<String, BTreeSet<String>>>,
}

impl Parts {
    fn of(frame: &[u8], tree: &Tree<'_>) -> Self {
        let mut parts = Self::default();
        let attribute =
            |element: &Element<'_>, name: &str| element.value(name).unwrap_or_default().to_owned();
        let mut form: Vec<(String, BTreeSet<String>)> = Vec::new();
        for element in tree.elements() {
            match element.name {
                "identity" => {
                    let part = |name| attribute(element, name);
                    let is_new = parts.identities.insert([
                        part("category"),
                        part("type"),
                        part("xml:lang"),
                        part("name"),
                    ]);
                    assert!(is_new, "an identity stands twice");
                }
                "feature" => {
                    assert!(parts.features.insert(attribute(element, "var")), "a feature stands twice")
                }
                "x" => parts.take_form(&mut form),
                "field" => form.push((attribute(element, "var"), BTreeSet::new())),
                "value" => {
                    let text = element.text(frame).unwrap_or_default().into_owned();
                    form.last_mut().unwrap().1.insert(text);
                }
                _ => {}
            }
        }
        parts.take_form(&mut form);
        parts
    }

    fn take_form(&mut self, form: &mut Vec<(String, BTreeSet<String>)>) {
        let mut fields: BTreeMap<_, _> = form.drain(..).collect();
        if let Some(form_type) = fields.remove("FORM_TYPE") {
            let form_type = form_type.into_iter().next().unwrap();
            assert!(self.forms.insert(form_type, fields).is_none(), "a FORM_TYPE stands twice");
        }
    }

    fn xep_0115(&self) -> Vec<u8> {
        let mut s = String::new();
        let mut push = |text: &str| s.extend([text, "<"]);
        for identity in &self.identities {
            push(&identity.join("/"));
        }
        for feature in &self.features {
            push(feature);
        }
        for (form_type, fields) in &self.forms {
            push(form_type);
            for (var, values) in fields {
                push(var);
                values.iter().for_each(|value| push(value));
            }
        }
        s.into_bytes()
    }

    fn xep_0390(&self) -> Vec<u8> {
        let features: BTreeSet<_> = self.features.iter().map(|feature| format!("{feature}\x1f")).collect();
        let identity = |[category, type_, language, name]: &[String; 4]| {
            format!("{category}\x1f{type_}\x1f{language}\x1f{name}\x1f\x1e")
        };
        let identities: BTreeSet<_> = self.identities.iter().map(identity).collect();
        let field = |(var, values): (&String, &BTreeSet<String>)| {
            let values: String = values.iter().map(|value| format!("{value}\x1f")).collect();
            format!("{var}\x1f{values}\x1e")
        };
        let form = |(form_type, fields): (&String, &BTreeMap<String, BTreeSet<String>>)| {
            let mut all: BTreeSet<_> = fields.iter().map(field).collect();
            all.insert(format!("FORM_TYPE\x1f{form_type}\x1f\x1e"));
            all.into_iter().collect::<String>() + "\x1d"
        };
        let forms: BTreeSet<_> = self.forms.iter().map(form).collect();
        let join = |strings: BTreeSet<String>| strings.into_iter().collect::<String>() + "\x1c";
        (join(features) + &join(identities) + &join(forms)).into_bytes()
    }
}
