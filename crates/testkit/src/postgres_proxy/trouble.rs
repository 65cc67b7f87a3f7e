//! What befalls a single connection.

use std::{net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::watch,
};

/// How a client says that it goes (PostgreSQL, "Message Formats", Terminate).
const TERMINATE: [u8; 5] = *b"X\0\0\0\x04";
/// Bytes at once while a connection drips, and the pause after them.
const DROP: usize = 64;
const DRIP_PAUSE: Duration = Duration::from_millis(10);

/// The trouble of one connection.
pub struct Trouble {
    /// When it strikes, once.
    pub when: When,
    /// What it is.
    pub what: What,
    /// Called when it strikes.
    pub struck: Box<dyn FnOnce() + Send>,
    /// Asked whenever the client says something: a trouble that takes the place of this one.
    pub instead: Box<dyn Fn() -> Option<Trouble> + Send + Sync>,
    /// For so long the server does not notice that its client has gone without a word.
    pub linger: Duration,
}

/// When a trouble strikes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// Never.
    Never,
    /// After so many bytes of the client.
    Asked(usize),
    /// After so many bytes of the server.
    Answered(usize),
    /// When the client says something for the so-many-th time (from 1); with 0 `bytes` before the
    /// server hears it, otherwise so many bytes later.
    Said {
        /// What it says.
        what: &'static [u8],
        /// The how-many-th time counts, from 1.
        time: usize,
        /// So many bytes later.
        bytes: usize,
    },
}

/// What befalls a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// It is cut.
    Cut,
    /// The server hears what is said, and the connection is cut when it answers.
    LoseAnswer,
    /// Nothing passes for so long.
    Hang(Duration),
    /// From then on so many bytes of the client pass slowly.
    Drip(usize),
    /// Nothing passes any more; after so long both ends are closed.
    Freeze(Duration),
}

/// What becomes of the server's answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answers {
    Pass,
    Wait,
    AreLost,
}

/// How a connection ended.
enum End {
    /// One side closed it in order, or the trouble cut it.
    Closed,
    /// The client has gone without a word.
    ClientVanished,
    Frozen(Duration),
}

/// Carries one connection until it ends.
pub(super) async fn carry(client: TcpStream, server: SocketAddr, trouble: Trouble) {
    let Ok(server) = TcpStream::connect(server).await else {
        return;
    };
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let limit = match trouble.when {
        When::Answered(bytes) => bytes,
        When::Never | When::Asked(_) | When::Said { .. } => usize::MAX,
    };
    let linger = trouble.linger;
    let state = watch::Sender::new(Answers::Pass);
    let receiver = state.subscribe();
    let mut trouble = Some(trouble);
    let end = tokio::select! {
        end = requests(&mut from_client, &mut to_server, &state, &mut trouble) => end,
        reached = answers(&mut from_server, &mut to_client, receiver, limit) => {
            if reached && let Some(trouble) = trouble.take() {
                (trouble.struck)();
            }
            End::Closed
        }
    };
    // All four halves are open up to here.
    match end {
        End::Closed => {}
        End::ClientVanished => tokio::time::sleep(linger).await,
        End::Frozen(time) => tokio::time::sleep(time).await,
    }
}

async fn requests(
    from: &mut OwnedReadHalf,
    to: &mut OwnedWriteHalf,
    answers: &watch::Sender<Answers>,
    trouble: &mut Option<Trouble>,
) -> End {
    let mut buffer = vec![0; 1 << 14];
    let (mut said, mut drips, mut orderly) = (0, 0, false);
    loop {
        let Ok(read @ 1..) = from.read(&mut buffer).await else {
            return if orderly {
                End::Closed
            } else {
                End::ClientVanished
            };
        };
        let mut chunk = &buffer[..read];
        orderly = chunk.ends_with(&TERMINATE);
        if let Some(other) = trouble.as_ref().and_then(|trouble| (trouble.instead)()) {
            *trouble = Some(other);
        }
        let place = trouble.as_mut();
        let place = place.and_then(|trouble| strikes(&mut trouble.when, chunk, said));
        if let Some(place) = place
            && let Some(Trouble { what, struck, .. }) = trouble.take()
        {
            struck();
            let before;
            (before, chunk) = chunk.split_at(place);
            if to.write_all(before).await.is_err() {
                return End::Closed;
            }
            match what {
                What::Cut => return End::Closed,
                What::LoseAnswer => drop(answers.send_replace(Answers::AreLost)),
                What::Hang(time) => {
                    answers.send_replace(Answers::Wait);
                    tokio::time::sleep(time).await;
                    answers.send_replace(Answers::Pass);
                }
                What::Drip(bytes) => drips = bytes,
                What::Freeze(time) => return End::Frozen(time),
            }
        }
        said += read;
        while !chunk.is_empty() {
            let size = if drips > 0 { DROP } else { usize::MAX };
            let now;
            (now, chunk) = chunk.split_at(chunk.len().min(size));
            if to.write_all(now).await.is_err() {
                return End::Closed;
            }
            if drips > 0 {
                drips = drips.saturating_sub(DROP);
                tokio::time::sleep(DRIP_PAUSE).await;
            }
        }
    }
}

/// Where in a chunk that comes after `said` bytes the trouble strikes.
fn strikes(when: &mut When, chunk: &[u8], said: usize) -> Option<usize> {
    match when {
        When::Never | When::Answered(_) => None,
        When::Asked(bytes) => {
            let place = bytes.checked_sub(said)?;
            (place < chunk.len()).then_some(place)
        }
        When::Said { what, time, bytes } => {
            if !chunk.windows(what.len()).any(|window| window == *what) {
                return None;
            }
            *time = time.saturating_sub(1);
            if *time > 0 {
                return None;
            }
            if *bytes == 0 {
                return Some(0);
            }
            *when = When::Asked(said + chunk.len() + *bytes);
            None
        }
    }
}

/// From the server to the client; whether it ended because so many bytes have passed.
async fn answers(
    from: &mut OwnedReadHalf,
    to: &mut OwnedWriteHalf,
    mut state: watch::Receiver<Answers>,
    limit: usize,
) -> bool {
    let mut buffer = vec![0; 1 << 14];
    let mut passed = 0;
    while let Ok(read @ 1..) = from.read(&mut buffer).await {
        let state = state.wait_for(|state| *state != Answers::Wait).await;
        let state = *state.expect("the other direction holds it as long");
        if state == Answers::AreLost {
            return false;
        }
        let read = read.min(limit - passed);
        if to.write_all(&buffer[..read]).await.is_err() {
            return false;
        }
        passed += read;
        if passed == limit {
            return true;
        }
    }
    false
}
