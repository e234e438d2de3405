use super::ConfigDocument;
use crate::content_types::{ContentTypesDocument, DialectDocument};
use crate::disclosure::document::MetadataDocument;
use crate::limit::LimitsDocument;
use crate::policy::tests::unchecked_keywords;
use crate::policy::{self, PolicyDocument};

#[test]
fn the_check_looks_at_every_keyword_of_every_kind_of_file() {
    fn unchecked<D: PolicyDocument>() -> Vec<String> {
        unchecked_keywords(&policy::schema::<D>())
    }
    assert_eq!(unchecked::<ConfigDocument>(), Vec::<String>::new());
    assert_eq!(unchecked::<ContentTypesDocument>(), Vec::<String>::new());
    assert_eq!(unchecked::<DialectDocument>(), Vec::<String>::new());
    assert_eq!(unchecked::<LimitsDocument>(), Vec::<String>::new());
    assert_eq!(unchecked::<MetadataDocument>(), Vec::<String>::new());
}
