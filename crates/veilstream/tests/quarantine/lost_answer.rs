//! A proxy in front of PostgreSQL that lets a COMMIT through and loses its answer.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

/// What a replay says before the COMMIT that counts.
const SETTLES: &[u8] = b"SET state = $2";
const COMMIT: &[u8] = b"COMMIT";

/// Dropping it closes everything.
pub(crate) struct LosingCommits {
    address: SocketAddr,
    lost: Arc<AtomicUsize>,
    _tasks: JoinSet<()>,
}

impl LosingCommits {
    /// Loses the answers to the first so many COMMITs that settle an entry.
    pub(crate) async fn first(times: usize, url: &str) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let server: SocketAddr = authority(url).parse().unwrap();
        let lost = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&lost);
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                connections.spawn(carry(client, server, Arc::clone(&count), times));
            }
        });
        Self {
            address,
            lost,
            _tasks: tasks,
        }
    }

    /// A connection URI with the proxy in the server's place.
    pub(crate) fn url(&self, url: &str) -> String {
        url.replace(authority(url), &self.address.to_string())
    }

    /// How many answers were lost.
    pub(crate) fn lost(&self) -> usize {
        self.lost.load(Ordering::SeqCst)
    }
}

/// `127.0.0.1:port` in `postgresql://user:password@127.0.0.1:port/database`.
fn authority(url: &str) -> &str {
    let (_, after_password) = url.rsplit_once('@').unwrap();
    after_password.split('/').next().unwrap()
}

async fn carry(client: TcpStream, server: SocketAddr, lost: Arc<AtomicUsize>, times: usize) {
    let Ok(server) = TcpStream::connect(server).await else {
        return;
    };
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let answers = async { drop(copy(&mut from_server, &mut to_client).await) };
    let requests = async {
        let mut buffer = vec![0; 4096];
        let mut settles = false;
        while let Ok(read @ 1..) = from_client.read(&mut buffer).await {
            let says = |what: &[u8]| buffer[..read].windows(what.len()).any(|said| said == what);
            settles = settles || says(SETTLES);
            let loses = settles && says(COMMIT) && lost.load(Ordering::SeqCst) < times;
            if to_server.write_all(&buffer[..read]).await.is_err() {
                return false;
            }
            if loses {
                return true;
            }
            settles = settles && !says(COMMIT);
        }
        false
    };
    let loses = tokio::select! {
        () = answers => return,
        loses = requests => loses,
    };
    if loses {
        lost.fetch_add(1, Ordering::SeqCst);
        // The answer shows that it has committed; nobody else hears it.
        let _ = from_server.read(&mut [0; 64]).await;
    }
}
