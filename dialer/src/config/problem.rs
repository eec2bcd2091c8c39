//! Errors found while parsing the configuration.

use std::fmt;

/// A problem with one environment variable, and advice on how to fix it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    pub variable: &'static str,
    pub advice: String,
}

/// Error that lists all problems found in the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError(pub Vec<Problem>);

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the configuration is not usable:")?;
        for problem in &self.0 {
            write!(f, "\n  {}: {}", problem.variable, problem.advice)?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigError {}
