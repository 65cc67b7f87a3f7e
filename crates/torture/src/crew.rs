//! The workers of a run: started, watched, killed and started again.

use std::{
    collections::VecDeque,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::Result;
use fastrand::Rng;
use parking_lot::Mutex;
use testkit::{postgres_proxy::PostgresProxy, sqs_proxy::SqsProxy};

use crate::{
    database_faults::DatabaseFaults,
    plan::Vanishing,
    queue_faults::QueueFaults,
    scenario::RESTART_PAUSE,
    slot::SlotState,
    stage::Stage,
    tally::Thrown,
    worker::{Ended, Worker},
};

/// How often the workers are looked at.
const LOOK: Duration = Duration::from_millis(5);
/// After SIGTERM: 20 s to settle, 5 s to give back, and some for a busy machine.
const ENDS_WITHIN: Duration = Duration::from_secs(45);
/// How long the workers have to come to a place where one can vanish.
const VANISHES_WITHIN: Duration = Duration::from_secs(15);

/// All workers.
pub(crate) struct Crew<'s> {
    stage: &'s Stage,
    slots: Vec<Slot>,
    /// Those that ended by themselves or in order.
    pub(crate) ended: Vec<Departed>,
    /// How many processes were started.
    pub(crate) started: usize,
    is_retiring: bool,
}

/// A worker's place with its proxies, which outlive the processes.
struct Slot {
    state: Arc<SlotState>,
    queue: SqsProxy,
    database: PostgresProxy,
    worker: Option<Worker>,
    told_to_end: Option<Instant>,
    start_at: Instant,
}

/// A worker that ended, and whether it had been told to.
pub(crate) struct Departed {
    pub(crate) ended: Ended,
    pub(crate) was_told: bool,
    /// It was killed, since it took too long.
    pub(crate) was_late: bool,
}

impl<'s> Crew<'s> {
    pub(crate) async fn new(stage: &'s Stage, faults: Vec<(Rng, Rng)>) -> Result<Self> {
        let mut slots = Vec::with_capacity(faults.len());
        for (of_queue, of_database) in faults {
            slots.push(Slot::new(stage, of_queue, of_database).await);
        }
        let mut crew = Self {
            stage,
            slots,
            ended: Vec::new(),
            started: 0,
            is_retiring: false,
        };
        crew.tend().await?;
        Ok(crew)
    }

    /// Tends the workers until something is so, or for some time; whether it is so.
    pub(crate) async fn tend_until(
        &mut self,
        limit: Duration,
        is_so: impl Fn(&Self) -> bool,
    ) -> Result<bool> {
        let deadline = Instant::now() + limit;
        loop {
            self.tend().await?;
            if is_so(self) {
                return Ok(true);
            }
            if Instant::now() >= deadline {
                return Ok(false);
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Looks at each worker: who has ended is written down, and started again.
    async fn tend(&mut self) -> Result<()> {
        for place in 0..self.slots.len() {
            let slot = &mut self.slots[place];
            let Some(worker) = &mut slot.worker else {
                if !self.is_retiring && Instant::now() >= slot.start_at {
                    self.start(place)?;
                }
                continue;
            };
            let told = slot.told_to_end;
            let was_late = told.is_some_and(|at| at.elapsed() > ENDS_WITHIN);
            let ended = if was_late {
                let name = worker.name.clone();
                self.kill(place).await?;
                Some(Ended::late(name))
            } else {
                worker.ended()?
            };
            let Some(ended) = ended else { continue };
            let slot = &mut self.slots[place];
            slot.vacate();
            self.ended.push(Departed {
                ended,
                was_told: told.is_some(),
                was_late,
            });
        }
        Ok(())
    }

    fn start(&mut self, place: usize) -> Result<()> {
        self.started += 1;
        let name = format!("worker-{place}-{:04}", self.started);
        let slot = &mut self.slots[place];
        let environment = [
            ("VEILSTREAM_QUEUE_URL", slot.queue.queue_url()),
            (
                "DATABASE_URL",
                slot.database.url(&self.stage.database_url()),
            ),
            ("VEILSTREAM_KEYSET", self.stage.keyset()),
        ];
        slot.state.begin();
        let logs = self.stage.logs.path();
        let worker = Worker::start(&self.stage.options.binary, &environment, logs, name)?;
        slot.worker = Some(worker);
        Ok(())
    }

    /// The worker at a place, or the next one, that has something to do.
    pub(crate) fn at_work(&self, place: usize) -> Option<usize> {
        let places = (place..self.slots.len()).chain(0..place);
        let mut at_work = places.filter(|place| self.slots[*place].is_at_work());
        at_work.next()
    }

    /// SIGKILL; it is started again.
    pub(crate) async fn kill(&mut self, place: usize) -> Result<bool> {
        let slot = &mut self.slots[place];
        let worker = slot.worker.take();
        slot.vacate();
        let Some(worker) = worker else {
            return Ok(false);
        };
        worker.kill().await?;
        Ok(true)
    }

    /// SIGTERM; it is started again once it has ended.
    pub(crate) async fn terminate(&mut self, place: usize) -> Result<bool> {
        let slot = &mut self.slots[place];
        match &slot.worker {
            Some(worker) if slot.told_to_end.is_none() => {
                slot.told_to_end = Some(Instant::now());
                worker.terminate().await?;
                Ok(true)
            }
            Some(_) | None => Ok(false),
        }
    }

    /// From now on, connections that load freeze in their transactions.
    pub(crate) fn let_vanish(&self, vanishing: Vanishing) {
        for slot in &self.slots {
            slot.state.let_vanish(vanishing);
        }
    }

    /// The first worker whose connection freezes is killed; that connection stays open at the
    /// server's side.
    pub(crate) async fn vanish(&mut self, vanishing: Vanishing) -> Result<()> {
        let frozen = |crew: &Self| crew.slots.iter().position(|slot| slot.state.is_frozen());
        self.tend_until(VANISHES_WITHIN, |crew| frozen(crew).is_some())
            .await?;
        for slot in &self.slots {
            slot.state.end_vanishing();
        }
        for place in 0..self.slots.len() {
            if self.slots[place].state.is_frozen() && self.kill(place).await? {
                self.stage.tally.count(match vanishing.in_copy {
                    Some(_) => Thrown::VanishInCopy,
                    None => Thrown::VanishInTransaction,
                });
            }
        }
        Ok(())
    }

    /// Tells all workers to end and waits until they have.
    pub(crate) async fn retire(&mut self) -> Result<()> {
        self.is_retiring = true;
        for place in 0..self.slots.len() {
            self.terminate(place).await?;
        }
        let all_gone = |crew: &Self| crew.slots.iter().all(|slot| slot.worker.is_none());
        self.tend_until(2 * ENDS_WITHIN, all_gone).await?;
        Ok(())
    }
}

impl Slot {
    async fn new(stage: &Stage, of_queue: Rng, of_database: Rng) -> Self {
        let state = Arc::new(SlotState::new(Arc::clone(&stage.calm)));
        let scenario = stage.options.scenario;
        let faults = Arc::new(QueueFaults {
            server: Arc::clone(&stage.queue),
            queue: scenario.queue(),
            fifo: scenario.groups().is_some(),
            random: Mutex::new(of_queue),
            remembered: Mutex::new(VecDeque::new()),
            state: Arc::clone(&state),
            tally: stage.tally.clone(),
        });
        let decide = move |action: &str, request: &_| faults.decide(action, request);
        let endpoint = stage.queue.endpoint_url();
        let queue = SqsProxy::before(&endpoint, scenario.queue(), decide).await;
        let faults = DatabaseFaults {
            random: Mutex::new(of_database),
            state: Arc::clone(&state),
            tally: stage.tally.clone(),
        };
        let url = stage.database_url();
        let database = PostgresProxy::troubling(&url, move || faults.decide()).await;
        Self {
            state,
            queue,
            database,
            worker: None,
            told_to_end: None,
            start_at: Instant::now(),
        }
    }

    fn is_at_work(&self) -> bool {
        self.worker.is_some() && self.told_to_end.is_none() && self.state.is_at_work()
    }

    /// Nobody is here any more; soon somebody else is.
    fn vacate(&mut self) {
        self.worker = None;
        self.told_to_end = None;
        self.start_at = Instant::now() + RESTART_PAUSE;
    }
}
