//! The HTTP side of telemetry: `/metrics`, `/livez`, `/readyz`, and `/api/v1/…` for reports.
//!
//! Bound before anything else connects, and served until the very end, so that a process that waits or drains can be
//! looked at. It only reads.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use axum::{
    Json, Router,
    extract::{Path, State},
    http::{StatusCode, header},
    response::IntoResponse,
    routing::get,
};
use serde::Serialize;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tracing::info;

use super::{health::Health, metrics::Metrics, reports::Reports};
use crate::error::{Error, Kind, Result};

/// How long answers under way may take once the server stops.
const GRACE: Duration = Duration::from_secs(1);

/// The server, bound and not yet answering.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
}

#[derive(Debug, Clone)]
struct Shown {
    health: Health,
    metrics: Metrics,
    reports: Reports,
}

impl Server {
    /// Binds `address`; port 0 picks a free one. The address is logged.
    ///
    /// # Errors
    /// [`Kind::Misconfigured`] when the address cannot be had.
    pub async fn bind(address: SocketAddr) -> Result<Self> {
        let cannot = |e| {
            Error::caused(Kind::Misconfigured, format!("telemetry.listen: cannot listen on {address}"), e)
        };
        let listener = TcpListener::bind(address).await.map_err(cannot)?;
        let address = listener.local_addr().map_err(cannot)?;
        info!(%address, "listening for /metrics, /livez and /readyz");
        Ok(Self { listener, address })
    }

    /// The address it is bound to.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers until `stop` is cancelled.
    ///
    /// # Errors
    /// [`Kind::Transient`] when the listener breaks.
    pub async fn serve(
        self,
        health: Health,
        metrics: Metrics,
        reports: Reports,
        stop: CancellationToken,
    ) -> Result<()> {
        let router = Router::new()
            .route("/metrics", get(show_metrics))
            .route("/livez", get(show_liveness))
            .route("/readyz", get(show_readiness))
            .route("/api/v1/{report}", get(show_report))
            .with_state(Shown { health, metrics, reports });
        let serving =
            axum::serve(self.listener, router).with_graceful_shutdown(stop.clone().cancelled_owned());
        let patience = async {
            stop.cancelled().await;
            tokio::time::sleep(GRACE).await;
        };
        tokio::select! {
            served = async { serving.await } => served.map_err(|e| Error::caused(Kind::Transient, "HTTP server", e)),
            () = patience => Ok(()),
        }
    }
}

async fn show_metrics(State(shown): State<Shown>) -> impl IntoResponse {
    let text = shown.metrics.render(shown.health.readiness().ready);
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text)
}

async fn show_liveness(State(shown): State<Shown>) -> impl IntoResponse {
    let liveness = shown.health.liveness(Instant::now());
    answer(liveness.alive, liveness)
}

async fn show_readiness(State(shown): State<Shown>) -> impl IntoResponse {
    let readiness = shown.health.readiness();
    answer(readiness.ready, readiness)
}

async fn show_report(State(shown): State<Shown>, Path(name): Path<String>) -> impl IntoResponse {
    shown.reports.told(&name).map(Json).ok_or(StatusCode::NOT_FOUND)
}

fn answer(good: bool, body: impl Serialize) -> impl IntoResponse {
    (if good { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }, Json(body))
}

#[cfg(test)]
mod tests {
    use std::{
        io::{Read, Write},
        net::TcpStream,
    };

    use super::*;

    /// Status line and body of one request over a real socket.
    async fn get(address: SocketAddr, path: &'static str) -> (String, String) {
        let ask = move || {
            let mut socket = TcpStream::connect(address).unwrap();
            write!(socket, "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
            let mut text = String::new();
            socket.read_to_string(&mut text).unwrap();
            let (head, body) = text.split_once("\r\n\r\n").unwrap();
            (head.lines().next().unwrap().to_owned(), body.to_owned())
        };
        tokio::task::spawn_blocking(ask).await.unwrap()
    }

    #[tokio::test]
    async fn endpoints_answer_over_a_socket() {
        let health = Health::new(&["kafka"]);
        let server = Server::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let (address, stop) = (server.address(), CancellationToken::new());
        let (metrics, _recorder) = Metrics::alone();
        let reports = Reports::default();
        let serving = tokio::spawn(server.serve(health.clone(), metrics, reports.clone(), stop.clone()));

        health.condition("kafka").not_ready("cannot reach the broker at b:1: refused");
        let (status, body) = get(address, "/readyz").await;
        assert_eq!(status, "HTTP/1.1 503 Service Unavailable");
        let waiting = r#"{"ready":false,"waiting_for":{"kafka":"cannot reach the broker at b:1: refused"},"holding":[]}"#;
        assert_eq!(body, waiting);

        health.condition("kafka").ready();
        let (status, body) = get(address, "/readyz").await;
        assert_eq!(
            (status.as_str(), body.as_str()),
            ("HTTP/1.1 200 OK", r#"{"ready":true,"waiting_for":{},"holding":["kafka"]}"#)
        );

        assert_eq!(get(address, "/livez").await.0, "HTTP/1.1 200 OK");
        let heart = health.heartbeat("sink", Duration::ZERO);
        tokio::time::sleep(Duration::from_millis(5)).await;
        let (status, body) = get(address, "/livez").await;
        assert_eq!(status, "HTTP/1.1 503 Service Unavailable");
        assert_eq!(body, r#"{"alive":false,"silent_seconds":{"sink":0}}"#);
        drop(heart);

        assert_eq!(get(address, "/metrics").await.0, "HTTP/1.1 200 OK");
        assert_eq!(get(address, "/api/v1/schema").await.0, "HTTP/1.1 404 Not Found");
        reports.answer("schema", || serde_json::json!({"namespaces": []}));
        let (status, body) = get(address, "/api/v1/schema").await;
        assert_eq!((status.as_str(), body.as_str()), ("HTTP/1.1 200 OK", r#"{"namespaces":[]}"#));
        assert_eq!(get(address, "/nothing").await.0, "HTTP/1.1 404 Not Found");
        stop.cancel();
        serving.await.unwrap().unwrap();
    }

    #[tokio::test]
    async fn taken_address_is_a_misconfiguration() {
        let first = Server::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let error = Server::bind(first.address()).await.unwrap_err();
        assert_eq!(error.kind, Kind::Misconfigured);
        assert!(error.chain().contains("in use"), "{}", error.chain());
    }
}
