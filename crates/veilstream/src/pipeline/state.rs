//! How a run stands at one moment, for whoever looks at it.

use std::time::{Duration, Instant};

use serde::Serialize;

use super::DataPath;

/// One look at a run.
#[derive(Debug, Clone)]
pub struct State {
    /// Whether queue and database answer.
    pub services: [ServiceState; 2],
    /// How many tasks call the queue.
    pub fleets: [FleetState; 2],
    /// What is in flight of the memory budget.
    pub budget: [BudgetState; 2],
    /// Deliveries that are received and not settled yet, counted by themselves.
    pub in_flight: u64,
    /// How long ago the oldest delivery in flight was received.
    pub oldest_in_flight: Option<Duration>,
}

/// Whether a service answers.
#[derive(Debug, Clone, Serialize)]
pub struct ServiceState {
    /// `queue` or `database`.
    pub service: &'static str,
    /// Whether it does.
    pub reachable: bool,
    /// For how long it has not.
    pub away_seconds: Option<f64>,
    /// What was said first.
    pub cause: Option<String>,
}

/// The size of a fleet.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct FleetState {
    /// `receivers` or `deleters`.
    pub fleet: &'static str,
    /// How many there are.
    pub members: u64,
    /// How many there may be.
    pub most: u64,
}

/// A part of the memory budget.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct BudgetState {
    /// `messages` or `bytes`.
    pub resource: &'static str,
    /// In flight, or asked for.
    pub used: u64,
    /// What there may be.
    pub most: u64,
}

impl State {
    /// Whether queue and database answer.
    pub fn is_ready(&self) -> bool {
        self.services.iter().all(|service| service.reachable)
    }
}

impl DataPath {
    pub(super) fn state(&self) -> State {
        let service = |service, away: Option<(Duration, String)>| ServiceState {
            service,
            reachable: away.is_none(),
            away_seconds: away.as_ref().map(|(time, _)| time.as_secs_f64()),
            cause: away.map(|(_, cause)| cause),
        };
        let fleet = |fleet, (members, most)| FleetState {
            fleet,
            members,
            most,
        };
        let budget = |resource, (used, most)| BudgetState {
            resource,
            used,
            most,
        };
        let queue = self
            .queue_state
            .away()
            .or_else(|| self.deleting_state.away());
        State {
            services: [
                service("queue", queue),
                service("database", self.database_state.away()),
            ],
            fleets: [
                fleet("receivers", self.receivers.size()),
                fleet("deleters", self.deleters.size()),
            ],
            budget: [
                budget("messages", self.budget.messages_used()),
                budget("bytes", self.budget.bytes_used()),
            ],
            in_flight: self.leases.unsettled(),
            oldest_in_flight: self.leases.oldest(Instant::now()),
        }
    }
}
