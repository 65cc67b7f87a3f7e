# syntax=docker/dockerfile:1
# Not yet run: written where no Docker engine was.

FROM rust:1.95-slim-bookworm AS builder
WORKDIR /src
COPY . .
RUN cargo build --release --locked -p veilstream

FROM debian:bookworm-slim
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates \
    && rm -rf /var/lib/apt/lists/* \
    && groupadd --gid 10001 veilstream \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin veilstream \
    && install -d -o 10001 -g 10001 -m 0700 /keys
COPY --from=builder /src/target/release/veilstream /usr/local/bin/veilstream
COPY LICENSE-MIT LICENSE-APACHE /usr/share/doc/veilstream/
USER 10001:10001
# The first SIGTERM drains: 20 seconds for what is in flight, 7 to end; docker waits 10 unless told.
STOPSIGNAL SIGTERM
ENTRYPOINT ["veilstream"]
CMD ["run"]
