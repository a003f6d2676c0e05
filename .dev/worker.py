import sys, time, yaml, traceback
which = sys.argv[1]; shard, of = map(int, sys.argv[2].split("/"))
from quire.sweep import sweep, Grid
from quire.sweep.handles import handles_in
def prof(c):
    import re
    src=open(f"chapters/{c}.py").read(); d={}
    for m in re.finditer(r"(?m)^(\w+): \w+ = (.+?)  # ", src): d[m[1]]=eval(m[2])
    return d | yaml.safe_load(open(f"chapters/profiles/{c}.yml")).get(sys.argv[3] if len(sys.argv)>3 else "paper", {})
def part(cells):  # cells that share a handle stay together
    groups={}
    for c in cells:
        h=list(handles_in(c)); groups.setdefault(h[0].key if h else str(c),[]).append(c)
    return Grid([c for k,g in enumerate(groups.values()) if k % of == shard for c in g])
def go(f, cells):
    cells = part(cells)
    t=time.time()
    for c in cells:
        try: sweep(f, [c], device="auto")
        except Exception: traceback.print_exc(limit=3)
    print(f"{which} {shard}/{of} {f.__name__}: {len(cells)} cells in {time.time()-t:.0f} s at {time.time()-T:.0f}", flush=True)
T=time.time()
if which.startswith("pc"):
    from quire.experiments.phase_collapse import cells, learned_cells, plans
    p=prof("phase_collapse")
    if which=="pc-learned": go(learned_cells.learned, plans.learned_cells(images=p["images"],train_images=p["train_images"],epochs=p["epochs"],learning_rate=p["learning_rate"],seeds=p["net_seeds"]))
    if which=="pc-textures": go(cells.textures, plans.texture_cells(side=p["side"],fields=p["fields"],loops=p["loops"],seeds=p["texture_seeds"]))
    if which=="pc-digits": go(cells.digit_errors, plans.digit_cells(seeds=p["digit_seeds"])); go(cells.class_means, plans.mean_cells(parts=p["mean_parts"])); go(cells.phase_shifts, plans.shift_cells())
else:
    from quire.experiments.rainbow import cells, plans
    p=prof("rainbow"); rates={"standard":p["standard_rate"],"mean-field":p["mean_field_rate"]}
    tr=dict(images=p["images"],train_images=p["train_images"],widths=p["widths"],rates=rates,epochs=p["epochs"])
    if which=="rb-features": go(cells.random_features, plans.feature_cells(images=p["images"],train_images=p["train_images"],widths=p["feature_widths"],draws=p["feature_draws"]))
    if which=="rb-nets":
        tr["widths"]=tr["widths"][::-1]
        go(cells.spectra, plans.start_cells(training=tr,seeds=p["seeds"],most=[64])); go(cells.row_moments, plans.start_cells(training=tr,seeds=p["seeds"],directions=[10]))
        go(cells.distances, plans.pair_cells(**tr,seeds=p["seeds"],draws=p["draws"])); go(cells.accuracies, plans.network_cells(**tr,seeds=p["seeds"],draws=p["draws"]))
    if which=="rb-pixel":
        w=256 if 256 in p["widths"] else p["widths"][-1]
        go(cells.distances, plans.pair_cells(**(tr|{"widths":[w],"rates":{"mean-field":p["mean_field_rate"]}}),seeds=p["seeds"],draws=p["draws"],centring="pixel"))
