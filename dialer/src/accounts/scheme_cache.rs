//! The form that passwords are stored in, as last looked at.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::security::password::Form;

/// How long a replica may store passwords in a form that is not in force any more. Both are read at any time.
const FORM_KEPT: Duration = Duration::from_secs(60);

/// The form in force, when last looked at.
#[derive(Debug, Default)]
pub(super) struct Known(Mutex<Option<(Form, Instant)>>);

impl Known {
    pub(super) fn get(&self, now: Instant) -> Option<Form> {
        let known = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (form, at) = known?;
        (now.saturating_duration_since(at) < FORM_KEPT).then_some(form)
    }

    pub(super) fn set(&self, form: Form, now: Instant) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((form, now));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_in_force_is_looked_at_again_after_a_minute() {
        let (known, now) = (Known::default(), Instant::now());
        assert_eq!(known.get(now), None);
        known.set(Form::Bcrypt, now);
        assert_eq!(known.get(now + Duration::from_secs(59)), Some(Form::Bcrypt));
        assert_eq!(known.get(now + Duration::from_secs(60)), None);
        known.set(Form::Argon2id, now);
        assert_eq!(known.get(now), Some(Form::Argon2id));
    }
}
