//! A server to load values into, and to ask what it makes of them itself.

use anyhow::{Context as _, Result, ensure};
use bytes::Bytes;
use futures_util::{SinkExt as _, pin_mut};
use masking::{Canonical, DomainSpec, Keyset, KeysetId, Method, Zeroizing};
use tokio_postgres::{Client, NoTls, SimpleQueryMessage};
use veilstream::config::{Column, ColumnSource, ColumnType, Conversion};
use veilstream::decode::{Decoder, Envelope, RejectionCode};
use veilstream::encode::{COPY_HEADER, COPY_TRAILER};
use veilstream::mask::Masking;

const ENVELOPE: Envelope<'_> = Envelope {
    message_id: "m-1",
    sent_at_millis: 0,
};

/// A value as it stands in the JSON body, and as PostgreSQL's own text.
#[derive(Debug, Clone)]
pub(crate) struct Case {
    pub(crate) json: String,
    pub(crate) literal: String,
}

/// The same text on both sides, in quotes in the body.
pub(crate) fn quoted<T: AsRef<str>>(texts: impl IntoIterator<Item = T>) -> Vec<Case> {
    let case = |text: T| Case {
        json: serde_json::Value::from(text.as_ref()).to_string(),
        literal: text.as_ref().to_owned(),
    };
    texts.into_iter().map(case).collect()
}

/// The same text on both sides, without quotes in the body.
pub(crate) fn bare<T: AsRef<str>>(texts: impl IntoIterator<Item = T>) -> Vec<Case> {
    let case = |text: T| Case {
        json: text.as_ref().to_owned(),
        literal: text.as_ref().to_owned(),
    };
    texts.into_iter().map(case).collect()
}

/// A text of the body each, and PostgreSQL's.
pub(crate) fn pairs(pairs: &[(&str, &str)]) -> Vec<Case> {
    let case = |(json, literal): &(&str, &str)| Case {
        json: (*json).to_owned(),
        literal: (*literal).to_owned(),
    };
    pairs.iter().map(case).collect()
}

fn column(name: &str, column_type: ColumnType, conversion: Conversion) -> Column {
    Column {
        name: name.to_owned(),
        source: ColumnSource::Field(vec![name.to_owned()]),
        column_type,
        conversion,
        mask: None,
        required: false,
    }
}

/// A server, and what the data path needs to fill a table.
pub(crate) struct Database {
    client: Client,
    keyset: Keyset,
    /// Dropped last: it takes the server with it.
    _cluster: localpg::Cluster,
}

impl Database {
    /// A server of its own, and a connection to it.
    pub(crate) async fn start() -> Result<Self> {
        let cluster = localpg::Cluster::builder().durable(false).start()?;
        let (client, connection) = tokio_postgres::connect(&cluster.url("postgres"), NoTls).await?;
        tokio::spawn(connection);
        client
            .batch_execute("SET TimeZone = 'UTC'; SET DateStyle = 'ISO'")
            .await?;
        let domain = DomainSpec {
            name: "ip".parse()?,
            method: Method::Siv { padded: false },
            canonical: Canonical::Ip,
        };
        let keyset = Keyset::create(
            KeysetId::new([7; 8]),
            Zeroizing::new([7; 32]),
            "2026-01-31T12:00:00Z",
            vec![domain],
            None,
        )?;
        Ok(Self {
            client,
            keyset,
            _cluster: cluster,
        })
    }

    /// The first column of what a query returns.
    pub(crate) async fn column_of_text(&self, query: &str) -> Result<Vec<Option<String>>> {
        let messages = self.client.simple_query(query).await?;
        let mut column = Vec::new();
        for message in messages {
            if let SimpleQueryMessage::Row(row) = message {
                column.push(row.get(0).map(str::to_owned));
            }
        }
        Ok(column)
    }

    /// Loads the cases through the data path's own types; what the table then shows.
    pub(crate) async fn loaded(
        &self,
        column_type: ColumnType,
        conversion: Conversion,
        cases: &[Case],
    ) -> Result<Vec<Option<String>>> {
        let columns = [
            column("n", ColumnType::Int4, Conversion::Natural),
            column("v", column_type, conversion),
        ];
        let decoder = Decoder::new(&columns);
        let mut masking = Masking::new(&columns, &self.keyset)?;
        let mut copy = COPY_HEADER.to_vec();
        for (n, case) in cases.iter().enumerate() {
            let body = format!(r#"{{"n":{n},"v":{}}}"#, case.json);
            let cells = decoder
                .decode(&body, &ENVELOPE)
                .with_context(|| format!("{} as {column_type}", abridged(&case.json)))?;
            copy.extend_from_slice(masking.apply(cells)?.row());
        }
        copy.extend_from_slice(&COPY_TRAILER);

        self.client
            .batch_execute(&format!(
                "DROP TABLE IF EXISTS t; CREATE TEMPORARY TABLE t (n int4, v {column_type})"
            ))
            .await?;
        let sink = self
            .client
            .copy_in("COPY t (n, v) FROM STDIN (FORMAT binary)")
            .await?;
        pin_mut!(sink);
        sink.send(Bytes::from(copy)).await?;
        let count = sink
            .finish()
            .await
            .with_context(|| format!("COPY of {column_type}"))?;
        ensure!(count == u64::try_from(cases.len())?);
        self.column_of_text("SELECT v::text FROM t ORDER BY n")
            .await
    }

    /// What PostgreSQL shows of a cast of each case's text.
    pub(crate) async fn cast(
        &self,
        column_type: ColumnType,
        cases: &[Case],
    ) -> Result<Vec<Option<String>>> {
        let mut shown = Vec::new();
        for chunk in cases.chunks(500) {
            let selects: Vec<String> = chunk
                .iter()
                .enumerate()
                .map(|(n, case)| {
                    format!(
                        "SELECT {n}, {}::{column_type}::text",
                        literal(&case.literal)
                    )
                })
                .collect();
            let query = format!(
                "SELECT t FROM ({}) s(n, t) ORDER BY n",
                selects.join(" UNION ALL ")
            );
            shown.extend(self.column_of_text(&query).await?);
        }
        Ok(shown)
    }

    /// Every case comes out of the table as it comes out of a cast.
    pub(crate) async fn agrees(
        &self,
        column_type: ColumnType,
        conversion: Conversion,
        cases: Vec<Case>,
    ) -> Result<()> {
        let loaded = self.loaded(column_type, conversion, &cases).await?;
        let cast = self.cast(column_type, &cases).await?;
        assert_eq!(loaded.len(), cases.len());
        assert_eq!(cast.len(), cases.len());
        for ((loaded, cast), case) in loaded.iter().zip(&cast).zip(&cases) {
            assert!(loaded.is_some());
            assert!(
                loaded == cast,
                "{} as {column_type}: loaded {}, PostgreSQL says {}",
                abridged(&case.json),
                abridged(loaded.as_deref().unwrap_or_default()),
                abridged(cast.as_deref().unwrap_or_default()),
            );
        }
        Ok(())
    }

    /// The decoder and PostgreSQL both refuse every case.
    pub(crate) async fn both_refuse(
        &self,
        column_type: ColumnType,
        cases: Vec<Case>,
    ) -> Result<()> {
        let decoder = Decoder::new(&[column("v", column_type, Conversion::Natural)]);
        for case in cases {
            let shown = abridged(&case.json);
            let body = format!(r#"{{"v":{}}}"#, case.json);
            let code = decoder
                .decode(&body, &ENVELOPE)
                .map_err(|rejection| rejection.code)
                .err();
            assert!(
                matches!(
                    code,
                    Some(RejectionCode::BadConversion | RejectionCode::NulInText)
                ),
                "{shown} as {column_type} was taken"
            );
            let cast = self.cast(column_type, &[case]).await;
            assert!(cast.is_err(), "PostgreSQL takes {shown} as {column_type}");
        }
        Ok(())
    }
}

/// A literal whose backslashes mean themselves, whatever the server's settings are.
fn literal(text: &str) -> String {
    format!("E'{}'", text.replace('\\', "\\\\").replace('\'', "''"))
}

fn abridged(text: &str) -> String {
    let end = text
        .char_indices()
        .nth(80)
        .map_or(text.len(), |(end, _)| end);
    if end < text.len() {
        format!("{}… ({} bytes)", &text[..end], text.len())
    } else {
        text.to_owned()
    }
}
