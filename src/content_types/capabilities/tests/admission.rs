//! That no client can change what another one is given: strings of XEP-0115, read in every way there is.

use proptest::prelude::*;

use super::super::admission::{SOFTWARE_INFO, expected, is_admitted};
use super::super::disco_info::{Field, Form, Identity};
use super::*;

/// Texts that can be taken for different things, in ascending order but for the last.
const TEXTS: [&str; 16] = [
    "1",
    "a/b/c/d",
    "client/pc//",
    "h:a",
    "h:a/b/c/d",
    "m",
    "os",
    "urn:a",
    "urn:m",
    "urn:m:text",
    "urn:n",
    "urn:z",
    "v",
    "v:w",
    "version",
    SOFTWARE_INFO,
];

/// Ways to read `texts[at..]`, if `read` is what stands before.
fn readings(texts: &[String]) -> Vec<DiscoInfo> {
    let mut all = Vec::new();
    for identities in 0..=texts.len() {
        for features in identities..=texts.len() {
            let mut info = DiscoInfo::default();
            if !texts[..identities].iter().all(|text| push_identity(&mut info, text)) {
                continue;
            }
            info.features = texts[identities..features].to_vec();
            if !is_ascending(info.features.iter()) {
                break;
            }
            push_forms(info, &texts[features..], &mut all);
        }
    }
    let string: String = texts.iter().map(|text| format!("{text}<")).collect();
    all.retain(|info| {
        is_well_formed(info) && info.verification_string(Reading::Explicit) == string.as_bytes()
    });
    all
}

fn push_identity(info: &mut DiscoInfo, text: &str) -> bool {
    let parts: Vec<&str> = text.splitn(4, '/').collect();
    let [category, type_, language, name] = parts[..] else { return false };
    let text = str::to_owned;
    let language = Some(text(language));
    info.identities.push(Identity {
        category: text(category),
        type_: text(type_),
        language,
        name: text(name),
    });
    true
}

/// The next text is a FORM_TYPE, a field's name, or a value.
fn push_forms(info: DiscoInfo, texts: &[String], all: &mut Vec<DiscoInfo>) {
    let Some((text, rest)) = texts.split_first() else {
        all.push(info);
        return;
    };
    let mut grown = |grow: fn(&mut DiscoInfo, String) -> bool| {
        let mut grown = info.clone();
        if grow(&mut grown, text.clone()) && is_well_formed(&grown) {
            push_forms(grown, rest, all);
        }
    };
    grown(|info, form_type| {
        info.forms.push(Form { form_type, fields: Vec::new() });
        true
    });
    grown(|info, var| {
        let Some(form) = info.forms.last_mut() else { return false };
        form.fields.push(Field { var, values: Vec::new() });
        true
    });
    grown(|info, value| {
        let Some(field) = info.forms.last_mut().and_then(|form| form.fields.last_mut()) else { return false };
        field.values.push(value);
        true
    });
}

fn is_ascending<T: Ord>(items: impl Iterator<Item = T>) -> bool {
    let items: Vec<T> = items.collect();
    items.windows(2).all(|pair| pair[0] < pair[1])
}

fn is_well_formed(info: &DiscoInfo) -> bool {
    let identities = info.identities(Reading::Explicit);
    let vars = |form: &Form| is_ascending(form.fields.iter().map(|field| &field.var));
    let values = |field: &Field| field.values.is_sorted();
    identities.windows(2).all(|pair| pair[0] != pair[1])
        && is_ascending(info.features.iter())
        && is_ascending(info.forms.iter().map(|form| &form.form_type))
        && info.forms.iter().all(|form| vars(form) && form.fields.iter().all(values))
}

/// What the documentation of `admission` says of the sets that are safe, whether they are admitted or not.
fn is_safe(info: &DiscoInfo) -> bool {
    let is_identity = |text: &str| {
        text.matches('/').count() >= 3 && !text.split('/').next().is_some_and(|first| first.contains(':'))
    };
    let form_is_safe = |form: &Form| {
        let value_is_safe =
            |value: &String| value != SOFTWARE_INFO && (!value.contains(':') || *value <= form.form_type);
        let names = form.fields.iter().all(|field| !field.var.contains(':'));
        names
            && form.form_type.contains(':')
            && !is_identity(&form.form_type)
            && form.fields.iter().flat_map(|field| &field.values).all(value_is_safe)
    };
    let first_is_safe = info.forms.first().is_none_or(|form| {
        form.form_type == SOFTWARE_INFO
            || info.features.last().is_some_and(|last| form.form_type <= *last)
            || form.fields.first().is_some_and(|field| field.var <= form.form_type)
    });
    !info.identities.is_empty()
        && info.identities.iter().all(|identity| !identity.category.contains(':'))
        && !info.features.iter().any(|feature| is_identity(feature) || feature == SOFTWARE_INFO)
        && info.forms.iter().all(form_is_safe)
        && first_is_safe
}

fn texts() -> impl Strategy<Value = Vec<String>> {
    let any = prop::sample::select(TEXTS.to_vec()).prop_map(str::to_owned);
    let ascending = prop::sample::subsequence(TEXTS.to_vec(), 1..7);
    (
        prop::sample::subsequence(vec!["a/b/c/d", "client/pc//"], 0..2),
        ascending,
        prop::collection::vec(any, 0..5),
    )
        .prop_map(|(identities, ascending, any)| {
            let texts = identities.into_iter().chain(ascending).map(str::to_owned);
            texts.chain(any).collect()
        })
}

/// Advertisements whose words sort in different places.
fn advertisements() -> Vec<DiscoAdvertisement> {
    let mut content_types = ContentTypes::default();
    let media_type = MediaType::parse("text/plain").unwrap();
    let (class, conversation) = (ContentClass::Text, Conversation::OneToOne);
    content_types.push(Accept { class, conversation, media_type, max_size: None }).unwrap();
    ["h:", "urn:m", "z:"]
        .map(|name| {
            let words = DiscoWords { feature_prefix: format!("{name}:"), form_type: name.to_owned() };
            DiscoAdvertisement::new(&content_types, &words)
        })
        .to_vec()
}

fn edited(info: &DiscoInfo, advertisement: &DiscoAdvertisement) -> Vec<u8> {
    advertisement.applied_to(info).verification_string(Reading::Explicit)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn what_is_admitted_is_read_in_one_way(texts in texts()) {
        let readings = readings(&texts);
        let admitted: Vec<_> = readings.iter().filter(|info| is_admitted(info, Reading::Explicit)).collect();
        for advertisement in advertisements() {
            for info in &admitted {
                prop_assert_eq!(edited(info, &advertisement), edited(admitted[0], &advertisement));
            }
        }
        prop_assert!(admitted.is_empty() || expected(&texts).is_some());
    }

    #[test]
    fn no_client_changes_what_another_one_is_given(texts in texts()) {
        let readings = readings(&texts);
        for hostile in &readings {
            let digest = hostile.hash(SHA_1, Reading::Explicit).unwrap();
            let hash = CapabilityHash { kind: SHA_1, digest };
            let cache = cache();
            cache.learn(&[hash], hostile);
            let Some(known) = cache.find(&hash, false) else { continue };
            for honest in readings.iter().filter(|honest| is_safe(honest)) {
                for advertisement in advertisements() {
                    let given = known.edited(&hash, &advertisement).map(|hash| hash.digest);
                    let right = advertisement.applied_to(honest).hash(SHA_1, Reading::Explicit);
                    prop_assert!(given == right, "{:?}", texts);
                }
            }
        }
    }
}

#[test]
fn the_properties_are_tried_on_strings_that_can_be_read_in_several_ways() {
    let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
    // A form behind the features, or two more features and a form: both are well-formed.
    let ambiguous = texts(&["client/pc//", "h:a", SOFTWARE_INFO, "os", "1", "v", "version"]);
    let readings = readings(&ambiguous);
    assert!(readings.len() > 10, "{}", readings.len());
    let admitted = readings.iter().filter(|info| is_admitted(info, Reading::Explicit));
    assert!(admitted.map(|info| info.features.len()).all(|features| features == 1));
    assert!(readings.iter().any(is_safe));
}

#[test]
fn a_text_with_a_less_than_is_never_shared() {
    for content in [
        "<identity category='client' type='pc' name='a&lt;urn:b'/><feature var='urn:c'/>",
        "<identity category='client' type='pc'/><feature var='urn:b&lt;urn:c'/>",
        "<identity category='client' type='pc'/><feature var='urn:z'/><x xmlns='jabber:x:data'>\
         <field var='FORM_TYPE' type='hidden'><value>urn:a</value></field>\
         <field var='a'><value>b&lt;c</value></field></x>",
    ] {
        let query = query("", content);
        let info = read(&query).ok().unwrap();
        let cache = cache();
        assert!(!cache.learn(&[hash_of(&query, SHA_1)], &info) && cache.is_empty());
        // The hashes of XEP-0390 leave no doubt.
        assert!(cache.learn(&[hash_of(&query, SHA3_256)], &info));
    }
}

#[test]
fn what_holds_more_than_is_hashed_is_never_shared() {
    let query = query("", CONTENT);
    let irregular = query.replace("</query>", "<x xmlns='jabber:x:data'/></query>");
    let cache = cache();
    let hash = hash_of(&irregular, SHA_1);
    assert!(hash == hash_of(&query, SHA_1));
    assert!(!cache.learn(&[hash], &read(&irregular).ok().unwrap()) && cache.is_empty());
}
