//! `health`: asks the running process on this machine whether it is ready, for health checks of containers without a
//! client of their own.

use std::{
    io::{Read, Write},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream},
    process::ExitCode,
    time::Duration,
};

use super::process::say;
use crate::config::Loaded;

/// How long the answer may take.
const TIMEOUT: Duration = Duration::from_secs(2);

/// Exits with 0 when the process that listens as configured is ready, with 1 when it is not or does not answer.
pub(super) fn health(loaded: &Loaded) -> ExitCode {
    let Some(listen) = loaded.config.telemetry.listen.filter(|address| address.port() != 0) else {
        say("telemetry.listen names no port to ask");
        return ExitCode::FAILURE;
    };
    match ask(reachable(listen)) {
        Ok(answer) if answer.starts_with("HTTP/1.1 200") || answer.starts_with("HTTP/1.0 200") => {
            ExitCode::SUCCESS
        }
        Ok(answer) => {
            say(answer.rsplit("\r\n\r\n").next().unwrap_or("not ready"));
            ExitCode::FAILURE
        }
        Err(error) => {
            say(&format!("no answer at {listen}: {error}"));
            ExitCode::FAILURE
        }
    }
}

/// The address to connect to for one that is listened on: the wildcard is this machine.
fn reachable(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    SocketAddr::new(ip, listen.port())
}

fn ask(address: SocketAddr) -> std::io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&address, TIMEOUT)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    // In one piece: a server may answer and close as soon as it has seen enough.
    let request = format!("GET /readyz HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn the_wildcard_is_asked_on_loopback() {
        assert_eq!(reachable("0.0.0.0:9464".parse().unwrap()), "127.0.0.1:9464".parse().unwrap());
        assert_eq!(reachable("[::]:1".parse().unwrap()), "[::1]:1".parse().unwrap());
        assert_eq!(reachable("127.0.0.2:1".parse().unwrap()), "127.0.0.2:1".parse().unwrap());
    }

    #[test]
    fn the_answer_is_read_whole() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = [0; 512];
            let read = stream.read(&mut request).unwrap();
            stream.write_all(b"HTTP/1.1 503 Service Unavailable\r\n\r\n{}").unwrap();
            String::from_utf8_lossy(&request[..read]).into_owned()
        });
        assert!(ask(address).unwrap().ends_with("{}"));
        assert!(server.join().unwrap().starts_with("GET /readyz HTTP/1.1\r\n"));
    }
}
