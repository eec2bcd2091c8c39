//! Vendors whose CSV exports can be imported.

/// Vendor that exported a CSV file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Vendor {
    NextGen,
    Marketplace,
}

impl Vendor {
    /// Returns the vendor's name as it appears in a lead's field `source`.
    pub fn name(self) -> &'static str {
        match self {
            Self::NextGen => "NextGen",
            Self::Marketplace => "Marketplace",
        }
    }

    /// Returns the vendor with this name; `None` if the name is unknown.
    pub fn named(name: &str) -> Option<Self> {
        [Self::NextGen, Self::Marketplace]
            .into_iter()
            .find(|vendor| vendor.name() == name)
    }

    /// Detects the vendor of a file by headers that only files of this vendor contain. Headers are compared
    /// case-sensitively. `None` if the vendor is unknown.
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
