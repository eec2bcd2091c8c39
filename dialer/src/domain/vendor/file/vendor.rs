//! Vendors whose CSV exports can be imported.

/// Vendor that exported a CSV file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Vendor {
    NextGen,
    Marketplace,
}

impl Vendor {
    /// The vendor's name, as in the field `source` of leads.
    pub fn name(self) -> &'static str {
        match self {
            Self::NextGen => "NextGen",
            Self::Marketplace => "Marketplace",
        }
    }

    /// The vendor with this name.
    pub fn named(name: &str) -> Option<Self> {
        [Self::NextGen, Self::Marketplace]
            .into_iter()
            .find(|vendor| vendor.name() == name)
    }

    /// The vendor whose files have one of these headers. Each vendor has headers that only its files contain; they are
    /// compared case-sensitively.
    pub fn recognise(headers: &[String]) -> Option<Self> {
        let has = |names: [&str; 3]| {
            headers
                .iter()
                .any(|header| names.contains(&header.as_str()))
        };
        if has(["purchase_id", "vertical_id", "vendor_id"]) {
            Some(Self::NextGen)
        } else if has(["leadID", "utm_source", "primaryPhone"]) {
            Some(Self::Marketplace)
        } else {
            None
        }
    }
}
