//! A set of capabilities: what a `<query/>` of service discovery (XEP-0030) says, as its hashes see it.
//!
//! It is read as strictly as the stricter of its readers would: what two of them could take for different things is an
//! error, and a set that cannot be read is neither learnt nor shared.

use std::borrow::Cow;

use crate::stanza::namespace::{DATA_FORMS, DISCO_INFO};
use crate::stanza::{Element, Tree};

/// The field that says what a form is about (XEP-0068).
pub(super) const FORM_TYPE: &str = "FORM_TYPE";

/// Bytes. A language is hashed with each identity that inherits it, so a long one would be many times as long.
const LONGEST_LANGUAGE: usize = 128;

/// Identities, features and forms. Well-formed in the sense of XEP-0115, 5.4. Holds what a peer wrote, so there is no
/// `Debug`.
#[derive(Clone, Default, PartialEq, Eq)]
pub(super) struct DiscoInfo {
    pub identities: Vec<Identity>,
    /// Sorted, each once.
    pub features: Vec<String>,
    /// Those that have a hidden FORM_TYPE, sorted by it, each once.
    pub forms: Vec<Form>,
    /// The language of what they stand in; empty if it has none.
    pub inherited_language: String,
    /// Something else stands in it, or a form that XEP-0115 ignores: XEP-0390, 4.1 has no hash for it.
    pub irregular: bool,
}

#[derive(Clone, PartialEq, Eq)]
pub(super) struct Identity {
    pub category: String,
    pub type_: String,
    /// Its own `xml:lang`.
    pub language: Option<String>,
    pub name: String,
}

/// A data form (XEP-0128).
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Form {
    pub form_type: String,
    /// All but FORM_TYPE, sorted, each once.
    pub fields: Vec<Field>,
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Field {
    pub var: String,
    /// Sorted.
    pub values: Vec<String>,
}

/// Whether an identity without `xml:lang` has the language of what it stands in. XEP-0390, 4.1 says so; XEP-0115 does
/// not, and most who compute its hash do not look. So whatever gives the advertised hash is what the client meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reading {
    Explicit,
    Inherited,
}

/// Why a query is no set of capabilities.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum DiscoInfoError {
    #[error("an identity without category or type, a feature or a field without var")]
    MissingAttribute,
    #[error("a value that holds elements")]
    NestedValue,
    #[error("a language of more than 128 bytes is inherited")]
    Language,
    #[error("an identity stands twice")]
    DuplicateIdentity,
    #[error("a feature stands twice")]
    DuplicateFeature,
    #[error("two forms have the same FORM_TYPE")]
    DuplicateForm,
    #[error("two fields of a form have the same var")]
    DuplicateField,
    #[error("a FORM_TYPE has not exactly one value")]
    FormType,
}

impl Reading {
    const ALL: [Reading; 2] = [Reading::Explicit, Reading::Inherited];
}

impl DiscoInfo {
    /// Reads `query`, an element of the tree of `frame`. `stream_language` is the `xml:lang` of the stream's root.
    pub fn read(
        frame: &[u8],
        tree: &Tree<'_>,
        query: &Element<'_>,
        stream_language: Option<&str>,
    ) -> Result<Self, DiscoInfoError> {
        let inherited = inherited_language(tree, query).or(stream_language).unwrap_or_default();
        if inherited.len() > LONGEST_LANGUAGE {
            return Err(DiscoInfoError::Language);
        }
        let mut info = Self { inherited_language: inherited.to_owned(), ..Self::default() };
        for child in tree.children_of(query) {
            match (child.namespace, child.name) {
                (DISCO_INFO, "identity") => info.identities.push(read_identity(child)?),
                (DISCO_INFO, "feature") => info.features.push(required(child, "var")?),
                (DATA_FORMS, "x") => info.read_form(frame, tree, child)?,
                _ => info.irregular = true,
            }
        }
        info.sort();
        info.check()?;
        Ok(info)
    }

    /// Puts features and forms into their order.
    pub fn sort(&mut self) {
        self.features.sort_unstable();
        self.forms.sort_unstable_by(|one, other| one.form_type.cmp(&other.form_type));
    }

    /// Category, type, language and name of its identities as a reader sees them, in their order (XEP-0115, 5.1).
    pub fn identities(&self, reading: Reading) -> Vec<[&str; 4]> {
        let otherwise = match reading {
            Reading::Explicit => "",
            Reading::Inherited => &self.inherited_language,
        };
        let mut identities = Vec::with_capacity(self.identities.len());
        for identity in &self.identities {
            let language = identity.language.as_deref().unwrap_or(otherwise);
            identities.push([&*identity.category, &*identity.type_, language, &*identity.name]);
        }
        identities.sort_unstable();
        identities
    }

    /// The readings that differ.
    pub fn readings(&self) -> &'static [Reading] {
        let inherits = self.identities.iter().any(|identity| identity.language.is_none());
        if inherits && !self.inherited_language.is_empty() { &Reading::ALL } else { &[Reading::Explicit] }
    }

    /// The memory that it takes, in bytes, near enough.
    pub fn size(&self) -> usize {
        let text = |text: &String| size_of::<String>() + text.len();
        let identity = |identity: &Identity| {
            let language = identity.language.as_ref().map_or(0, String::len);
            let texts = identity.category.len() + identity.type_.len() + identity.name.len();
            size_of::<Identity>() + language + texts
        };
        let field = |field: &Field| {
            size_of::<Field>() + field.var.len() + field.values.iter().map(text).sum::<usize>()
        };
        let form = |form: &Form| {
            size_of::<Form>() + form.form_type.len() + form.fields.iter().map(field).sum::<usize>()
        };
        self.identities.iter().map(identity).sum::<usize>()
            + self.features.iter().map(text).sum::<usize>()
            + self.forms.iter().map(form).sum::<usize>()
    }

    fn read_form(&mut self, frame: &[u8], tree: &Tree<'_>, form: &Element<'_>) -> Result<(), DiscoInfoError> {
        let mut fields = Vec::new();
        let mut form_type = None;
        for child in tree.children_of(form) {
            match (child.namespace, child.name) {
                (DATA_FORMS, "field") => {
                    let values = read_values(frame, tree, child)?;
                    let var = required(child, "var")?;
                    if var != FORM_TYPE {
                        fields.push(Field { var, values });
                    } else if form_type.replace((values, child.value("type") == Some("hidden"))).is_some() {
                        return Err(DiscoInfoError::FormType);
                    }
                }
                (DATA_FORMS, "reported" | "item") => self.irregular = true,
                _ => {}
            }
        }
        fields.sort_unstable();
        if fields.windows(2).any(|pair| pair[0].var == pair[1].var) {
            return Err(DiscoInfoError::DuplicateField);
        }
        match form_type {
            Some((values, true)) => {
                let [form_type] = <[String; 1]>::try_from(values).map_err(|_| DiscoInfoError::FormType)?;
                self.forms.push(Form { form_type, fields });
            }
            Some((_, false)) | None => self.irregular = true,
        }
        Ok(())
    }

    fn check(&self) -> Result<(), DiscoInfoError> {
        for reading in self.readings() {
            if self.identities(*reading).windows(2).any(|pair| pair[0] == pair[1]) {
                return Err(DiscoInfoError::DuplicateIdentity);
            }
        }
        if self.features.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err(DiscoInfoError::DuplicateFeature);
        }
        if self.forms.windows(2).any(|pair| pair[0].form_type == pair[1].form_type) {
            return Err(DiscoInfoError::DuplicateForm);
        }
        Ok(())
    }
}

/// The text of an element, line ends and references read; `None` if elements stand in it.
pub(super) fn text<'f>(frame: &'f [u8], element: &Element<'_>) -> Option<Cow<'f, str>> {
    match element.content {
        Some(_) => element.text(frame),
        None => Some(Cow::Borrowed("")),
    }
}

/// The `xml:lang` that holds for the children of `element` within its frame.
fn inherited_language<'t>(tree: &'t Tree<'_>, element: &Element<'_>) -> Option<&'t str> {
    let around = |outer: &&Element<'_>| {
        outer.range.start <= element.range.start && element.range.end <= outer.range.end
    };
    tree.elements().iter().rev().filter(around).find_map(language)
}

/// No other prefix than `xml` can stand for its namespace (Namespaces in XML 1.0, 3).
fn language<'t>(element: &'t Element<'_>) -> Option<&'t str> {
    element.value("xml:lang")
}

fn read_identity(element: &Element<'_>) -> Result<Identity, DiscoInfoError> {
    Ok(Identity {
        category: required(element, "category")?,
        type_: required(element, "type")?,
        language: language(element).map(str::to_owned),
        name: element.value("name").unwrap_or_default().to_owned(),
    })
}

fn read_values(frame: &[u8], tree: &Tree<'_>, field: &Element<'_>) -> Result<Vec<String>, DiscoInfoError> {
    let values = tree.children_of(field).filter(|child| child.is(DATA_FORMS, "value"));
    let read =
        |value: &Element<'_>| text(frame, value).map(Cow::into_owned).ok_or(DiscoInfoError::NestedValue);
    let mut values = values.map(read).collect::<Result<Vec<_>, _>>()?;
    values.sort_unstable();
    Ok(values)
}

fn required(element: &Element<'_>, name: &str) -> Result<String, DiscoInfoError> {
    element.value(name).map(str::to_owned).ok_or(DiscoInfoError::MissingAttribute)
}
