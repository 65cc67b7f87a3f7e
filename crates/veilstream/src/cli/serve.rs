//! The admin server of a run, as the configuration and the command line say.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
};

use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::sync::CancellationToken;
use veilstream::{
    admin::{Admin, Operator, Token},
    config::{DEFAULT_ADMIN_PORT, Listen},
    pipeline::Until,
    startup::Settings,
};

use super::exit::{Exit, Failure};

/// Where to listen, who may act, and as whom.
pub(super) struct Place {
    listener: Option<TcpListener>,
    token: Option<Token>,
    operator: Option<Operator>,
}

impl Place {
    /// Takes the address before anything else begins: what is set has to be free; the default need
    /// not be, for several workers may share a machine. A run with an end serves where it is told to.
    pub(super) async fn take(settings: &Settings, until: Until) -> Result<Self, Failure> {
        let admin = &settings.configuration().admin;
        let usage = |error: anyhow::Error| Failure::new(Exit::Usage, error);
        if let Some(address) = admin.exposed_at() {
            return Err(usage(anyhow::anyhow!(
                "the admin server would be open to other machines at {address}: set admin.token_file in the \
                 configuration, or listen on 127.0.0.1"
            )));
        }
        let listener = match (admin.listen, until) {
            (Some(Listen::Off), _) | (None, Until::QueueEmpty) => None,
            (Some(Listen::At(address)), _) => {
                let listener = TcpListener::bind(address).await;
                Some(listener.map_err(|error| usage(in_use(address, &error)))?)
            }
            (None, Until::Stopped) => {
                let address = SocketAddr::from((Ipv4Addr::LOCALHOST, DEFAULT_ADMIN_PORT));
                let listener = TcpListener::bind(address).await;
                // What asks there, such as `veilstream status`, would take the other for this one.
                let told = "; whoever asks there asks another process";
                listener
                    .inspect_err(|error| tracing::warn!("{}{told}", in_use(address, error)))
                    .ok()
            }
        };
        let token_file = admin.token_file.as_deref().filter(|_| listener.is_some());
        let token = token_file.map(Token::from_file).transpose();
        let token = token.map_err(|error| usage(error.into()))?;
        let url = admin.database_url.as_deref();
        Ok(Self {
            listener,
            token,
            operator: url.map(|url| Operator::new(settings.with_database(url))),
        })
    }

    /// Serves in a task of its own until `stop`.
    pub(super) fn serve(self, admin: Admin, stop: CancellationToken) -> Option<JoinHandle<()>> {
        let listener = self.listener?;
        let admin = admin.with(self.token, self.operator);
        if let Ok(address) = listener.local_addr() {
            tracing::info!("dashboard and metrics at http://{address}/");
        }
        Some(tokio::spawn(async move {
            if let Err(error) = admin.serve(listener, stop).await {
                tracing::warn!(%error, "the admin server has ended; the run goes on");
            }
        }))
    }
}

fn in_use(address: SocketAddr, error: &io::Error) -> anyhow::Error {
    anyhow::anyhow!(
        "no admin server at {address}: {error}; another address is set with --admin-listen or admin.listen"
    )
}
