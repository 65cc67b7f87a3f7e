//! A moto server for all the tests.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

use crate::python;

/// Serves on a port that the system chose, so that nobody else can have taken it, prints the port,
/// and ends with whoever started it.
const SERVE: &str = r#"
import sys
from moto.server import ThreadedMotoServer
server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
print(server.get_host_and_port()[1], flush=True)
sys.stdin.read()
"#;

/// A running moto server; it ends when the pipe to its standard input is closed, with the process
/// that holds it at the latest.
pub(crate) struct Moto {
    _process: Child,
    port: u16,
}

impl Moto {
    /// All tests share one server.
    pub(crate) fn shared() -> &'static Moto {
        static SHARED: OnceLock<Moto> = OnceLock::new();
        SHARED.get_or_init(Moto::start)
    }

    fn start() -> Moto {
        let mut process = Command::new(python::interpreter())
            .args(["-c", SERVE])
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env("AWS_ACCESS_KEY_ID", "test")
            .env("AWS_SECRET_ACCESS_KEY", "test")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the Python interpreter should start");
        let mut port = String::new();
        let stdout = process.stdout.take().unwrap();
        BufReader::new(stdout).read_line(&mut port).unwrap();
        let port = port.trim_end().parse();
        Moto {
            port: port.expect("moto should start: is it installed? `make test` installs it"),
            _process: process,
        }
    }

    pub(crate) fn endpoint_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}
