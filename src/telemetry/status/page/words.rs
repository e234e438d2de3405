//! Numbers, sizes and times as people read them.

/// With a comma at each thousand.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// A count that may have a part of one: seconds.
pub(super) fn counted(count: f64) -> String {
    // A float becomes an integer within the integer's range, whatever it is.
    if count.fract() == 0.0 || count >= 100.0 { grouped(count as u64) } else { format!("{count:.1}") }
}

/// In the largest unit of which there is one.
pub(super) fn bytes(count: u64) -> String {
    const UNITS: [(&str, u32); 4] = [("TiB", 40), ("GiB", 30), ("MiB", 20), ("KiB", 10)];
    let unit = UNITS.iter().find(|(_, bits)| count >> bits > 0);
    let Some((name, bits)) = unit else { return format!("{count} B") };
    let amount = count as f64 / (1_u64 << bits) as f64;
    if amount.fract() == 0.0 { format!("{amount} {name}") } else { format!("{amount:.1} {name}") }
}

/// A time in its two largest units.
pub(super) fn span(seconds: u64) -> String {
    const UNITS: [(&str, u64); 4] = [("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1)];
    let largest = UNITS.iter().position(|(_, length)| seconds >= *length).unwrap_or(3);
    let mut rest = seconds;
    let mut parts = Vec::new();
    for (name, length) in UNITS.iter().skip(largest).take(2) {
        if rest / length > 0 || parts.is_empty() {
            parts.push(format!("{} {name}", rest / length));
        }
        rest %= length;
    }
    parts.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_by_thousands() {
        let said = [0, 999, 1_000, 65_536, 1_234_567].map(grouped);
        assert_eq!(said, ["0", "999", "1,000", "65,536", "1,234,567"]);
        assert_eq!([3.0, 3.25, 1234.5].map(counted), ["3", "3.2", "1,234"]);
    }

    #[test]
    fn sizes_are_told_in_the_largest_unit() {
        let said = [0, 1023, 1024, 1536, 256 << 20, u64::MAX].map(bytes);
        assert_eq!(said, ["0 B", "1023 B", "1 KiB", "1.5 KiB", "256 MiB", "16777216 TiB"]);
    }

    #[test]
    fn times_have_two_units_at_most() {
        let said = [0, 59, 60, 3_661, 86_400, 90_061, 400 * 86_400].map(span);
        assert_eq!(said, ["0 s", "59 s", "1 min", "1 h 1 min", "1 d", "1 d 1 h", "400 d"]);
    }
}
