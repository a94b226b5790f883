use super::*;

const SOON: Duration = Duration::from_millis(50);

fn supervisor() -> (CancellationToken, Supervisor) {
    let shutdown = CancellationToken::new();
    let supervisor = Supervisor::new(&shutdown);
    (shutdown, supervisor)
}

fn failure(kind: Kind) -> Error {
    Error::new(kind, "broke")
}

#[tokio::test]
async fn ends_well_when_every_stage_does() {
    let (_shutdown, mut supervisor) = supervisor();
    supervisor.spawn("a", async { Ok(()) });
    supervisor.spawn_thread("b", || Ok(()));
    supervisor.join().await.unwrap();
}

#[tokio::test]
async fn first_failure_stops_the_rest_and_is_named() {
    let (shutdown, mut supervisor) = supervisor();
    let token = supervisor.token();
    supervisor.spawn("waits", async move {
        token.cancelled().await;
        Err(failure(Kind::Fenced))
    });
    supervisor.spawn("fails", async { Err(failure(Kind::PositionLost)) });
    let error = supervisor.join().await.unwrap_err();
    assert_eq!((error.kind, error.context.as_str()), (Kind::PositionLost, "fails: broke"));
    assert!(!shutdown.is_cancelled());
}

#[tokio::test]
async fn shutdown_ends_tasks_and_threads_without_a_failure() {
    let (shutdown, mut supervisor) = supervisor();
    let (task, thread) = (supervisor.token(), supervisor.token());
    supervisor.spawn("task", async move {
        task.cancelled().await;
        Err(Error::cancelled())
    });
    supervisor.spawn_thread("thread", move || {
        while !thread.is_cancelled() {
            std::thread::sleep(Duration::from_millis(1));
        }
        Ok(())
    });
    shutdown.cancel();
    supervisor.join().await.unwrap();
}

#[tokio::test]
async fn failure_while_draining_counts() {
    let (shutdown, mut supervisor) = supervisor();
    let token = supervisor.token();
    supervisor.spawn("drains", async move {
        token.cancelled().await;
        Err(failure(Kind::Transient))
    });
    shutdown.cancel();
    assert_eq!(supervisor.join().await.unwrap_err().kind, Kind::Transient);
}

#[tokio::test]
async fn panics_are_broken_invariants_in_tasks_and_threads() {
    let (_shutdown, mut supervisor) = supervisor();
    supervisor.spawn("task", async { panic!("at {}", 1) });
    let error = supervisor.join().await.unwrap_err();
    assert_eq!((error.kind, error.context.as_str()), (Kind::Invariant, "task: panicked: at 1"));

    let (_shutdown, mut supervisor) = self::supervisor();
    supervisor.spawn_thread("thread", || panic!("still"));
    let error = supervisor.join().await.unwrap_err();
    assert_eq!((error.kind, error.context.as_str()), (Kind::Invariant, "thread: panicked: still"));
}

#[tokio::test]
async fn late_stages_are_aborted_and_named() {
    let (shutdown, mut supervisor) = supervisor();
    supervisor.spawn_within(SOON, "deaf", std::future::pending());
    supervisor.spawn_within(SOON, "prompt", async { Ok(()) });
    shutdown.cancel();
    let error = supervisor.join().await.unwrap_err();
    assert_eq!(error.context, "did not stop in time: deaf");
}

#[tokio::test]
async fn dropped_supervisor_cancels_its_stages() {
    let (shutdown, supervisor) = supervisor();
    let token = supervisor.token();
    drop(supervisor);
    assert!(token.is_cancelled() && !shutdown.is_cancelled());
}
