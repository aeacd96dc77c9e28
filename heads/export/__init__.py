"""A head as a file of its own, alone or with backbone, preprocessing and temperature, proved from pixels."""

from heads.export.exporting import export
from heads.export.identity import Evidence
from heads.export.request import Exported, ExportOptions

__all__ = ["Evidence", "ExportOptions", "Exported", "export"]
