"""A catalog as one blob: what the warehouse keeps for each published version, and how it is read back."""

import io
import zipfile
from collections.abc import Mapping

_EPOCH = (1980, 1, 1, 0, 0, 0)


def pack(files: Mapping[str, bytes]) -> bytes:
    """Return the files as a zip archive that depends on nothing but paths and contents.

    Args:
        files: relative POSIX path → bytes, as `Catalog.files` holds them.
    """
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        for path in sorted(files):
            entry = zipfile.ZipInfo(path, _EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.create_system = 3
            archive.writestr(entry, files[path])
    return out.getvalue()


def unpack(blob: bytes) -> dict[str, bytes]:
    """Return the files of a packed catalog; `load` takes them as it takes a folder.

    Raises:
        zipfile.BadZipFile: the blob is damaged.
    """
    with zipfile.ZipFile(io.BytesIO(blob)) as archive:
        return {entry.filename: archive.read(entry) for entry in archive.infolist()}
