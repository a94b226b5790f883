//! Dates as relaxed Extended JSON words them: RFC 3339, to the millisecond.

const MILLIS_PER_SECOND: i64 = 1000;
const MILLIS_PER_MINUTE: i64 = 60 * MILLIS_PER_SECOND;
const MILLIS_PER_DAY: i64 = 24 * 60 * MILLIS_PER_MINUTE;

/// Milliseconds since 1970 of `2012-12-24T12:15:30.501Z` and the like: any fraction that is whole milliseconds, `Z` or an
/// offset `±hh:mm` or `±hhmm`. `None` for anything else, a date that the calendar does not have included.
pub(in crate::codec) fn parse(text: &[u8]) -> Option<i64> {
    let (date, rest) = text.split_first_chunk::<10>()?;
    let (time, rest) = rest.split_first_chunk::<9>()?;
    let [y @ .., b'-', m1, m2, b'-', d1, d2] = date else { return None };
    let [b'T' | b't', h1, h2, b':', n1, n2, b':', s1, s2] = time else { return None };
    let days = days_from_civil(digits(y)?, digits(&[*m1, *m2])?, digits(&[*d1, *d2])?)?;
    let (hour, minute, second) = (digits(&[*h1, *h2])?, digits(&[*n1, *n2])?, digits(&[*s1, *s2])?);
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let (fraction, zone) = fraction(rest)?;
    let of_day = (hour * 60 + minute) * MILLIS_PER_MINUTE + second * MILLIS_PER_SECOND + fraction;
    Some(days * MILLIS_PER_DAY + of_day - offset(zone)?)
}

/// Decimal digits and nothing else.
fn digits(text: &[u8]) -> Option<i64> {
    text.iter().try_fold(0, |value, b| b.is_ascii_digit().then(|| value * 10 + i64::from(b - b'0')))
}

/// Milliseconds of `.5`, `.501`, `.501000`; what follows.
fn fraction(text: &[u8]) -> Option<(i64, &[u8])> {
    let Some(text) = text.strip_prefix(b".") else { return Some((0, text)) };
    let len = text.iter().take_while(|b| b.is_ascii_digit()).count();
    let (fraction, zone) = text.split_at(len);
    let finer = fraction.iter().skip(3).any(|b| *b != b'0');
    if fraction.is_empty() || finer {
        return None;
    }
    let mut millis = [b'0'; 3];
    millis.iter_mut().zip(fraction).for_each(|(to, from)| *to = *from);
    Some((digits(&millis)?, zone))
}

/// Milliseconds that local time is ahead of UTC.
fn offset(zone: &[u8]) -> Option<i64> {
    let (sign, h, m) = match zone {
        [b'Z' | b'z'] => return Some(0),
        [sign, h1, h2, b':', m1, m2] | [sign, h1, h2, m1, m2] => (sign, [*h1, *h2], [*m1, *m2]),
        _ => return None,
    };
    let minutes = digits(&h).filter(|h| *h < 24)? * 60 + digits(&m).filter(|m| *m < 60)?;
    match sign {
        b'+' => Some(minutes * MILLIS_PER_MINUTE),
        b'-' => Some(-minutes * MILLIS_PER_MINUTE),
        _ => None,
    }
}

/// Days since 1970 in the proleptic Gregorian calendar (Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms").
fn days_from_civil(year: i64, month: i64, day: i64) -> Option<i64> {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let last = match month {
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        1..=12 => 31,
        _ => return None,
    };
    if !(1..=last).contains(&day) {
        return None;
    }
    // The year begins in March, so that the leap day is its last.
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    Some(era * 146_097 + day_of_era - 719_468)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_read() {
        for (text, millis) in [
            ("1970-01-01T00:00:00Z", 0),
            ("2012-12-24T12:15:30.501Z", 1_356_351_330_501),
            ("2012-12-24T12:15:30.5Z", 1_356_351_330_500),
            ("2012-12-24T12:15:30.501000Z", 1_356_351_330_501),
            ("2012-12-24T14:45:30.501+02:30", 1_356_351_330_501),
            ("2012-12-24T04:15:30.501-0800", 1_356_351_330_501),
            ("1969-12-31T23:59:59.999Z", -1),
            ("2000-02-29T00:00:00Z", 951_782_400_000),
            ("9999-12-31T23:59:59.999Z", 253_402_300_799_999),
            ("0000-01-01T00:00:00Z", -62_167_219_200_000),
        ] {
            assert_eq!(parse(text.as_bytes()), Some(millis), "{text}");
            let driver = bson::DateTime::parse_rfc3339_str(text.replace("-0800", "-08:00"));
            assert_eq!(driver.unwrap().timestamp_millis(), millis, "{text}");
        }
    }

    #[test]
    fn what_is_no_date_is_refused() {
        for text in [
            "",
            "2012-12-24",
            "2012-12-24T12:15:30",
            "2012-12-24T12:15:30.Z",
            "2012-12-24T12:15:30.5011Z",
            "2012-13-24T12:15:30Z",
            "2012-00-24T12:15:30Z",
            "2011-02-29T12:15:30Z",
            "1900-02-29T12:15:30Z",
            "2012-12-00T12:15:30Z",
            "2012-12-24T24:00:00Z",
            "2012-12-24T12:60:00Z",
            "2012-12-24T12:15:60Z",
            "2012-12-24T12:15:30+2:00",
            "2012-12-24T12:15:30Zx",
            "+012-12-24T12:15:30Z",
            "2012-12-24T12:15:30?02:00",
        ] {
            assert_eq!(parse(text.as_bytes()), None, "{text}");
        }
    }
}
