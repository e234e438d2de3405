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

/// Declares the kinds, each with its name for people and machines and its family, so that none can lack one.
macro_rules! refusal_kinds {
    ($($(#[$doc:meta])* $kind:ident, $name:literal, $family:ident;)*) => {
        /// The rule that the input broke. The order follows a document from its first byte to its last.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum RefusalKind {
            $($(#[$doc])* $kind,)*
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
    /// A UTF-8 byte order mark at the start: XML allows it, but some parsers take it for text. RFC 6120,
    /// 11.6.
    ByteOrderMark, "byte-order-mark", UnsupportedEncoding;
    /// The first bytes are those of UTF-16 or UTF-32. RFC 6120, 11.6; XML 1.0, appendix F.
    WideEncoding, "wide-encoding", UnsupportedEncoding;
    /// The XML declaration names another encoding than UTF-8. RFC 6120, 11.6; XML 1.0, production 80.
    DeclaredEncoding, "declared-encoding", UnsupportedEncoding;
    /// Not UTF-8: a stray or missing continuation byte, an overlong form, a surrogate, above U+10FFFF. RFC
    /// 3629, 4.
    BadUtf8, "bad-utf8", UnsupportedEncoding;
    /// The XML declaration names another version than 1.0. XML 1.0, production 26.
    DeclaredVersion, "declared-version", NotWellFormed;
    /// The XML declaration is not formed as it must be. XML 1.0, productions 23 to 26, 32, 80, 81.
    BadDeclaration, "bad-declaration", NotWellFormed;
    /// A character that XML does not allow, such as a control character or U+FFFE. XML 1.0, production 2.
    BadCharacter, "bad-character", NotWellFormed;
    /// `&` that begins neither a character reference nor a predefined entity, or a character reference of
    /// more than eight digits, which parsers do not all read. XML 1.0, productions 66 to 68.
    BadReference, "bad-reference", NotWellFormed;
    /// A character reference to a character that XML does not allow. XML 1.0, production 66, Legal Character.
    ReferenceToBadCharacter, "reference-to-bad-character", NotWellFormed;
    /// An entity reference that is not one of the five predefined. RFC 6120, 11.1; XML 1.0, 4.6.
    EntityReference, "entity-reference", RestrictedXml;
    /// A comment. RFC 6120, 11.1; XML 1.0, production 15.
    Comment, "comment", RestrictedXml;
    /// A processing instruction, or an XML declaration anywhere but at the start. RFC 6120, 11.1; XML 1.0,
    /// production 16.
    ProcessingInstruction, "processing-instruction", RestrictedXml;
    /// A document type declaration. RFC 6120, 11.1; XML 1.0, production 28.
    Doctype, "doctype", RestrictedXml;
    /// `<!` that begins nothing XML knows. XML 1.0, production 43.
    BadMarkup, "bad-markup", NotWellFormed;
    /// Text or CDATA before or after the root element. XML 1.0, productions 1, 27.
    TextOutsideRoot, "text-outside-root", NotWellFormed;
    /// A name that is empty, or has a character which the fourth or the fifth edition of XML does not allow
    /// in its place. XML 1.0, productions 4 to 5, appendix B of the fourth edition.
    BadName, "bad-name", NotWellFormed;
    /// A colon without a name before it or after it, or a second colon. Namespaces in XML, productions 7 to
    /// 11.
    BadQualifiedName, "bad-qualified-name", NotWellFormed;
    /// No white space before an attribute. XML 1.0, productions 40, 44.
    MissingWhiteSpace, "missing-white-space", NotWellFormed;
    /// An attribute without `=` or without a quote. XML 1.0, productions 10, 25, 41.
    BadAttribute, "bad-attribute", NotWellFormed;
    /// `<` in an attribute's value. XML 1.0, production 10.
    LessThanInAttribute, "less-than-in-attribute", NotWellFormed;
    /// A tag that goes on with something else than its end. XML 1.0, productions 40, 42, 44.
    BadTag, "bad-tag", NotWellFormed;
    /// Two attributes of one element with the same name, as written or expanded. XML 1.0, production 40,
    /// Unique Att Spec; Namespaces in XML, 6.3.
    DuplicateAttribute, "duplicate-attribute", NotWellFormed;
    /// A prefix that is not declared. Namespaces in XML, 5, Prefix Declared.
    UndeclaredPrefix, "undeclared-prefix", NotWellFormed;
    /// A prefix declared as the empty string. Namespaces in XML, 5, No Prefix Undeclaring.
    EmptyNamespace, "empty-namespace", NotWellFormed;
    /// `xml` or `xmlns`, or one of their namespaces, used or bound otherwise than allowed. Namespaces in XML,
    /// 3.
    ReservedNamespace, "reserved-namespace", NotWellFormed;
    /// A reference in a namespace declaration's value, or a character that no URI has (RFC 3986, 2), such as
    /// white space or one beyond ASCII. Parsers compare such values differently: some as written, some with the name appended
    /// after a separator that the value could hold. Our restriction of Namespaces in XML, 2.
    AmbiguousNamespace, "ambiguous-namespace", RestrictedXml;
    /// An end tag with another name than the start tag, or with no start tag. XML 1.0, production 39, Element
    /// Type Match.
    MismatchedTag, "mismatched-tag", NotWellFormed;
    /// `]]>` in text. XML 1.0, production 14.
    SectionEndInText, "section-end-in-text", NotWellFormed;
    /// A second root element. XML 1.0, production 1.
    SecondRoot, "second-root", NotWellFormed;
    /// The root is not in the streams' namespace. RFC 6120, 4.8.1.
    WrongNamespace, "wrong-namespace", InvalidNamespace;
    /// The root is in the right namespace, but is not a stream header. RFC 6120, 4.7.
    WrongRoot, "wrong-root", BadFormat;
    /// The root is an empty-element tag, so that the stream would end where it begins. RFC 6120, 4.2.
    EmptyRoot, "empty-root", BadFormat;
    /// Text other than white space between stanzas, or CDATA. RFC 6120, 4.1, 11.7.
    TextBetweenStanzas, "text-between-stanzas", BadFormat;
    /// A stream header below the root. RFC 6120, 4.2: there is one for each stream.
    NestedStream, "nested-stream", BadFormat;
    /// A new stream was due (RFC 6120, 4.3.3) while a frame of the old one was only partly read.
    RestartInsideFrame, "restart-inside-frame", BadFormat;
    /// What should be one element is not exactly one. Only [`verify`](super::FrameDecoder::verify) says so.
    NotOneElement, "not-one-element", BadFormat;
    /// More than [`Limits::header_bytes`](super::Limits::header_bytes).
    HeaderTooBig, "header-too-big", TooBig;
    /// More than [`Limits::stanza_bytes`](super::Limits::stanza_bytes).
    StanzaTooBig, "stanza-too-big", TooBig;
    /// More than [`Limits::depth`](super::Limits::depth).
    TooDeep, "too-deep", TooBig;
    /// More than [`Limits::attributes`](super::Limits::attributes).
    TooManyAttributes, "too-many-attributes", TooBig;
    /// More than [`Limits::namespaces`](super::Limits::namespaces).
    TooManyNamespaces, "too-many-namespaces", TooBig;
    /// A namespace declaration's value of more than 1,024 bytes. Our restriction of Namespaces in XML, 2, so
    /// that the time it takes to compare namespaces stays within bounds.
    NamespaceTooLong, "namespace-too-long", TooBig;
    /// More than [`Limits::elements`](super::Limits::elements).
    TooManyElements, "too-many-elements", TooBig;
    /// The input ended inside a frame, or before the root was closed. XML 1.0, production 1.
    Truncated, "truncated", Truncated;
}

impl fmt::Display for RefusalKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}
