"""What is kept of a round that went wrong: the findings, the faults with their times, and the histories of the documents concerned."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Dict, List, Sequence

from chaos.faults.conductor import Deed
from chaos.model import DocumentId, Window, time_text
from chaos.verdict import Verdict

MOST_DOCUMENTS = 50


def keep(folder: Path, verdict: Verdict, window: Window, deeds: Sequence[Deed]) -> Path:
    """Writes it all to one file; the logs of all processes stand beside it."""
    file = folder / "evidence.json"
    told = " ".join(one.what for one in verdict.findings)
    concerned = [one for one in {**window.source, **window.target} if str(one) in told][:MOST_DOCUMENTS]
    kept = {
        "verdict": verdict.counts,
        "findings": [f"{one.kind}: {one.what}" for one in verdict.findings],
        "faults": [deed_text(one) for one in deeds],
        "documents": {str(one): _document(one, window) for one in concerned},
    }
    file.write_text(json.dumps(kept, indent=1, default=str))
    return file


def deed_text(deed: Deed) -> str:
    """A fault with its times, as logs write them."""
    began, ended = (
        datetime.fromtimestamp(moment, timezone.utc).isoformat(timespec="milliseconds") for moment in (deed.began, deed.ended)
    )
    return f"{began} to {ended} {deed.kind} {deed.subject}"


def _document(document: DocumentId, window: Window) -> Dict[str, List[Any]]:
    changes = [
        f"{time_text(one.time)} {one.operation} {one.state} #{one.content.hex()[:8]}" for one in window.source.get(document, [])
    ]
    records = [
        f"{one.partition[0]}[{one.partition[1]}]@{one.offset} seq {one.sequence.number} {time_text(one.change.time)} {one.change.operation} "
        f"{one.change.state} #{one.change.content.hex()[:8]}{' snapshot' if one.is_snapshot else ''}"
        for one in window.records
        if one.document == document
    ]
    target = [f"{time_text(one.time)} {one.state}" for one in window.target.get(document, [])]
    return {"source": changes, "records": records, "target": target}
