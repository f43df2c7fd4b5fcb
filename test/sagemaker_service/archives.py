"""Folders to and from the archives that the service keeps them in."""

import tarfile


def pack(folder, archive):
    """The archive's root is the content of the folder."""
    archive.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(archive, "w:gz", compresslevel=1) as file:
        for path in sorted(folder.iterdir()):
            file.add(path, arcname=path.name)
    return archive


def unpack(archive, folder):
    folder.mkdir(parents=True, exist_ok=True)
    with tarfile.open(archive) as file:
        # Python before 3.11.4 has no filters.
        file.extraction_filter = getattr(tarfile, "data_filter", None)
        file.extractall(folder)
    return folder
