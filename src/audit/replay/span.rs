//! The time that a log is about.

/// A day in microseconds.
const DAY: f64 = 86_400e6;
/// A shorter log says nothing of a day, in microseconds.
const SHORTEST: i64 = 3600 * 1_000_000;

/// From the first to the last stage timestamp of a log.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Span(Option<(String, String)>);

impl Span {
    /// Takes a timestamp, RFC 3339 in UTC as API servers write it, so that texts
    /// compare as times do. Others are passed over.
    pub(super) fn add(&mut self, time: &str) {
        match &mut self.0 {
            None if is_time(time) => self.0 = Some((time.to_owned(), time.to_owned())),
            None => {}
            Some((first, last)) => {
                let end = if time < first.as_str() {
                    first
                } else if time > last.as_str() {
                    last
                } else {
                    return;
                };
                if is_time(time) {
                    time.clone_into(end);
                }
            }
        }
    }

    /// Takes what another has.
    pub(super) fn merge(&mut self, other: &Span) {
        if let Some((first, last)) = &other.0 {
            self.add(first);
            self.add(last);
        }
    }

    /// The first and the last, if there is any.
    pub fn ends(&self) -> Option<(&str, &str)> {
        self.0.as_ref().map(|(first, last)| (first.as_str(), last.as_str()))
    }

    /// From the first to the last, in seconds.
    pub fn seconds(&self) -> Option<f64> {
        self.microseconds().map(|micros| micros as f64 / 1e6)
    }

    /// What comes a day if a number comes in this time; none where it is too short to tell.
    pub fn per_day(&self, number: u64) -> Option<f64> {
        self.microseconds().filter(|micros| *micros >= SHORTEST).map(|micros| number as f64 * DAY / micros as f64)
    }

    fn microseconds(&self) -> Option<i64> {
        let (first, last) = self.0.as_ref()?;
        Some(microseconds(last)? - microseconds(first)?)
    }
}

/// Whether it looks like one, which is as much as is worth asking of each event.
fn is_time(text: &str) -> bool {
    let text = text.as_bytes();
    text.len() >= 20 && text.ends_with(b"Z") && text[4] == b'-' && text[10] == b'T' && text[0].is_ascii_digit()
}

/// `2026-11-26T10:00:00.000000Z`, since 1970.
fn microseconds(text: &str) -> Option<i64> {
    let number = |from: usize, to: usize| {
        let digits = text.get(from..to).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))?;
        digits.parse::<i64>().ok()
    };
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    let fraction = match text.get(19..)?.strip_suffix('Z')? {
        "" => 0,
        fraction => {
            let digits = fraction.strip_prefix('.').filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))?;
            format!("{digits:0<6}").get(..6)?.parse().ok()?
        }
    };
    Some(((days(year, month, day) * 24 + hour) * 60 + minute) * 60_000_000 + second * 1_000_000 + fraction)
}

/// Days since 1970, with years that begin in March, so that a leap day is the last.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month > 2 { year } else { year - 1 };
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    365 * year + year / 4 - year / 100 + year / 400 + of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::{Span, microseconds};

    #[test]
    fn a_timestamp_is_the_time_that_it_says() {
        // As `date -u +%s` says.
        for (text, seconds) in [
            ("1970-01-01T00:00:00Z", 0),
            ("2000-02-29T23:59:59Z", 951_868_799),
            ("2026-03-01T08:00:00Z", 1_772_352_000),
            ("2024-12-31T00:00:01Z", 1_735_603_201),
        ] {
            assert_eq!(microseconds(text), Some(seconds * 1_000_000), "{text}");
        }
        assert_eq!(microseconds("1970-01-01T00:00:01.25Z"), Some(1_250_000));
        assert_eq!(microseconds("1970-01-01T00:00:01.123456789Z"), Some(1_123_456));
        for text in ["", "1970-01-01", "1970-01-01T00:00:01+02:00", "1970-01-01T00:00:0\u{e9}Z", "-970-01-01T00:00:01Z"] {
            assert_eq!(microseconds(text), None, "{text}");
        }
    }

    #[test]
    fn a_day_is_told_from_an_hour_and_not_from_less() {
        let span = |times: &[&str]| {
            let mut span = Span::default();
            times.iter().for_each(|time| span.add(time));
            span
        };
        let hour = span(&["2026-03-01T08:30:00.5Z", "zzzz", "", "2026-03-01T09:00:00.000000Z", "2026-03-01T08:00:00.000000Z"]);
        assert_eq!((hour.seconds(), hour.per_day(100)), (Some(3600.0), Some(2400.0)));
        let short = span(&["2026-03-01T08:00:00.000001Z", "2026-03-01T09:00:00.000000Z"]);
        assert_eq!((short.per_day(100), span(&[]).per_day(100)), (None, None));
    }
}
