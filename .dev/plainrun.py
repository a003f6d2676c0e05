"""Run the sweeps of a chapter without a notebook: python plainrun.py CHAPTER PROFILE key=value…"""
import ast, sys, time, re, traceback, yaml, pathlib, os
chapter, profile, *more = sys.argv[1:]
src = pathlib.Path(f"chapters/{chapter}.py").read_text()
values = (yaml.safe_load(pathlib.Path(f"chapters/profiles/{chapter}.yml").read_text()) or {}).get(profile, {})
values |= {k: ast.literal_eval(v) if v[:1] in "[0123456789'\"" else v for k, v in (m.split("=", 1) for m in more)}
cells = re.split(r"(?m)^# %%", src)
names = {"__name__": "chapter"}
for cell in cells:
    head, _, body = cell.partition("\n")
    if "[markdown]" in head or "jupyter:" in cell: continue
    t = time.time()
    body = re.sub(r"(?m)^(claims\.(report|expected|scoreboard)|describe)", r"0 and \1", body)
    try:
        if re.match(r"\s*figure\(", body) and "sweep(" not in body: continue
        exec(compile(body, chapter, "exec"), names)
    except Exception: traceback.print_exc()
    if 'parameters' in head: names |= values
    print(f"[{time.time()-t:.0f} s] {body.strip()[:70]!r}", flush=True)
