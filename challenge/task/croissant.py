"""The Croissant card of a task (MLCommons Croissant 1.1), so that other tools can read it.

`public/` beside the file is the whole data set: contents are named by paths relative to it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from challenge.kinds import LabelType, kind_of
from challenge.task.columns import Column, vector_columns
from challenge.task.datasheet import UNANSWERED
from challenge.task.files import sha256_of_file
from challenge.task.modalities import modality_of

__all__ = ["croissant_document"]

_LABEL_TYPES: Mapping[LabelType, str] = {
    "class": "sc:Text",
    "match": "sc:Integer",
    "number": "sc:Float",
    "thing": "sc:Text",
}

_CONTEXT: dict[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataBiases": "cr:dataBiases",
    "dataCollection": "cr:dataCollection",
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileObject": "cr:fileObject",
    "fileProperty": "cr:fileProperty",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "personalSensitiveInformation": "cr:personalSensitiveInformation",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}


def croissant_document(public: Path, document: Mapping[str, Any]) -> dict[str, Any]:
    """Return croissant.json for a public folder whose task.json is `document`."""
    tables = ("train", "test", "folds")
    files = [
        _file(public, f"{name}.{suffix}", kind)
        for name in tables
        for suffix, kind in (("parquet", "application/x-parquet"), ("csv", "text/csv"))
    ]
    files.append(_file(public, "sample_submission.csv", "text/csv"))
    if any(modality_of(column["modality"]).is_image for column in document["columns"]):
        files += [_images("png"), _images("jpg")]
    licences = sorted({source["licence"] for source in document["sources"] if source["licence"]})
    names = [source["attribution"] for source in document["sources"] if source["attribution"]]
    return {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.1",
        "name": document["id"],
        "alternateName": document["title"],
        "description": " ".join(document["description"].split()) or document["title"],
        "license": licences or [UNANSWERED],
        "creator": [{"@type": "sc:Organization", "name": name} for name in dict.fromkeys(names)],
        "version": f"1.0.0+{document['digests']['data'][:12]}",
        "citeAs": f"{document['title']} ({document['id']}, {document['digests']['data'][:12]})",
        "isLiveDataset": False,
        "distribution": files,
        "recordSet": [_records(name, _fields(name, document)) for name in tables],
    }


def _file(public: Path, name: str, kind: str) -> dict[str, Any]:
    path = public / name
    return {
        "@type": "cr:FileObject",
        "@id": name,
        "name": name,
        "contentUrl": name,
        "contentSize": f"{path.stat().st_size} B",
        "encodingFormat": kind,
        "sha256": sha256_of_file(path),
    }


def _images(suffix: str) -> dict[str, Any]:
    return {
        "@type": "cr:FileSet",
        "@id": f"images-{suffix}",
        "name": f"images-{suffix}",
        "encodingFormat": f"image/{'jpeg' if suffix == 'jpg' else suffix}",
        "includes": f"images/*.{suffix}",
    }


def _fields(table: str, document: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Return name, Croissant type and description of each column of a table."""
    rows = f"the {kind_of(document['kind']).row}"
    fields = [("id", "sc:Text", f"Opaque name of {rows}")]
    if table == "folds":
        return [*fields, ("fold", "sc:Integer", "Fold of train, 0 to 4")]
    if document["record_ids"]:
        fields += [
            (f"{side}_id", "sc:Text", f"Opaque name of the {side} record")
            for side in ("left", "right")
        ]
    for column in document["columns"]:
        kind = modality_of(column["modality"]).croissant_type(Column(**column))
        description = column["description"] or column["name"]
        fields.append((column["name"], kind, f"{description} ({column['modality']})"))
    kind_of_task = kind_of(document["kind"])
    if kind_of_task.has_things:
        fields.append(("role", "sc:Text", "Whether the row is a query or of the gallery"))
        fields += [
            (name, "sc:Float", "A number of the vector of the old model")
            for name in vector_columns(document["dimensions"])
        ]
    if table == "train":
        fields += [
            (name, "sc:Float", f"The {name} of the label, hidden in test")
            for name in kind_of_task.log_columns
        ]
        kind = _LABEL_TYPES[kind_of_task.label]
        fields.append(("label", kind, "What is to be predicted"))
    return fields


def _records(table: str, fields: Sequence[tuple[str, str, str]]) -> dict[str, Any]:
    return {
        "@type": "cr:RecordSet",
        "@id": table,
        "name": table,
        "key": {"@id": f"{table}/id"},
        "field": [
            {
                "@type": "cr:Field",
                "@id": f"{table}/{_safe(name, index)}",
                "name": f"{table}/{_safe(name, index)}",
                "description": description,
                "dataType": kind,
                "source": {
                    "fileObject": {"@id": f"{table}.parquet"},
                    "extract": {"column": name},
                },
            }
            for index, (name, kind, description) in enumerate(fields)
        ],
    }


def _safe(name: str, index: int) -> str:
    """Return the column's name if it is a valid part of an identifier, else its number."""
    return name if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_-]*", name) else f"column-{index}"
