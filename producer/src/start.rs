//! Where a slice begins (pure, but for asking the source its time).

use bson::{RawDocumentBuf, doc};
use common::{
    cluster_time::ClusterTime,
    codec,
    config::types::Start,
    error::{Error, Kind, Result},
    position::{Position, SnapshotState},
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
    /// Whether this is the first start, so that the position has to be written before anything else.
    pub is_first: bool,
}

/// Goes on from the position, or begins as configured where there is none.
///
/// # Errors
/// Transient when the source does not answer; [`Kind::PositionLost`] when the position's token cannot be understood;
/// [`Kind::Misconfigured`] when the configured token cannot.
pub async fn decide(state: &State, start: &Start, source: &Source) -> Result<Beginning> {
    if let Some(position) = &state.position {
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
    Ok(Beginning { origin, position, is_first: true })
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
    Ok(Beginning { origin, position: position.clone(), is_first: false })
}
