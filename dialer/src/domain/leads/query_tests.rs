use super::*;
use proptest::prelude::*;

fn zone(name: &str) -> TimeZone {
    named_zone(name).unwrap()
}

fn ask(pairs: &[(&str, &str)]) -> Result<LeadQuery, QueryError> {
    let pairs: Vec<(String, String)> = pairs
        .iter()
        .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
        .collect();
    parse(&pairs, &zone("America/Chicago"))
}

fn ms(text: &str) -> i64 {
    text.parse::<Timestamp>().unwrap().as_millisecond()
}

#[test]
fn nothing_asked_is_the_first_fifty_newest_first() {
    let query = ask(&[("requestId", "r-1"), ("search", " ")]).unwrap();
    assert_eq!((query.page, query.limit, query.all), (1, 50, false));
    assert_eq!((query.sort_by, query.ascending), ("createdAt", false));
    assert_eq!(query.filter, LeadFilter::default());
}

#[test]
fn lists_are_repeated_or_have_commas_and_no_disposition_is_a_word_of_its_own() {
    let query = ask(&[
        ("states", "TX, FL"),
        ("states", "OH"),
        ("dispositions", "SOLD,No Disposition"),
        ("sources", "Usha"),
    ])
    .unwrap();
    assert_eq!(query.filter.states, ["TX", "FL", "OH"]);
    assert_eq!(query.filter.dispositions, ["SOLD"]);
    assert!(query.filter.no_disposition);
    assert_eq!(query.filter.sources, ["Usha"]);
}

#[test]
fn the_pipeline_overrides_sources_and_an_unknown_one_is_none() {
    let sources = |pipeline: &str| {
        let query = ask(&[("sources", "Usha"), ("pipelineSource", pipeline)]).unwrap();
        query.filter.sources
    };
    assert_eq!(sources("csv"), ["CSV Import"]);
    assert_eq!(sources("all"), ["Usha"]);
    assert_eq!(sources("other"), ["Usha"]);
}

#[test]
fn a_day_ends_where_its_time_zone_ends_it() {
    let end = |pairs: &[(&str, &str)]| ask(pairs).unwrap().filter.created_to_ms.unwrap();
    assert_eq!(
        end(&[("createdAtEnd", "2025-07-21")]),
        ms("2025-07-22T04:59:59.999Z")
    );
    // Clients send a UTC time, here 23:00 on the 20th in Chicago: the range ends with the 20th.
    assert_eq!(
        end(&[("createdAtEnd", "2025-07-21T04:00:00.000Z")]),
        ms("2025-07-21T04:59:59.999Z")
    );
    assert_eq!(
        end(&[("createdAtEnd", "2025-07-21"), ("tz", "Asia/Tokyo")]),
        ms("2025-07-21T14:59:59.999Z")
    );
    // Clocks go back on this date, so it has 25 hours.
    assert_eq!(
        end(&[("createdAtEnd", "2025-11-02")]),
        ms("2025-11-03T05:59:59.999Z")
    );
    let query = ask(&[("createdAtStart", "2025-07-21")]).unwrap();
    assert_eq!(
        query.filter.created_from_ms,
        Some(ms("2025-07-21T05:00:00Z"))
    );
}

#[test]
fn what_is_not_understood_is_named() {
    for (key, value, said) in [
        ("statuss", "x", "statuss is not a filter of leads"),
        ("$where", "1", "$where is not a filter of leads"),
        ("page", "0", "page must be a whole number from 1"),
        ("page", "99999999999", "page must be a whole number from 1"),
        (
            "limit",
            "many",
            "limit must be a whole number from 10 to 500",
        ),
        ("sortDirection", "up", "sortDirection must be asc or desc"),
        (
            "tz",
            "Mars/Base",
            "tz must be the name of a time zone, such as America/Chicago",
        ),
        (
            "createdAtEnd",
            "soon",
            "createdAtEnd must be a day such as 2025-07-21, or a moment in ISO-8601",
        ),
    ] {
        assert_eq!(ask(&[(key, value)]).unwrap_err().to_string(), said);
    }
    let refused = ask(&[("sortBy", "password")]).unwrap_err();
    assert!(refused.advice.starts_with("must be one of createdAt, name"));
    assert!(ask(&[("search", &"x".repeat(201))]).is_err());
    assert!(ask(&[("states", &"TX,".repeat(201))]).is_err());
}

#[test]
fn a_limit_is_brought_within_its_bounds() {
    let limit = |value: &str| ask(&[("limit", value)]).unwrap().limit;
    assert_eq!((limit("1"), limit("500"), limit("5000")), (10, 500, 500));
}

#[test]
fn more_than_one_answer_holds_is_refused_only_where_all_are_wanted() {
    let all = ask(&[("getAllResults", "true")]).unwrap();
    let page = ask(&[("limit", "500")]).unwrap();
    assert!(all.is_too_much(10_001) && !all.is_too_much(10_000));
    assert!(!page.is_too_much(10_001));
}

proptest! {
    #[test]
    fn any_query_is_answered_or_refused(
        pairs in proptest::collection::vec(("(page|limit|search|states|createdAtEnd|createdAtStart|tz|.{0,5})", ".{0,20}"), 0..6)
    ) {
        let zone = zone("Europe/Berlin");
        if let Ok(query) = parse(&pairs, &zone) {
            prop_assert!(LIMIT.contains(&query.limit) && query.page >= 1);
            prop_assert!(SORTS.contains(&query.sort_by));
        }
    }

    #[test]
    fn every_day_has_an_end_after_its_beginning(days in 0_i64..40_000, zone_index in 0_usize..4) {
        let names = ["America/Chicago", "Asia/Kathmandu", "Pacific/Apia", "America/Sao_Paulo"];
        let zone = zone(names[zone_index]);
        let day = jiff::civil::date(1970, 1, 1).checked_add(days.days()).unwrap().to_string();
        let (first, last) = (begin("a", &day, &zone).unwrap(), end("b", &day, &zone).unwrap());
        prop_assert!(first < last || day == "2011-12-30", "{}", day);
        prop_assert!(last - first < 26 * 3_600_000);
    }
}
