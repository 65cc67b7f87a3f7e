//! A moto server for the time of some tests.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use crate::python;

/// moto's start includes importing most of botocore, which takes seconds on a busy machine.
const START: Duration = Duration::from_mins(1);

/// A running moto server; dropping it kills it.
pub(crate) struct Moto {
    process: Child,
    address: SocketAddr,
}

/// Tests that run at the same time share one server.
static SHARED: Mutex<Weak<Moto>> = Mutex::new(Weak::new());

impl Moto {
    pub(crate) async fn shared() -> Arc<Moto> {
        let moto = {
            let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
            shared.upgrade().unwrap_or_else(|| {
                let started = Arc::new(Moto::start());
                *shared = Arc::downgrade(&started);
                started
            })
        };
        moto.wait_until_it_listens().await;
        moto
    }

    fn start() -> Moto {
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = free.local_addr().unwrap();
        drop(free);
        let process = Command::new(python::interpreter())
            .args(["-m", "moto.server", "-H", "127.0.0.1", "-p"])
            .arg(address.port().to_string())
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env("AWS_ACCESS_KEY_ID", "test")
            .env("AWS_SECRET_ACCESS_KEY", "test")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the Python interpreter should start");
        Moto { process, address }
    }

    async fn wait_until_it_listens(&self) {
        let deadline = Instant::now() + START;
        while tokio::net::TcpStream::connect(self.address).await.is_err() {
            assert!(
                Instant::now() < deadline,
                "moto does not listen at {}: is it installed? `make test` installs it",
                self.address
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    pub(crate) fn endpoint_url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        // Nothing is left to do where it has ended already.
        let _already_gone = self.process.kill();
        let _status = self.process.wait();
    }
}
