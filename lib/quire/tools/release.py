"""A release of the site: one archive, its checksum, and what it was made from."""

import gzip
import hashlib
import io
import json
import tarfile
from pathlib import Path

from quire.files import folder, project_root, read_json, write_atomic

__all__ = ["release"]


def release() -> list[Path]:
    """Pack the rendered site into ``build/release``; equal sites give equal archives.

    Returns:
        The archive, its checksum, the manifest.

    Raises:
        FileNotFoundError: the site has not been rendered.
    """
    build = folder("build")
    html, staged = build / "html", build / "site" / "_data"
    if not (html / "index.html").exists():
        raise FileNotFoundError(f"no site at {html}: `make book` renders it")
    about = read_json(staged / "site.json", {})
    name = f"quire-{about.get('version', '0')}-{str(about.get('commit', 'unknown'))[:10]}"
    archive = _packed(html, name)
    digest = hashlib.sha256(archive).hexdigest()
    manifest = {"archive": f"{name}.tar.gz", "sha256": digest, "bytes": len(archive), **_manifest(staged, about)}
    files = {
        f"{name}.tar.gz": archive,
        f"{name}.tar.gz.sha256": f"{digest}  {name}.tar.gz\n".encode(),
        f"{name}.json": (json.dumps(manifest, indent=1, sort_keys=True, ensure_ascii=False) + "\n").encode(),
    }
    for file, content in files.items():
        write_atomic(build / "release" / file, content)
    return [build / "release" / file for file in files]


def _packed(html: Path, name: str) -> bytes:
    """All files in their order, without times and owners."""
    out = io.BytesIO()
    with gzip.GzipFile(fileobj=out, mode="wb", mtime=0) as packed, tarfile.open(fileobj=packed, mode="w") as archive:
        for path in sorted(html.rglob("*")):
            if path.is_file():
                entry = tarfile.TarInfo(f"{name}/{path.relative_to(html)}")
                entry.size, entry.mode = path.stat().st_size, 0o644
                with path.open("rb") as content:
                    archive.addfile(entry, content)
    return out.getvalue()


def _manifest(staged: Path, about: dict) -> dict:
    """Commit, versions of the lock, and for each chapter its verdicts and what computed its numbers."""
    lock = (project_root() / "lib" / "requirements.lock").read_text(encoding="utf-8").split()
    label = about.get("profile", "book")
    runs = [run for run in read_json(staged / "runs.json", []) if run["label"] == label]
    keys = ("commit", "started", "verdicts", "computation", "fresh")
    chapters = {run["chapter"]: {key: run.get(key) for key in keys} for run in runs}
    keep = {key: about.get(key) for key in ("version", "commit", "dirty", "profile")}
    return {**keep, "lock": lock, "chapters": chapters}
