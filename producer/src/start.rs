//! Where a slice begins (pure, but for asking the source its time).

use std::time::{SystemTime, UNIX_EPOCH};

use bson::{RawDocumentBuf, doc};
use common::{
    cluster_time::ClusterTime,
    codec,
    config::types::{HistoryLost, Start},
    error::{Error, Kind, Result},
    position::{Gap, Position, SnapshotState},
    raw,
};

use crate::{
    capture::{Origin, token},
    encode::text_of,
    source::Source,
    state::State,
};

/// A slice's beginning.
#[derive(Debug)]
pub struct Beginning {
    /// Where the stream opens.
    pub origin: Origin,
    /// The position until the first batch moves it.
    pub position: Position,
    /// Whether the position has to be written before anything else.
    pub is_first: bool,
    /// History that was lost before it.
    pub gap: Option<Gap>,
}

/// Goes on from the position, or begins as configured where there is none.
///
/// # Errors
/// Transient when the source does not answer; [`Kind::PositionLost`] when the position's token cannot be understood;
/// [`Kind::Misconfigured`] when the configured token cannot.
pub async fn decide(state: &State, start: &Start, source: &Source) -> Result<Beginning> {
    if let Some(position) = &state.position {
        if !matches!(start, Start::Snapshot | Start::Latest) {
            tracing::info!("producer.start is for the first start; there is a position");
        }
        return resume(position);
    }
    let snapshot = if *start == Start::Snapshot { SnapshotState::Wanted } else { SnapshotState::Ended };
    let mut position = Position::before_the_first(ClusterTime::default(), snapshot);
    let origin = match start {
        Start::Snapshot | Start::Latest => {
            position.cluster_time = source.cluster_time().await?;
            Origin::At(position.cluster_time.next())
        }
        Start::Timestamp(time) => {
            position.cluster_time = time.previous();
            Origin::At(*time)
        }
        Start::Token(data) => {
            let (token, time) = parse_token(data)?;
            position.cluster_time = time;
            position.token = Some(text_of(view(&token)?)?);
            Origin::After(token)
        }
    };
    Ok(Beginning { origin, position, is_first: true, gap: None })
}

/// Goes on from now, because the source no longer holds what followed the position. Where everything is copied again, that is a
/// history of its own: an epoch.
///
/// # Errors
/// Transient when the source does not answer.
pub async fn after_loss(
    state: &State,
    lost: &Position,
    policy: HistoryLost,
    source: &Source,
) -> Result<Beginning> {
    let now = source.cluster_time().await?;
    let position = if policy == HistoryLost::Resnapshot {
        Position { epoch: lost.epoch + 1, ..Position::before_the_first(now, SnapshotState::Wanted) }
    } else {
        // A namespace that is seen for the first time from here on may have been made in the gap.
        Position { cluster_time: now, token: None, listed: None, transaction: None, ..lost.clone() }
    };
    let recorded = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let gap = Gap {
        from: lost.cluster_time,
        to: now,
        policy: policy.name().to_owned(),
        namespaces: state.topics.iter().map(|topic| topic.ns.clone()).collect(),
        recorded,
    };
    Ok(Beginning { origin: Origin::At(now.next()), position, is_first: true, gap: Some(gap) })
}

/// A resume token from its hex digits, and its cluster time.
fn parse_token(data: &str) -> Result<(RawDocumentBuf, ClusterTime)> {
    let unusable = || {
        Error::new(Kind::Misconfigured, "producer.start.token is no resume token (hex, beginning with 82)")
    };
    let token = RawDocumentBuf::try_from(&doc! {"_data": data}).map_err(|_| unusable())?;
    let time = token::cluster_time(view(&token)?).ok_or_else(unusable)?;
    Ok((token, time))
}

fn view(token: &RawDocumentBuf) -> Result<raw::Document<'_>> {
    raw::Document::new(token.as_bytes())
        .map_err(|error| Error::caused(Kind::Invariant, "a token just built is malformed", error))
}

fn resume(position: &Position) -> Result<Beginning> {
    let origin = match &position.token {
        None => Origin::At(position.cluster_time.next()),
        Some(token) => {
            let lost =
                |error: String| Error::new(Kind::PositionLost, format!("the position's token: {error}"));
            let mut bytes = Vec::new();
            codec::decode::document(token.get().as_bytes(), &mut bytes).map_err(|e| lost(e.to_string()))?;
            Origin::After(RawDocumentBuf::from_bytes(bytes).map_err(|e| lost(e.to_string()))?)
        }
    };
    Ok(Beginning { origin, position: position.clone(), is_first: false, gap: None })
}
