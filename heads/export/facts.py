"""What an exported file says of itself beside what every converted model says: how to decide, and where all is from."""

from dataclasses import replace
from typing import Any

from converters.ir import Graph, Source
from heads.models.head import Head

# The words that data facts and artefacts share: what each licence that restricts use to research has in it.
RESTRICTED = ("non-commercial", "noncommercial", "non commercial", "cc by-nc", "cc-by-nc", "research only")
ANNOTATED = "labels are those that annotators or data sources gave, not facts about a person"


def restricted(licence: str) -> bool:
    """Return whether a licence text restricts use to non-commercial purposes."""
    return any(word in licence.lower() for word in RESTRICTED)


def licence_of(head: Head, backbone: str = "") -> str:
    """Return the licence that an exported head is under: that of the backbone whose embeddings it was trained on.

    `backbone` is what the backbone says itself; it counts where the embeddings name none.
    """
    return head.embedding.licence or backbone


def exported_facts(head: Head, *, with_backbone: bool) -> dict[str, Any]:
    """Return the facts that go into an exported file, plain JSON values; labels and licence have places of their own.

    The crop is stated because it is not part of the file: whoever runs it cuts the face out first.
    """
    spec, calibration = head.embedding, head.calibration
    told: dict[str, Any] = {
        "output": f"probability of the label '{head.positive}'; {ANNOTATED}",
        "positive_class": head.positive,
        "threshold": calibration.threshold,
        "abstain_from": calibration.abstain_from,
        "abstain_to": calibration.abstain_to,
        "temperature": calibration.temperature,
        "recipe": head.recipe,
        "head_kind": head.kind,
        "embedding": {
            "backbone": spec.model,
            "backbone_sha256": spec.model_sha256,
            "nodes": list(spec.nodes),
            "dimensions": list(spec.dimensions),
            "normalized": spec.normalized,
        },
        "crop": {"kind": spec.crop.kind, **spec.crop.settings, "in_this_file": False},
        "use": _use(head),
    }
    if with_backbone:
        told["resize"] = str(spec.preprocessing.get("interpolation", "not recorded"))
    else:
        told["embedding"]["preprocessing"] = dict(spec.preprocessing)
    if "data" in head.facts:
        told["data"] = head.facts["data"]
    return told


def _use(head: Head) -> str:
    return "non-commercial" if restricted(licence_of(head)) else "see licence"


def told_by(graph: Graph, head: Head, *, with_backbone: bool) -> Graph:
    """Return the graph with labels (negative, positive), licence and facts of a head to be written into its file."""
    source = graph.source if with_backbone else Source("head", licence=head.embedding.licence)
    return replace(
        graph,
        labels=head.labels,
        source=replace(source, licence=licence_of(head, source.licence)),
        facts={**graph.facts, **exported_facts(head, with_backbone=with_backbone)},
    )
