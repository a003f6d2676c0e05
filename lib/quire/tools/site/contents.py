"""Which chapters a site shows, and why the others are not there."""

from quire.tools.chapters import chapters
from quire.tools.contents import contents, listed
from quire.tools.places import run_folder

__all__ = ["absent_chapters", "plan"]


def absent_chapters(profile: str, *, strict: bool) -> dict[str, str]:
    """The chapters of the map that cannot be shown, each with the reason.

    Raises:
        ValueError: a chapter is written and not in the map.
        FileNotFoundError: a written chapter has no executed notebook, and ``strict`` wants all of them.
    """
    written, planned = chapters(), listed()
    unlisted = [chapter for chapter in written if chapter not in planned]
    if unlisted:
        raise ValueError(f"chapters {unlisted} are not in book/map.yml: list them under a part")
    absent = {chapter: "not written yet" for chapter in planned if chapter not in written}
    for chapter in written:
        if (run_folder(chapter, profile) / f"{chapter}.ipynb").exists():
            continue
        if strict:
            remedy = f"run `python -m quire run {chapter} --profile {profile}` first"
            raise FileNotFoundError(f"chapter {chapter} has no executed notebook of profile {profile}: {remedy}")
        absent[chapter] = f"not run in profile {profile}"
    return absent


def plan(titles: dict[str, str], absent: dict[str, str]) -> list[dict]:
    """The map of the book, each chapter with its title, whether it is here, and if not, why."""
    found = []
    for entry in (entry for part in contents() for entry in part.chapters):
        chapter = entry["chapter"]
        more = {
            "present": chapter in titles,
            "title": titles.get(chapter, entry["title"]),
            "reason": absent.get(chapter, ""),
        }
        found.append({**entry, **more})
    return found
