"""``python -m quire``, the same as the console script ``quire``."""


def main() -> None:
    """Run the command line.

    Raises:
        SystemExit: a package of the extra "book" is not installed, which the library alone does without.
    """
    try:
        from quire.tools.cli import main as run
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] == "quire":
            raise
        remedy = 'pip install "./lib[book]" in the checkout'
        raise SystemExit(f"quire: the command line needs {error.name}, which is not installed: {remedy}") from None
    run()


if __name__ == "__main__":
    main()
