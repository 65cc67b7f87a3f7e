//! A proxy at the level of TCP, in front of PostgreSQL: it can hang, refuse, cut a connection at a
//! chosen place in what veilstream says, and write down what is said outside of transactions.

#![expect(
    clippy::unwrap_used,
    reason = "what tests stand on fails by panicking, as tests do"
)]

mod recorder;
mod trouble;

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use parking_lot::Mutex;
use recorder::Recorder;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::watch,
    task::JoinSet,
};

pub use trouble::{Trouble, What, When};

/// What happens to bytes and connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Line {
    /// They pass.
    Up,
    /// Connections stay open and nothing passes any more.
    Hangs,
    /// Open connections are cut and new ones closed at once.
    Down,
}

/// When a connection that loads is cut: so many bytes after veilstream has said something.
#[derive(Debug, Clone, Copy)]
pub struct Cut {
    /// What veilstream says.
    pub after: &'static [u8],
    /// So many bytes later.
    pub bytes: usize,
    /// How many connections are cut before the fault is over.
    pub times: usize,
}

/// Says of each connection what befalls it; `None`: it is closed at once.
type Troubles = dyn Fn() -> Option<Trouble> + Send + Sync;

/// Dropping it closes everything.
pub struct PostgresProxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    _tasks: JoinSet<()>,
}

struct Shared {
    server: SocketAddr,
    line: watch::Sender<Line>,
    cut: Option<Cut>,
    troubles: Option<Box<Troubles>>,
    cuts: AtomicUsize,
    refused: AtomicUsize,
    outside: Mutex<Vec<String>>,
}

impl PostgresProxy {
    /// In front of the server of a connection URI.
    pub async fn to(url: &str) -> Self {
        Self::start(url, None, None).await
    }

    /// The same, with a fault that strikes by itself.
    pub async fn cutting(url: &str, cut: Cut) -> Self {
        Self::start(url, Some(cut), None).await
    }

    /// The same, where each connection has a trouble of its own; `None`: it is closed at once.
    pub async fn troubling(
        url: &str,
        troubles: impl Fn() -> Option<Trouble> + Send + Sync + 'static,
    ) -> Self {
        Self::start(url, None, Some(Box::new(troubles))).await
    }

    async fn start(url: &str, cut: Option<Cut>, troubles: Option<Box<Troubles>>) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            server: authority(url).parse().unwrap(),
            line: watch::Sender::new(Line::Up),
            cut,
            troubles,
            cuts: AtomicUsize::new(0),
            refused: AtomicUsize::new(0),
            outside: Mutex::default(),
        });
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(listener, Arc::clone(&shared)));
        Self {
            address,
            shared,
            _tasks: tasks,
        }
    }

    /// A connection URI with the proxy in the server's place.
    pub fn url(&self, url: &str) -> String {
        url.replace(authority(url), &self.address.to_string())
    }

    /// Changes what happens from now on.
    pub fn set(&self, line: Line) {
        self.shared.line.send_replace(line);
    }

    /// Connections that were cut by the fault that strikes by itself.
    pub fn cuts(&self) -> usize {
        let cuts = self.shared.cuts.load(Ordering::SeqCst);
        cuts.min(self.shared.cut.map_or(0, |cut| cut.times))
    }

    /// What prepared, used or closed a statement outside of a transaction: the message's kind, and
    /// what is in it.
    pub fn said_outside_transactions(&self) -> Vec<String> {
        self.shared.outside.lock().clone()
    }

    /// Connections that were closed at once.
    pub fn refused(&self) -> usize {
        self.shared.refused.load(Ordering::SeqCst)
    }
}

/// `127.0.0.1:port` in `postgresql://user:password@127.0.0.1:port/database`.
fn authority(url: &str) -> &str {
    let (_, after_password) = url.rsplit_once('@').unwrap();
    after_password.split('/').next().unwrap()
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        if *shared.line.borrow() == Line::Down {
            shared.refused.fetch_add(1, Ordering::SeqCst);
            continue;
        }
        match &shared.troubles {
            None => connections.spawn(carry(client, Arc::clone(&shared))),
            Some(troubles) => match troubles() {
                Some(trouble) => connections.spawn(trouble::carry(client, shared.server, trouble)),
                None => continue,
            },
        };
    }
}

/// Carries one connection until it ends or is cut.
async fn carry(client: TcpStream, shared: Arc<Shared>) {
    let Ok(server) = TcpStream::connect(shared.server).await else {
        return;
    };
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let mut line = shared.line.subscribe();
    tokio::select! {
        () = requests(from_client, to_server, &shared) => {}
        () = answers(from_server, to_client, &shared) => {}
        _ = line.wait_for(|line| *line == Line::Down) => {}
    }
}

/// From veilstream to PostgreSQL; returns where the connection is to be cut.
async fn requests(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, shared: &Shared) {
    let mut line = shared.line.subscribe();
    let mut buffer = vec![0; 4096];
    let (mut loads, mut until_cut) = (false, None);
    let mut recorder = Recorder::default();
    while let Ok(read @ 1..) = from.read(&mut buffer).await {
        let outside = recorder.take(&buffer[..read]);
        shared.outside.lock().extend(outside);
        line_is_up(&mut line).await;
        if to.write_all(&buffer[..read]).await.is_err() {
            return;
        }
        let Some(cut) = shared.cut else { continue };
        let says = |what: &[u8]| buffer[..read].windows(what.len()).any(|said| said == what);
        loads = loads || says(b"COPY veilstream.ledger");
        match &mut until_cut {
            None if loads && says(cut.after) => until_cut = Some(cut.bytes),
            None => continue,
            Some(bytes) => *bytes = bytes.saturating_sub(read),
        }
        if until_cut == Some(0) && shared.cuts.fetch_add(1, Ordering::SeqCst) < cut.times {
            return;
        }
    }
}

/// From PostgreSQL to veilstream.
async fn answers(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, shared: &Shared) {
    let mut line = shared.line.subscribe();
    let mut buffer = vec![0; 4096];
    while let Ok(read @ 1..) = from.read(&mut buffer).await {
        line_is_up(&mut line).await;
        if to.write_all(&buffer[..read]).await.is_err() {
            return;
        }
    }
}

async fn line_is_up(line: &mut watch::Receiver<Line>) {
    let up = line.wait_for(|line| *line == Line::Up).await;
    up.expect("whoever sets the line outlives its connections");
}
