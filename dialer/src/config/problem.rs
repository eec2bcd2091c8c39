//! Problems of the configuration.

use std::fmt;

/// A problem of one variable, and what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    pub variable: &'static str,
    pub advice: String,
}

/// All problems as one error.
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
