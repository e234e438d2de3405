//! Which kind of file somebody has taken for another one.

use super::ConfigDocument;
use crate::content_types::{ContentTypesDocument, DialectDocument};
use crate::disclosure::document::MetadataDocument;
use crate::limit::LimitsDocument;
use crate::policy::{self, PolicyDocument};

/// The kind that has all outermost keys of a text, if one of the kind `D` has the fewer of them.
pub(super) fn taken_for<D: PolicyDocument>(text: &str) -> Option<&'static str> {
    let (known, unknown) = policy::count_keys::<D>(text)?;
    if unknown <= known {
        return None;
    }
    let kinds = [
        whole::<ConfigDocument>,
        whole::<ContentTypesDocument>,
        whole::<DialectDocument>,
        whole::<LimitsDocument>,
        whole::<MetadataDocument>,
    ];
    kinds.iter().find_map(|whole| whole(text))
}

/// The name of a kind that has all of the keys.
fn whole<D: PolicyDocument>(text: &str) -> Option<&'static str> {
    let (_, unknown) = policy::count_keys::<D>(text)?;
    (unknown == 0).then_some(D::KIND)
}
