//! Parsing and formatting of percentages in specs: decimal strings with at most three decimal places (`99.5`).

use std::fmt;
use std::str::FromStr;

/// 100 %, in thousandths of a percent.
const WHOLE: u64 = 100_000;

/// Percentage from 0 to 100, in thousandths of a percent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Percent(u64);

/// Error of parsing a percentage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "not a percentage: write a number from 0 to 100 with at most three decimal places, such as 99.5"
)]
pub struct PercentError;

impl Percent {
    /// Default of `promotion.minAvailability`: 99.5 %.
    pub const AVAILABLE: Self = Self(99_500);

    /// Returns `good` as a percentage of `good + bad`, rounded down; `None` if both are 0.
    #[must_use]
    pub fn of(good: u64, bad: u64) -> Option<Self> {
        let (good, all) = (u128::from(good), u128::from(good) + u128::from(bad));
        let part = (good * u128::from(WHOLE)).checked_div(all)?;
        u64::try_from(part).ok().map(Self)
    }
}

impl FromStr for Percent {
    type Err = PercentError;

    fn from_str(text: &str) -> Result<Self, PercentError> {
        let (whole, places) = text.split_once('.').unwrap_or((text, "0"));
        let digits = |t: &str, most: usize| {
            (1..=most).contains(&t.len()) && t.bytes().all(|b| b.is_ascii_digit())
        };
        if !digits(whole, 3) || !digits(places, 3) {
            return Err(PercentError);
        }
        let thousandths: u64 = format!("{whole}{places:0<3}")
            .parse()
            .map_err(|_| PercentError)?;
        if thousandths > WHOLE {
            return Err(PercentError);
        }
        Ok(Self(thousandths))
    }
}

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, places) = (self.0 / 1000, self.0 % 1000);
        let text = format!("{whole}.{places:03}");
        f.write_str(text.trim_end_matches('0').trim_end_matches('.'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_users_write_is_read_and_the_rest_refused() {
        for (text, shown) in [
            ("99.5", "99.5"),
            ("100", "100"),
            ("100.000", "100"),
            ("0", "0"),
            ("0.001", "0.001"),
            ("07.50", "7.5"),
        ] {
            assert_eq!(text.parse::<Percent>().unwrap().to_string(), shown);
        }
        for text in [
            "", ".", "5.", ".5", "100.001", "101", "-1", "+1", "1e1", "99,5", "1.0001", "0100", "٣",
        ] {
            assert_eq!(text.parse::<Percent>(), Err(PercentError), "{text}");
        }
    }

    #[test]
    fn of_nothing_there_is_no_part_and_parts_are_rounded_down() {
        assert_eq!(Percent::of(0, 0), None);
        assert_eq!(Percent::of(u64::MAX, 0), "100".parse().ok());
        assert_eq!(Percent::of(199_999, 1), "99.999".parse().ok());
        assert_eq!(Percent::of(995, 5), Some(Percent::AVAILABLE));
    }

    proptest! {
        #[test]
        fn written_percentages_read_back(thousandths in 0..=WHOLE) {
            let percent = Percent(thousandths);
            prop_assert_eq!(percent.to_string().parse(), Ok(percent));
        }

        #[test]
        fn one_more_good_one_never_lowers_it(good in 0_u64..1_000_000, bad in 0_u64..1_000_000) {
            prop_assert!(Percent::of(good, bad) <= Percent::of(good + 1, bad));
        }
    }
}
