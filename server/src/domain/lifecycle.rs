//! The lifecycle of a lead: one table, from which code, `allowed_transitions` and the documentation come.

use super::lead::LeadStatus::{self, Contacted, Converted, Lost, New, Qualified, Qualifying, Unresponsive};

/// Every allowed transition, in the order in which `allowed_transitions` lists them.
pub const TRANSITIONS: &[(LeadStatus, LeadStatus)] = &[
    (New, Qualifying),
    (New, Qualified),
    (New, Contacted),
    (New, Lost),
    (Qualifying, Qualified),
    (Qualifying, Contacted),
    (Qualifying, Unresponsive),
    (Qualifying, Lost),
    (Qualified, Contacted),
    (Qualified, Unresponsive),
    (Qualified, Lost),
    (Contacted, Converted),
    (Contacted, Unresponsive),
    (Contacted, Lost),
    (Unresponsive, New),
    (Unresponsive, Qualifying),
    (Unresponsive, Contacted),
    (Unresponsive, Lost),
    (Lost, New),
];

/// A transition that the lifecycle does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a lead cannot go from {} to {}", from.name(), to.name())]
pub struct InvalidTransition {
    /// The present status.
    pub from: LeadStatus,
    /// The wanted status.
    pub to: LeadStatus,
}

/// The statuses that a lead may go to from `from`.
pub fn allowed_from(from: LeadStatus) -> impl Iterator<Item = LeadStatus> {
    TRANSITIONS.iter().filter(move |edge| edge.0 == from).map(|edge| edge.1)
}

/// Whether the table has the edge.
///
/// # Errors
/// [`InvalidTransition`] where it has not; a transition to the same status is one of those.
pub fn check(from: LeadStatus, to: LeadStatus) -> Result<(), InvalidTransition> {
    if TRANSITIONS.contains(&(from, to)) { Ok(()) } else { Err(InvalidTransition { from, to }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn converted_is_terminal_and_nothing_goes_to_itself() {
        assert_eq!(allowed_from(Converted).count(), 0);
        for status in LeadStatus::ALL {
            assert_eq!(check(*status, *status), Err(InvalidTransition { from: *status, to: *status }));
        }
    }

    #[test]
    fn every_status_but_the_terminal_ones_can_be_lost() {
        for status in LeadStatus::ALL {
            let expected = !matches!(status, Converted | Lost);
            assert_eq!(check(*status, Lost).is_ok(), expected, "{}", status.name());
        }
    }

    #[test]
    fn only_lost_and_unresponsive_leads_are_reopened() {
        let reopened: Vec<_> = LeadStatus::ALL.iter().filter(|from| check(**from, New).is_ok()).collect();
        assert_eq!(reopened, [&Lost, &Unresponsive]);
    }

    #[test]
    fn the_documented_diagram_has_exactly_these_transitions() {
        let page = include_str!("../../../docs/lifecycle.md");
        let documented: Vec<_> = page.lines().filter_map(|line| line.trim().split_once(" --> ")).collect();
        let upper = |status: &LeadStatus| status.name().to_uppercase();
        let mut expected = vec![("[*]".to_owned(), "NEW".to_owned())];
        expected.extend(TRANSITIONS.iter().map(|(from, to)| (upper(from), upper(to))));
        expected.push(("CONVERTED".to_owned(), "[*]".to_owned()));
        let documented: Vec<_> =
            documented.into_iter().map(|(from, to)| (from.to_owned(), to.to_owned())).collect();
        assert_eq!(documented, expected);
    }
}
