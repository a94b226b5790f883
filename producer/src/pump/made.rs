//! Collections that come into being: whether they can be carried, as the `create` event says (6.0+).

use common::{
    error::Result,
    event::ChangeEvent,
    namespace::Namespace,
    raw::{self, Document},
};

use super::{Pump, unreadable};
use crate::snapshot::catalog::Sort;

impl Pump {
    /// Whether a collection that comes into being is to be carried; a view is not.
    ///
    /// # Errors
    /// [`Kind::Misconfigured`] for one of a kind that cannot be carried.
    pub(super) fn may_be_made(&self, event: &ChangeEvent<'_>, db: &str, coll: &str) -> Result<bool> {
        let ns = Namespace::new(db, coll);
        if !self.routes.filter().carries(&ns) {
            return Ok(false);
        }
        let kind = kind_of(event.bytes)?;
        if kind == Sort::View {
            tracing::info!(%ns, "a view is not carried: it holds no documents");
        }
        kind.check(&ns, self.source.server.version)?;
        Ok(matches!(kind, Sort::Plain | Sort::Capped))
    }
}

/// A time series collection is told of as a view on its buckets.
fn view_on(option: &raw::Element<'_>) -> Result<Sort> {
    let of = option.as_str().map_err(unreadable)?.unwrap_or_default();
    Ok(if of.starts_with("system.buckets.") { Sort::TimeSeries } else { Sort::View })
}

/// What sort of collection a `create` event makes, as its `operationDescription` says.
fn kind_of(event: Document<'_>) -> Result<Sort> {
    let description = event.get("operationDescription").map_err(unreadable)?;
    for option in description.and_then(|e| e.as_document()).unwrap_or(Document::EMPTY).elements() {
        let option = option.map_err(unreadable)?;
        match option.name {
            b"viewOn" => return view_on(&option),
            b"timeseries" => return Ok(Sort::TimeSeries),
            b"capped" if option.as_bool() == Some(true) => return Ok(Sort::Capped),
            _ => {}
        }
    }
    Ok(Sort::Plain)
}
