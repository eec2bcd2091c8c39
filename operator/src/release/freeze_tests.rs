use super::*;
use jiff::SignedDuration;
use proptest::prelude::*;

fn weekly_in(text: &str, zone: &str) -> FreezeSpec {
    FreezeSpec {
        weekly: Some(text.to_owned()),
        time_zone: zone.to_owned(),
        reason: "nobody is in".to_owned(),
        ..FreezeSpec::default()
    }
}

fn once_in(start: &str, end: &str, zone: &str) -> FreezeSpec {
    FreezeSpec {
        start: Some(start.to_owned()),
        end: Some(end.to_owned()),
        time_zone: zone.to_owned(),
        reason: "Christmas".to_owned(),
        ..FreezeSpec::default()
    }
}

fn read(specs: &[FreezeSpec]) -> Vec<Freeze> {
    specs.iter().map(|s| Freeze::of(s).unwrap()).collect()
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// Returns the end of the freeze in effect at `now` as text: empty if there is no freeze, `for ever` if the freeze has
/// no end.
fn until_when(specs: &[FreezeSpec], now: &str) -> String {
    frozen(&read(specs), at(now)).map_or_else(String::new, |f| {
        f.until
            .map_or_else(|| "for ever".to_owned(), |t| t.to_string())
    })
}

#[test]
fn a_freeze_holds_from_its_start_to_just_before_its_end() {
    let christmas = [once_in(
        "2026-12-24T16:00",
        "2027-01-02T07:00",
        "Europe/Berlin",
    )];
    for (now, until) in [
        ("2026-12-24T14:59:59Z", ""),
        ("2026-12-24T15:00:00Z", "2027-01-02T06:00:00Z"),
        ("2027-01-02T05:59:59Z", "2027-01-02T06:00:00Z"),
        ("2027-01-02T06:00:00Z", ""),
    ] {
        assert_eq!(until_when(&christmas, now), until, "{now}");
    }
}

#[test]
fn a_weekly_freeze_comes_back_every_week() {
    let weekend = [weekly_in("Fri 16:00-Mon 07:00", "Europe/Berlin")];
    for (now, until) in [
        ("2026-11-27T14:59:59Z", ""),                     // Friday, 15:59:59
        ("2026-11-27T15:00:00Z", "2026-11-30T06:00:00Z"), // Friday, 16:00
        ("2026-11-29T12:00:00Z", "2026-11-30T06:00:00Z"),
        ("2026-11-30T06:00:00Z", ""), // Monday, 07:00
        ("2026-12-05T00:00:00Z", "2026-12-07T06:00:00Z"),
    ] {
        assert_eq!(until_when(&weekend, now), until, "{now}");
    }
    let within_a_day = [weekly_in("Wed 09:00-Wed 17:00", "UTC")];
    assert_eq!(
        until_when(&within_a_day, "2026-11-25T10:00:00Z"),
        "2026-11-25T17:00:00Z"
    );
    assert_eq!(until_when(&within_a_day, "2026-11-25T17:00:00Z"), "");
    let all_but_the_day = [weekly_in("Wed 17:00-Wed 09:00", "UTC")];
    assert_eq!(
        until_when(&all_but_the_day, "2026-11-25T08:59:59Z"),
        "2026-11-25T09:00:00Z"
    );
    assert_eq!(until_when(&all_but_the_day, "2026-11-25T10:00:00Z"), "");
}

#[test]
fn a_weekend_is_an_hour_longer_or_shorter_when_clocks_change() {
    let length = |friday: &str| {
        let weekend = read(&[weekly_in("Fri 16:00-Mon 07:00", "Europe/Berlin")]);
        let start = at(friday);
        assert_eq!(frozen(&weekend, start - SignedDuration::from_secs(1)), None);
        let end = frozen(&weekend, start).and_then(|f| f.until).unwrap();
        end.duration_since(start).as_hours()
    };
    assert_eq!(length("2026-11-27T15:00:00Z"), 63);
    assert_eq!(length("2026-10-23T14:00:00Z"), 64, "summer time ends");
    assert_eq!(length("2026-03-27T15:00:00Z"), 62, "summer time begins");
}

#[test]
fn of_a_time_that_is_skipped_or_stands_twice_the_longer_reading_counts() {
    // Berlin skips 02:30 on 29 March 2026, and has it twice on 25 October, at 00:30Z and 01:30Z.
    let skipped = [once_in(
        "2026-03-29T02:30",
        "2026-03-29T12:00",
        "Europe/Berlin",
    )];
    assert_eq!(
        until_when(&skipped, "2026-03-29T00:30:00Z"),
        "2026-03-29T10:00:00Z"
    );
    assert_eq!(until_when(&skipped, "2026-03-29T00:29:59Z"), "");
    let from_twice = [once_in(
        "2026-10-25T02:30",
        "2026-10-25T12:00",
        "Europe/Berlin",
    )];
    assert_eq!(
        until_when(&from_twice, "2026-10-25T00:30:00Z"),
        "2026-10-25T11:00:00Z"
    );
    let to_twice = [once_in(
        "2026-10-25T00:00",
        "2026-10-25T02:30",
        "Europe/Berlin",
    )];
    assert_eq!(
        until_when(&to_twice, "2026-10-25T01:29:59Z"),
        "2026-10-25T01:30:00Z"
    );
}

#[test]
fn freezes_that_overlap_or_touch_are_one() {
    let specs = [
        weekly_in("Fri 16:00-Mon 07:00", "UTC"),
        once_in("2026-11-30T07:00", "2026-12-01T00:00", "UTC"),
        once_in("2026-11-30T12:00", "2026-12-04T18:00", "UTC"),
    ];
    // The last freeze overlaps with the weekly one of the next weekend.
    assert_eq!(
        until_when(&specs, "2026-11-28T00:00:00Z"),
        "2026-12-07T07:00:00Z"
    );
    let seen = frozen(&read(&specs), at("2026-11-30T13:00:00Z")).unwrap();
    assert_eq!(seen.reason, "Christmas");
    let gap = [
        specs[0].clone(),
        once_in("2026-11-30T07:01", "2026-12-01T00:00", "UTC"),
    ];
    assert_eq!(
        until_when(&gap, "2026-11-28T00:00:00Z"),
        "2026-11-30T07:00:00Z"
    );
}

#[test]
fn freezes_without_a_gap_have_no_end() {
    let specs = [
        weekly_in("Mon 00:00-Thu 00:00", "UTC"),
        weekly_in("Thu 00:00-Mon 00:00", "UTC"),
    ];
    assert_eq!(until_when(&specs, "2026-11-28T00:00:00Z"), "for ever");
}

#[test]
fn what_cannot_be_understood_is_told_with_what_to_write() {
    let told = |spec: FreezeSpec| Freeze::of(&spec).unwrap_err().to_string();
    for (spec, part) in [
        (
            weekly_in("Fri 16:00-Fri 16:00", "UTC"),
            "two different times of the week",
        ),
        (weekly_in("Fri 24:00-Mon 07:00", "UTC"), "such as Fri 16:00"),
        (weekly_in("Fri +1:00-Mon 07:00", "UTC"), "such as Fri 16:00"),
        (weekly_in("Fri 16:00", "UTC"), "such as Fri 16:00"),
        (
            weekly_in("Fri 16:00-Mon 07:00", "Europe/Munich"),
            "Europe/Munich is no time zone",
        ),
        (
            once_in("2026-02-30T00:00", "2026-03-01T00:00", "UTC"),
            "2026-02-30T00:00 is no date and time",
        ),
        (
            once_in("2026-02-03T00:00:00", "2026-03-01T00:00", "UTC"),
            "is no date and time",
        ),
        (
            once_in("2026-03-01T00:00", "2026-03-01T00:00", "UTC"),
            "later than start",
        ),
        (
            FreezeSpec {
                time_zone: "UTC".to_owned(),
                ..FreezeSpec::default()
            },
            "either start and end, or weekly",
        ),
    ] {
        let message = told(spec);
        assert!(message.contains(part), "{message}");
    }
}

const ZONES: [&str; 5] = [
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe", // clocks change by half an hour
    "Asia/Kolkata",
];

const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

fn any_weekly() -> impl Strategy<Value = (FreezeSpec, (i64, i64))> {
    let moment = || (0..7_i64, 0..24_i64, 0..60_i64);
    (moment(), moment(), 0..ZONES.len())
        .prop_filter("a freeze has a length", |(a, b, _)| a != b)
        .prop_map(|(a, b, zone)| {
            let text = |m: (i64, i64, i64)| {
                let day = DAYS[usize::try_from(m.0).unwrap()];
                format!("{day} {:02}:{:02}", m.1, m.2)
            };
            let minute = |m: (i64, i64, i64)| (m.0 * 24 + m.1) * 60 + m.2;
            let spec = weekly_in(&format!("{}-{}", text(a), text(b)), ZONES[zone]);
            (spec, (minute(a), minute(b)))
        })
}

fn any_time() -> impl Strategy<Value = Timestamp> {
    // Any time within three years, which contain six clock changes in zones that have them.
    (1_767_225_600_i64..1_861_920_000).prop_map(|s| Timestamp::from_second(s).unwrap())
}

proptest! {
    /// Compares a weekly freeze with a simple model that uses only the local time. The results may differ only near a
    /// clock change, where the freeze may be longer but not shorter.
    #[test]
    fn a_weekly_freeze_holds_whenever_the_clock_on_the_wall_says_so((spec, (start, end)) in any_weekly(), now in any_time()) {
        let zone = TimeZoneDatabase::bundled().get(&spec.time_zone).unwrap();
        let local = zone.to_datetime(now);
        let minute = (i64::from(local.weekday().to_monday_zero_offset()) * 24 + i64::from(local.hour())) * 60
            + i64::from(local.minute());
        let said = if start < end { (start..end).contains(&minute) } else { minute >= start || minute < end };
        let held = frozen(&read(&[spec]), now).is_some();
        let day = SignedDuration::from_hours(24);
        let offset = |at: Timestamp| zone.to_offset(at);
        if offset(now - day) == offset(now + day) {
            prop_assert_eq!(held, said);
        } else {
            prop_assert!(held || !said);
        }
    }

    #[test]
    fn what_is_frozen_is_so_until_its_end_and_no_longer(
        specs in prop::collection::vec(any_weekly().prop_map(|(s, _)| s), 1..4), now in any_time(), part in 0_i64..1000,
    ) {
        let freezes = read(&specs);
        if let Some(ActiveFreeze { until: Some(until), .. }) = frozen(&freezes, now) {
            prop_assert!(until > now);
            let between = now + SignedDuration::from_secs(until.duration_since(now).as_secs() * part / 1000);
            prop_assert_eq!(frozen(&freezes, between).and_then(|f| f.until), Some(until));
            prop_assert_eq!(frozen(&freezes, until), None);
        }
    }

    #[test]
    fn no_text_panics(weekly in "\\PC{0,24}", start in "\\PC{0,20}", zone in "\\PC{0,12}") {
        let _ = Freeze::of(&weekly_in(&weekly, "UTC"));
        let _ = Freeze::of(&weekly_in("Fri 16:00-Mon 07:00", &zone));
        let _ = Freeze::of(&once_in(&start, "2027-01-02T07:00", "UTC"));
    }
}
