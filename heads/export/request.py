"""What an export is asked for, what comes out of it, and what is refused before any work."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from converters import formats
from converters.files.staging import check_output
from heads.errors import UsageError
from heads.export.identity import Evidence, Identity


@dataclass(frozen=True, kw_only=True)
class ExportOptions:
    """How a head is exported.

    With `with_backbone` the file takes images, else embeddings. `backbone` names the network (a converted file, a known
    name or sources); without it those words count that are recorded with the head. `evidence` is what a backbone of
    another sha256 is compared with. `certificate` names the proof's file, beside the output if it is None.
    """

    with_backbone: bool = False
    backbone: tuple[str, ...] = ()
    evidence: Evidence = field(default_factory=Evidence)
    certificate: Path | None = None
    force: bool = False


@dataclass(frozen=True)
class Exported:
    """What came out: `differences` are the largest of embedding, logit and probability, from images to the end.

    `identity` says how the backbone was recognised, None for a head alone.
    """

    files: tuple[Path, ...]
    certificate: Path
    differences: Mapping[str, float]
    identity: Identity | None = None
    notes: tuple[str, ...] = ()


def target_of(out: Path, options: ExportOptions) -> formats.Target:
    """Return the target that writes `out`; UsageError or ConversionError for an output that cannot be written."""
    target = formats.target_of(out)
    target.check_suffix(out)
    if target.suffix(out) == ".weights.h5":
        raise UsageError(f"{out}: holds weights alone; an exported head is a whole model, name it .keras")
    if options.backbone and not options.with_backbone:
        raise UsageError("a backbone is named, but the head is to be exported without it; give --with-backbone too")
    check_output(out, force=options.force, folder=target.is_folder(out))
    if options.certificate or not target.is_folder(out):
        check_output(certificate_place(target, out, options), force=options.force)
    return target


def certificate_place(target: formats.Target, out: Path, options: ExportOptions) -> Path:
    """Return where the certificate goes: the place asked for, inside an output folder, or beside an output file."""
    if options.certificate:
        return options.certificate
    return out / "certificate.json" if target.is_folder(out) else out.with_name(f"{out.name}.certificate.json")
