//! Why the gate refuses: one closed list of kinds, each with the rule that it comes from.
//!
//! A refusal names a kind and a place. It never holds any of the bytes, so it may be logged and counted.

use std::fmt;

/// Why and where the gate refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("refused {kind} at {offset}")]
pub struct Refusal {
    pub kind: RefusalKind,
    /// Bytes from the start of this direction of the connection to the byte where the fault is. It does not
    /// depend on how the input was cut into pieces.
    pub offset: u64,
}

/// What a refusal is to the other side: everything that the choice of a stream error (RFC 6120, 4.9.3) needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RefusalFamily {
    /// Against XML 1.0 or Namespaces in XML 1.0 (RFC 6120, 4.9.3.13 `not-well-formed`).
    NotWellFormed,
    /// XML that RFC 6120, 11.1 takes out of use (4.9.3.18 `restricted-xml`).
    RestrictedXml,
    /// Not UTF-8 (RFC 6120, 4.9.3.22 `unsupported-encoding`).
    UnsupportedEncoding,
    /// The stream header is in a namespace that is not the streams' own (RFC 6120, 4.9.3.10
    /// `invalid-namespace`).
    InvalidNamespace,
    /// Well-formed XML that is not a stream (RFC 6120, 4.9.3.1 `bad-format`).
    BadFormat,
    /// More than [`Limits`](super::Limits), or the gate itself, allow (RFC 6120, 4.9.3.14 `policy-violation`).
    TooBig,
    /// The input ended inside a frame or before the stream was closed; there is nobody left to tell.
    Truncated,
}

/// Declares the kinds, each with its name for people and machines, its family and the rule's source, so that none can
/// lack one.
macro_rules! refusal_kinds {
    ($($(#[$doc:meta])* $kind:ident, $name:literal, $family:ident, $rule:literal;)*) => {
        /// The rule that the input broke. The order follows a document from its first byte to its last.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum RefusalKind {
            $($(#[$doc])* #[doc = concat!("(`", $rule, "`)")] $kind,)*
        }

        impl RefusalKind {
            /// Every kind, in the order of declaration.
            pub const ALL: &'static [RefusalKind] = &[$(RefusalKind::$kind,)*];

            /// The kind in kebab-case, as it stands in metrics, events and the output of `inspect`.
            pub const fn name(self) -> &'static str {
                match self {
                    $(RefusalKind::$kind => $name,)*
                }
            }

            /// Where the rule stands: the recommendation or RFC with the section, or the production with its number and
            /// name.
            pub const fn rule(self) -> &'static str {
                match self {
                    $(RefusalKind::$kind => $rule,)*
                }
            }

            /// The kind's class, for the choice of a stream error.
            pub const fn family(self) -> RefusalFamily {
                match self {
                    $(RefusalKind::$kind => RefusalFamily::$family,)*
                }
            }
        }
    };
}

refusal_kinds! {
    /// A UTF-8 byte order mark at the start: XML allows it, but some parsers take it for text.
    ByteOrderMark, "byte-order-mark", UnsupportedEncoding, "RFC 6120, 11.6";
    /// The first bytes are those of UTF-16 or UTF-32.
    WideEncoding, "wide-encoding", UnsupportedEncoding, "RFC 6120, 11.6; XML 1.0, appendix F";
    /// The XML declaration names another encoding than UTF-8.
    DeclaredEncoding, "declared-encoding", UnsupportedEncoding, "RFC 6120, 11.6; XML 1.0, [80] EncodingDecl";
    /// Not UTF-8: a stray or missing continuation byte, an overlong form, a surrogate, above U+10FFFF.
    BadUtf8, "bad-utf8", UnsupportedEncoding, "RFC 3629, 4";
    /// The XML declaration names another version than 1.0.
    DeclaredVersion, "declared-version", NotWellFormed, "XML 1.0, [26] VersionNum";
    /// The XML declaration is not formed as it must be.
    BadDeclaration, "bad-declaration", NotWellFormed, "XML 1.0, [23] XMLDecl";
    /// A character that XML does not allow, such as a control character or U+FFFE.
    BadCharacter, "bad-character", NotWellFormed, "XML 1.0, [2] Char";
    /// `&` that begins neither a character reference nor a predefined entity, or a character reference of
    /// more than eight digits, which parsers do not all read.
    BadReference, "bad-reference", NotWellFormed, "XML 1.0, [66] CharRef and [68] EntityRef";
    /// A character reference to a character that XML does not allow.
    ReferenceToBadCharacter, "reference-to-bad-character", NotWellFormed, "XML 1.0, [66] CharRef, Legal Character";
    /// An entity reference that is not one of the five predefined.
    EntityReference, "entity-reference", RestrictedXml, "RFC 6120, 11.1; XML 1.0, 4.6";
    /// A comment.
    Comment, "comment", RestrictedXml, "RFC 6120, 11.1; XML 1.0, [15] Comment";
    /// A processing instruction, or an XML declaration anywhere but at the start.
    ProcessingInstruction, "processing-instruction", RestrictedXml, "RFC 6120, 11.1; XML 1.0, [16] PI";
    /// A document type declaration.
    Doctype, "doctype", RestrictedXml, "RFC 6120, 11.1; XML 1.0, [28] doctypedecl";
    /// `<!` that begins nothing XML knows.
    BadMarkup, "bad-markup", NotWellFormed, "XML 1.0, [43] content";
    /// Text or CDATA before or after the root element.
    TextOutsideRoot, "text-outside-root", NotWellFormed, "XML 1.0, [1] document and [27] Misc";
    /// A name that is empty, or has a character which the fourth or the fifth edition of XML does not allow
    /// in its place.
    BadName, "bad-name", NotWellFormed, "XML 1.0, [4] NameStartChar to [5] Name, and appendix B of its fourth edition";
    /// A colon without a name before it or after it, or a second colon.
    BadQualifiedName, "bad-qualified-name", NotWellFormed, "Namespaces in XML, [7] QName";
    /// No white space before an attribute.
    MissingWhiteSpace, "missing-white-space", NotWellFormed, "XML 1.0, [40] STag and [44] EmptyElemTag";
    /// An attribute without `=` or without a quote.
    BadAttribute, "bad-attribute", NotWellFormed, "XML 1.0, [41] Attribute";
    /// `<` in an attribute's value.
    LessThanInAttribute, "less-than-in-attribute", NotWellFormed, "XML 1.0, [10] AttValue";
    /// A tag that goes on with something else than its end.
    BadTag, "bad-tag", NotWellFormed, "XML 1.0, [40] STag, [42] ETag and [44] EmptyElemTag";
    /// Two attributes of one element with the same name, as written or expanded.
    DuplicateAttribute, "duplicate-attribute", NotWellFormed,
        "XML 1.0, 3.1, Unique Att Spec; Namespaces in XML, 6.3, Attributes Unique";
    /// A prefix that is not declared.
    UndeclaredPrefix, "undeclared-prefix", NotWellFormed, "Namespaces in XML, 5, Prefix Declared";
    /// A prefix declared as the empty string.
    EmptyNamespace, "empty-namespace", NotWellFormed, "Namespaces in XML, 5, No Prefix Undeclaring";
    /// `xml` or `xmlns`, or one of their namespaces, used or bound otherwise than allowed.
    ReservedNamespace, "reserved-namespace", NotWellFormed,
        "Namespaces in XML, 3, Reserved Prefixes and Namespace Names";
    /// A reference in a namespace declaration's value, or a character that no URI has, such as white space or one
    /// beyond ASCII. Parsers compare such values differently: some as written, some with the name appended after a
    /// separator that the value could hold.
    AmbiguousNamespace, "ambiguous-namespace", RestrictedXml,
        "our restriction of Namespaces in XML, 2; RFC 3986, 2";
    /// An end tag with another name than the start tag, or with no start tag.
    MismatchedTag, "mismatched-tag", NotWellFormed, "XML 1.0, [39] element, Element Type Match";
    /// `]]>` in text.
    SectionEndInText, "section-end-in-text", NotWellFormed, "XML 1.0, [14] CharData";
    /// A second root element.
    SecondRoot, "second-root", NotWellFormed, "XML 1.0, [1] document";
    /// The root is not in the streams' namespace.
    WrongNamespace, "wrong-namespace", InvalidNamespace, "RFC 6120, 4.8.1";
    /// The root is in the right namespace, but is not a stream header.
    WrongRoot, "wrong-root", BadFormat, "RFC 6120, 4.7";
    /// The root is an empty-element tag, so that the stream would end where it begins.
    EmptyRoot, "empty-root", BadFormat, "RFC 6120, 4.2";
    /// Text other than white space between stanzas, or CDATA.
    TextBetweenStanzas, "text-between-stanzas", BadFormat, "RFC 6120, 4.1 and 11.7";
    /// A stream header below the root.
    NestedStream, "nested-stream", BadFormat, "RFC 6120, 4.2";
    /// A new stream was due while a frame of the old one was only partly read.
    RestartInsideFrame, "restart-inside-frame", BadFormat, "RFC 6120, 4.3.3";
    /// What should be one element is not exactly one. Only [`verify`](super::FrameDecoder::verify) says so.
    NotOneElement, "not-one-element", BadFormat, "XML 1.0, [39] element";
    /// More than [`Limits::header_bytes`](super::Limits::header_bytes).
    HeaderTooBig, "header-too-big", TooBig, "the policy's limits";
    /// More than [`Limits::stanza_bytes`](super::Limits::stanza_bytes).
    StanzaTooBig, "stanza-too-big", TooBig, "the policy's limits";
    /// More than [`Limits::depth`](super::Limits::depth).
    TooDeep, "too-deep", TooBig, "the policy's limits";
    /// More than [`Limits::attributes`](super::Limits::attributes).
    TooManyAttributes, "too-many-attributes", TooBig, "the policy's limits";
    /// More than [`Limits::namespaces`](super::Limits::namespaces).
    TooManyNamespaces, "too-many-namespaces", TooBig, "the policy's limits";
    /// A namespace declaration's value of more than 1,024 bytes: so the time it takes to compare namespaces stays
    /// within bounds.
    NamespaceTooLong, "namespace-too-long", TooBig, "our restriction of Namespaces in XML, 2";
    /// More than [`Limits::elements`](super::Limits::elements).
    TooManyElements, "too-many-elements", TooBig, "the policy's limits";
    /// The input ended inside a frame, or before the root was closed.
    Truncated, "truncated", Truncated, "XML 1.0, [1] document";
}

impl fmt::Display for RefusalKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}
