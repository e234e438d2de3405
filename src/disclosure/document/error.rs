//! What can be wrong with a metadata policy that is written well.

use crate::disclosure::action::Buckets;
use crate::disclosure::catalogue::{Class, Event, Field};
use crate::disclosure::disclosed::SinkName;
use crate::disclosure::withheld::Withheld;
use crate::policy::Position;

/// Why a policy that is written well cannot mean anything. The messages never quote the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MetadataError {
    #[error("a rule for the same sink has this event already; an event may have one rule for each sink")]
    SecondRule,
    #[error("the sink `{}` is not told of the event `{}`", .0.name(), .1.name())]
    SinkDoesNotTake(SinkName, Event),
    #[error("the purpose must say what the fields are needed for")]
    NoPurpose,
    #[error("the basis must say what allows it, for instance `legitimate interest (GDPR 6(1)(f))`")]
    NoBasis,
    #[error("a recipient must have a name")]
    NoRecipient,
    #[error("the retention must be whole seconds, at least one; a field that is not to be kept is dropped")]
    NoRetention,
    #[error("the field `{}` occurs in none of the events", .0.name())]
    FieldNotInEvents(Field),
    #[error("the field `{}` is {} no policy can let out", .0.name, withheld(.0))]
    Withheld(&'static Withheld),
    #[error("`truncate` fits addresses only; the field `{}` is none", .0.name())]
    TruncateMisfit(Field),
    #[error("`pseudonym` fits identifiers and addresses only; the field `{}` is neither", .0.name())]
    PseudonymMisfit(Field),
    #[error("`bucket` fits numbers and lengths of time only; the field `{}` is neither", .0.name())]
    BucketMisfit(Field),
    #[error("`round` fits times only; the field `{}` is none", .0.name())]
    RoundMisfit(Field),
    #[error("`session-id` is another random id in each sink already; right would be `keep` or `drop`")]
    SessionIdPseudonym,
    #[error("the bounds for the field `{}` should be lengths of time", .0.name())]
    BoundsOfTime(Field),
    #[error("the bounds for the field `{}` should be numbers or sizes", .0.name())]
    BoundsOfNumbers(Field),
    #[error("the bounds should ascend, the first above zero; there may be {} of them", Buckets::MOST)]
    Bounds,
    #[error("the period should be whole seconds, at least one")]
    RoundPeriod,
    #[error(
        "the labels of metrics are words of closed lists, `host` and ranges (`bucket`); the field `{}` is none of them",
        .0.name()
    )]
    MetricsMisfit(Field),
    #[error(
        "each line of the sink `{}` has its exact time, which no policy can change; `time: keep` should stand in its rules",
        .0.name()
    )]
    StampedTime(SinkName),
    #[error("the rule lets no field out, so that nothing is written for its events")]
    NothingDisclosed,
    #[error("there is no rule for this sink and event; an exception opens fields of one")]
    ExceptionWithoutRule,
    #[error("an exception opens fields; `drop` opens none")]
    DropInException,
    #[error("the reason must say why the fields are open for a time")]
    NoReason,
    #[error("a set should have at least two different fields")]
    SmallSet,
    #[error("the sink `{}` has all of these fields, the last of them by the rule or the exception at {by}", .sink.name())]
    Together { sink: SinkName, by: Position },
    #[error("pseudonyms may be linked for 1min to 31d, in whole seconds")]
    PseudonymPeriod,
    #[error("a digest should stand here, as `sha256sum` prints it, behind `sha256:`")]
    Digest,
    #[error("the name must say what the test shows")]
    NoTestName,
    #[error("in tests the field `{}` is written as {}", .0.name(), .1)]
    TestValue(Field, &'static str),
}

/// What a thing is that no policy can let out.
fn withheld(withheld: &Withheld) -> &'static str {
    match withheld.class {
        Class::Content => "content, which",
        Class::Credential => "a credential, which",
        Class::Identifier | Class::Network | Class::Timing | Class::Size | Class::Protocol => {
            "used in memory only:"
        }
    }
}
