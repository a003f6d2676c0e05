. .dev/gpu.sh
export OMP_NUM_THREADS=1 QUIRE_BACKEND=sequential QUIRE_STORE=$PWD/build/pstore
(timeout 50 python3 -X faulthandler -c "
import faulthandler,sys; faulthandler.dump_traceback_later(30)
sys.argv=['quire','run','phase_collapse']
from quire.__main__ import main; main()" > /tmp/q.log 2>&1; tail -40 /tmp/q.log > $OUT/q.log; find build -name log.txt | xargs -r cat >> $OUT/q.log; ps aux | grep python | head -20 >> $OUT/q.log) &
L=${LIMIT:-330}
for k in 0 1 2 3 4 5; do timeout $L python3 .dev/worker.py pc-learned $k/6 > /tmp/w-l$k.log 2>&1 & done
for k in 0 1 2 3 4 5 6 7 8 9; do timeout $L python3 .dev/worker.py rb-nets $k/10 > /tmp/w-r$k.log 2>&1 & done
timeout $L python3 .dev/worker.py rb-features 0/1 > /tmp/w-f.log 2>&1 &
timeout $L python3 .dev/worker.py rb-pixel 0/1 > /tmp/w-p.log 2>&1 &
for k in 0 1 2 3; do timeout $L python3 .dev/worker.py pc-textures $k/4 > /tmp/w-t$k.log 2>&1 & done
for k in 0 1; do timeout $L python3 .dev/worker.py pc-digits $k/2 > /tmp/w-d$k.log 2>&1 & done
wait
for f in /tmp/w-*.log; do echo "-- $f"; tail -4 $f | cut -c1-300; done
tar czf $OUT/store.tgz --exclude='*drawn_textures*' --exclude='*trained_weights*' -C build pstore; ls -la $OUT; nvidia-smi --query-gpu=memory.used --format=csv
