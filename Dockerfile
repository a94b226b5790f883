# Images of both binaries from one build.
#
#   docker build --target producer -t oplogue/producer:0.1.0 .
#   docker build --target worker -t oplogue/worker:0.1.0 .
#
# BuildKit is needed (the default since Docker 23; before: DOCKER_BUILDKIT=1).

FROM rust:1.95.0-bookworm AS build
# librdkafka and zstd are compiled from source; OpenSSL and zlib are Debian's, here and below.
# hadolint ignore=DL3008
RUN apt-get update \
 && apt-get install -y --no-install-recommends cmake g++ libssl-dev make pkg-config zlib1g-dev \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /src
# What is in the context is decided by .dockerignore, which is a list of what may enter.
COPY . .
# For --version and oplogue_build_info; .git stays out of the context.
ARG GIT_COMMIT=
# Registry and build folder outlive the build, so that dependencies are compiled once. The workspace's own files are
# touched: a checkout can be older than what the build folder holds, and cargo goes by time.
RUN --mount=type=cache,id=oplogue-registry,target=/usr/local/cargo/registry \
    --mount=type=cache,id=oplogue-target,target=/src/target \
    find . -path ./target -prune -o -name '*.rs' -exec touch {} + \
 && cargo build --locked --release --package producer --package worker \
 && install -D --target-directory=/out target/release/producer target/release/worker

FROM debian:bookworm-20260918-slim AS base
# hadolint ignore=DL3008
RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates libssl3 zlib1g \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --uid 10001 --user-group --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin oplogue
# By number, so that Kubernetes can see that it is not root.
USER 10001:10001
STOPSIGNAL SIGTERM
# The file to mount: /etc/oplogue/oplogue.toml, found as ./oplogue.toml. Environment variables may take its place.
WORKDIR /etc/oplogue
# /metrics, /livez and /readyz, where telemetry.listen says so.
EXPOSE 9464
LABEL org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="0.1.0"

FROM base AS producer
LABEL org.opencontainers.image.title="Oplogue producer" \
      org.opencontainers.image.description="Publishes every change of a MongoDB deployment to Apache Kafka, exactly once."
COPY --from=build /out/producer /usr/local/bin/producer
ENTRYPOINT ["producer"]
CMD ["run"]

FROM base AS worker
LABEL org.opencontainers.image.title="Oplogue worker" \
      org.opencontainers.image.description="Applies change events from Apache Kafka to a MongoDB deployment, in order."
COPY --from=build /out/worker /usr/local/bin/worker
ENTRYPOINT ["worker"]
CMD ["run"]
