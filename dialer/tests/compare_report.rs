//! Tests of the benchmark report in `bench/compare`, which checks whether measurements meet their limits.

#[path = "../bench/compare/report.rs"]
#[allow(dead_code, reason = "the rest is for the comparison itself")]
mod report;

use report::{Bound, Report, Row, median};

fn report() -> Report {
    let mut report = Report::default();
    report.add(
        Row::new("health", [70.0, 20.0, 25.0])
            .fastify(Bound::AtLeast(2.0))
            .express(Bound::AtLeast(3.5)),
    );
    report.add(Row::new("list", [30.0, 20.0, 15.0]).larger(Bound::AtLeast(1.5)));
    report.add(Row::new("memory", [30.0, 120.0, 100.0]).smaller(Bound::AtMost(0.25)));
    report.add(Row::alone("storm", 40.0).goal("without", 10.0, Bound::AtMost(3.0)));
    report
}

#[test]
fn a_limit_missed_fails_and_a_goal_missed_is_told() {
    let report = report();
    assert_eq!(report.missed(), ["health", "memory"]);
    let table = report.table();
    let lines: Vec<&str> = table.lines().collect();
    assert!(
        lines[1].ends_with("3.50 x Fastify (at least 2.00)  2.80 x Express (at least 3.50) MISSED")
    );
    assert!(lines[2].ends_with("1.50 x Fastify (at least 1.50)"));
    assert!(lines[3].ends_with("0.30 x Express (at most 0.25) MISSED"));
    assert!(lines[4].ends_with("4.00 x without (10.0) (goal at most 3.00) MISSED"));
}

#[test]
fn runs_are_compared_with_each_other_on_a_machine_whose_speed_drifts() {
    // The dialer is twice as fast as Fastify in two of three runs. The medians are both 40 and would hide that.
    let values = [[20.0, 40.0, 80.0], [10.0, 50.0, 40.0], [5.0, 40.0, 20.0]];
    let values = values.map(|values| values.to_vec());
    let row = Row::runs("health", &values).larger(Bound::AtLeast(2.0));
    assert!((row.dialer - 40.0).abs() < f64::EPSILON);
    assert_eq!(row.fastify, Some(40.0));
    let ratios: Vec<_> = row
        .ratios
        .iter()
        .map(|r| (r.to.as_str(), r.ratio, r.kept))
        .collect();
    assert_eq!(ratios, [("Fastify", 2.0, true)]);
}

#[test]
fn what_was_not_measured_keeps_no_limit() {
    let mut report = Report::default();
    report.add(Row::new("list", [1.0, 0.0, 0.0]).larger(Bound::AtLeast(1.5)));
    assert_eq!(report.missed(), ["list"]);
}

#[test]
fn the_json_holds_the_same() {
    let json = serde_json::to_value(report()).unwrap_or_default();
    assert_eq!(json["rows"][1]["dialer"], 30.0);
    assert_eq!(json["rows"][1]["ratios"][0]["bound"]["atLeast"], 1.5);
    assert_eq!(json["rows"][3]["ratios"][0]["goal"], true);
    assert!(json["rows"][3].get("fastify").is_none());
}

#[test]
fn the_median_is_the_middle_one() {
    assert!((median(&[9.0, 1.0, 5.0]) - 5.0).abs() < f64::EPSILON);
    assert!((median(&[2.0, 1.0]) - 1.0).abs() < f64::EPSILON);
    assert!(median(&[]).abs() < f64::EPSILON);
}
