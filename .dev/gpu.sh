export PYTHONPATH=$PWD/lib:/tmp/site QUIRE_DATA=$PWD/.dev/data OMP_NUM_THREADS=2 PYTHONUNBUFFERED=1 PATH=/tmp/site/bin:$PATH
[ -d /tmp/site ] || python3 -m pip install -q --no-index --no-deps --no-compile --no-cache-dir --upgrade --target /tmp/site .whl/*.whl 2>&1 | tail -2
python3 -c "import torch,sys; print(torch.__version__, torch.cuda.get_device_name(), sys.version)"
python3 -m ipykernel install --prefix /tmp/kern --name python3 >/dev/null 2>&1; export JUPYTER_PATH=/tmp/kern/share/jupyter
q() { s=$SECONDS; timeout $1 python3 -m quire run "${@:2}" 2>&1 | tail -25; echo "== $* took $((SECONDS-s)) s"; }
