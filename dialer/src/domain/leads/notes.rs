//! Removal of generated lines from the notes of a lead. Importers of the legacy server added such lines to the notes.
//! The lines stay in the database but are not part of responses.

/// Prefixes of the lines that importers of the legacy server added to notes.
const IMPORTERS: [&str; 9] = [
    "Imported on:",
    "File:",
    "Location:",
    "Demographics:",
    "DOB:",
    "Gender:",
    "Campaign:",
    "Source:",
    "Original Status:",
];

/// Headlines that importers of the legacy server added to notes. A star emoji may precede them.
const HEADLINES: [&str; 2] = ["New Marketplace Lead", "New NextGen Lead"];

/// Removes all lines that begin like the lines that importers of the legacy server added, and trims the notes.
/// Specified by `C-3.2-11` in `tests/contract/rows.toml`.
pub fn sanitise(notes: &str) -> String {
    // `lines` strips one carriage return per line. A second one would become part of the line break when the lines are
    // joined.
    let lines = notes.lines().map(|line| line.trim_end_matches('\r'));
    let kept: Vec<&str> = lines.filter(|line| !is_importers(line)).collect();
    kept.join("\n").trim().to_owned()
}

fn is_importers(line: &str) -> bool {
    let line: String = line.chars().filter(|c| !is_zero_width(*c)).collect();
    let line = line.trim_start();
    let headline = line.trim_start_matches(is_star).trim_start();
    HEADLINES.iter().any(|h| headline.starts_with(h))
        || IMPORTERS.iter().any(|start| line.starts_with(start))
}

fn is_zero_width(c: char) -> bool {
    matches!(c, '\u{200B}'..='\u{200D}' | '\u{2060}' | '\u{FEFF}')
}

/// Returns true for the star characters that importers put before a headline, and for U+FE0F. That character selects
/// the emoji form of the preceding star.
fn is_star(c: char) -> bool {
    matches!(c, '\u{2B50}' | '\u{1F31F}' | '\u{2605}' | '\u{FE0F}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn importers_lines_go_and_people_s_stay() {
        for (notes, shown) in [
            ("", ""),
            ("call back on Monday", "call back on Monday"),
            (
                "🌟 New Marketplace Lead\nImported on: 1/2/2025\nFile: a.csv\nspoke to wife",
                "spoke to wife",
            ),
            ("⭐️ New NextGen Lead 7\n\nkeep", "keep"),
            ("\u{200B}New NextGen Lead\n\u{FEFF}DOB: 1/1/1970", ""),
            ("a\nSource: x\nb", "a\nb"),
            ("the Source: of it all", "the Source: of it all"),
            ("a\r\nGender: M\r\nb\r\n", "a\nb"),
            ("a\r\r\nb\rc\r", "a\nb\rc"),
        ] {
            assert_eq!(sanitise(notes), shown, "{notes:?}");
        }
    }

    proptest! {
        #[test]
        fn sanitising_twice_is_sanitising_once(
            lines in proptest::collection::vec("[^\n]{0,12}\r{0,2}|File: .{0,5}|⭐ New NextGen Lead|\u{200B}", 0..8)
        ) {
            let once = sanitise(&lines.join("\n"));
            prop_assert_eq!(sanitise(&once), once);
        }
    }
}
