"""The command line: run, judge, compare, publish, render. Nothing here is imported by a chapter."""
