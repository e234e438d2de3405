//! Versions of software, compared as versions.
//!
//! A version is numbers with dots between, then perhaps a pre-release behind `-`, then perhaps build metadata behind `+`:
//! `2.10`, `2.10.1-beta.2`, `2.10.1+git.7f3a`. The rules are those of Semantic Versioning 2.0.0, 11, for any count of
//! numbers:
//!
//! - Numbers compare as numbers, from the left: 2.10 is later than 2.9. Numbers that are left out are zero: 2.4 is 2.4.0.
//! - A pre-release is earlier than its release: 2.10-beta is earlier than 2.10, and later than any 2.9.
//! - Pre-releases compare part by part: numbers as numbers, texts by their ASCII codes, numbers before texts, and the
//!   shorter one first if the other one goes on.
//! - Build metadata means nothing: 2.10+a is 2.10+b.
//!
//! Unlike there, a number may begin with zeros: 2.07 is 2.7.

use std::fmt;

/// A version. It may be what a client says of itself.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    /// Without zeros at the end, which mean nothing. A number that is too large is the largest.
    numbers: Vec<u64>,
    stage: Stage,
}

/// In the order of time.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    PreRelease(Vec<Identifier>),
    Release,
}

/// In their order.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Identifier {
    Number(u64),
    Text(String),
}

/// Versions from one on, this one among them, to below another one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VersionRange {
    pub from: Option<Version>,
    pub below: Option<Version>,
}

impl Version {
    /// The version that a text is; `None` if it is none.
    pub fn parse(text: &str) -> Option<Self> {
        Self::at_start(text).filter(|(_, rest)| rest.is_empty()).map(|(version, _)| version)
    }

    /// The version that a text begins with, as long as it can be, and what stands behind it. Takes time linear in the
    /// version's length.
    pub(super) fn at_start(text: &str) -> Option<(Self, &str)> {
        let (numbers, rest) = identifiers(text, |byte| byte.is_ascii_digit())?;
        let mut numbers: Vec<u64> = numbers.split('.').map(number).collect();
        while numbers.last() == Some(&0) {
            numbers.pop();
        }
        let (pre_release, rest) = behind('-', rest);
        let (_build, rest) = behind('+', rest);
        let stage = match pre_release {
            Some(pre_release) => Stage::PreRelease(pre_release.split('.').map(Identifier::of).collect()),
            None => Stage::Release,
        };
        Some((Self { numbers, stage }, rest))
    }
}

impl Identifier {
    fn of(text: &str) -> Self {
        if text.bytes().all(|byte| byte.is_ascii_digit()) {
            Identifier::Number(number(text))
        } else {
            Identifier::Text(text.to_owned())
        }
    }
}

impl VersionRange {
    pub fn contains(&self, version: &Version) -> bool {
        self.from.as_ref().is_none_or(|from| from <= version)
            && self.below.as_ref().is_none_or(|below| version < below)
    }

    /// Whether no version is within it.
    pub fn is_empty(&self) -> bool {
        matches!((&self.from, &self.below), (Some(from), Some(below)) if from >= below)
    }

    /// Whether every version of `other` is within this one.
    pub fn covers(&self, other: &VersionRange) -> bool {
        let starts = self.from.as_ref().is_none_or(|from| other.from.as_ref().is_some_and(|it| from <= it));
        let ends = self.below.as_ref().is_none_or(|below| other.below.as_ref().is_some_and(|it| it <= below));
        starts && ends
    }
}

/// Shows nothing of what may be a client's.
impl fmt::Debug for Version {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Version({} numbers)", self.numbers.len())
    }
}

/// What the separator leads to, and what stands behind that. A separator that leads to nothing belongs to the rest.
fn behind(separator: char, text: &str) -> (Option<&str>, &str) {
    let found = text
        .strip_prefix(separator)
        .and_then(|text| identifiers(text, |byte| byte.is_ascii_alphanumeric() || byte == b'-'));
    found.map_or((None, text), |(found, rest)| (Some(found), rest))
}

/// The identifiers that a text begins with, with a dot between each two; `None` if it begins with none.
fn identifiers(text: &str, is_part: impl Fn(u8) -> bool) -> Option<(&str, &str)> {
    let bytes = text.as_bytes();
    let is_part_at = |at: usize| bytes.get(at).is_some_and(|byte| is_part(*byte));
    let mut end = 0;
    while is_part_at(end) || (end > 0 && bytes.get(end) == Some(&b'.') && is_part_at(end + 1)) {
        end += 1;
    }
    (end > 0).then(|| text.split_at(end))
}

fn number(digits: &str) -> u64 {
    let add = |number: u64, digit: u8| number.saturating_mul(10).saturating_add((digit - b'0').into());
    digits.bytes().fold(0, add)
}

#[cfg(test)]
mod tests {
    use std::cmp::Ordering;

    use proptest::prelude::*;

    use super::*;

    fn parse(text: &str) -> Version {
        Version::parse(text).unwrap_or_else(|| panic!("{text} is a version"))
    }

    /// Each line is later than the one before; what stands in one line is equal.
    const IN_ORDER: &[&[&str]] = &[
        &["0", "0.0", "00"],
        &["1.0.0-0"],
        &["1.0.0-1", "1-01"],
        &["1.0.0-2"],
        &["1.0.0-10"],
        &["1.0.0-A"],
        &["1.0.0-alpha", "1-alpha", "1.0.0-alpha+build"],
        &["1.0.0-alpha.1"],
        &["1.0.0-alpha.beta"],
        &["1.0.0-beta"],
        &["1.0.0-beta.2"],
        &["1.0.0-beta.11"],
        &["1.0.0-beta11"],
        &["1.0.0-rc.1"],
        &["1.0.0-rc-1"],
        &["1", "1.0", "1.0.0", "01.00", "1+a", "1.0+b.7", "1.0.0+b-1"],
        &["1.0.0.1"],
        &["2.4-beta"],
        &["2.4", "2.4.0", "2.4.0.0"],
        &["2.9"],
        &["2.10-beta"],
        &["2.10", "2.010"],
        &["2.10.1"],
        &["10"],
        &["20260101"],
        &["18446744073709551615", "99999999999999999999999999"],
    ];

    #[test]
    fn versions_compare_as_versions() {
        for (line, versions) in IN_ORDER.iter().enumerate() {
            for version in *versions {
                for (other_line, others) in IN_ORDER.iter().enumerate() {
                    for other in *others {
                        let found = parse(version).cmp(&parse(other));
                        assert_eq!(found, line.cmp(&other_line), "{version} to {other}");
                    }
                }
            }
        }
    }

    #[test]
    fn what_is_not_a_version_is_none() {
        for text in
            ["", "a", "v1", ".1", "1.", "1..2", "1-", "1.0-a..b", "1+", "1.0 ", " 1", "1,0", "-1", "1_0", "١"]
        {
            assert!(Version::parse(text).is_none(), "{text}");
        }
    }

    #[test]
    fn a_version_at_the_start_is_as_long_as_it_can_be() {
        for (text, length) in [
            ("2.10 (Linux)", 4),
            ("2.10.", 4),
            ("2.10.x", 4),
            ("2.10b3", 4),
            ("2.10-beta.2/x", 11),
            ("2.10-", 4),
            ("2.10--", 6),
            ("2.10-beta+git.7;", 15),
            ("2.10+", 4),
        ] {
            let (_, rest) = Version::at_start(text).expect("a version");
            assert_eq!(text.len() - rest.len(), length, "{text}");
        }
    }

    #[test]
    fn a_range_begins_with_its_first_version_and_ends_before_its_last() {
        let range = |from: &str, below: &str| VersionRange {
            from: Version::parse(from),
            below: Version::parse(below),
        };
        let from_2_10_to_3 = range("2.10", "3");
        for (version, is_within) in [
            ("2.9", false),
            ("2.10-rc.1", false),
            ("2.10", true),
            ("2.99", true),
            ("3-beta", true),
            ("3", false),
        ] {
            assert_eq!(from_2_10_to_3.contains(&parse(version)), is_within, "{version}");
        }
        assert!(range("2", "2.0").is_empty() && range("2.10", "2.9").is_empty());
        assert!(!from_2_10_to_3.is_empty() && !range("", "").is_empty() && !range("9", "").is_empty());
        assert!(range("", "").covers(&from_2_10_to_3) && range("2.10", "").covers(&from_2_10_to_3));
        assert!(from_2_10_to_3.covers(&from_2_10_to_3) && from_2_10_to_3.covers(&range("2.11", "2.12")));
        assert!(!from_2_10_to_3.covers(&range("2.11", "")) && !from_2_10_to_3.covers(&range("", "2.12")));
    }

    proptest! {
        #[test]
        fn the_order_is_total(texts in prop::collection::vec("[0-2]{1,2}(\\.[0-2]){0,2}(-[0-1a]{1,2}(\\.[0-1a])?)?", 3)) {
            let [a, b, c] = [&texts[0], &texts[1], &texts[2]].map(|text| parse(text));
            prop_assert_eq!(a.cmp(&b), b.cmp(&a).reverse());
            if a <= b && b <= c {
                prop_assert!(a <= c);
            }
            prop_assert_eq!(a.cmp(&b) == Ordering::Equal, a == b);
        }

        #[test]
        fn any_text_is_taken_apart_without_loss(text in any::<String>()) {
            if let Some((_, rest)) = Version::at_start(&text) {
                prop_assert!(rest.len() < text.len() && text.ends_with(rest));
            }
        }
    }
}
