#!/usr/bin/env bash
# Everything that needs a GPU, in one run; it installs nothing.
#
#   benchmarks/gpu.sh [RECORDINGS]     the bundled recording, if no folder is named
#   DEVICE=cpu CONFIG=small.toml MINUTES=0.1 RUNS=1 SECONDS_OF_AUDIO=2 benchmarks/gpu.sh     a trial without a GPU
#
# swc batch there and back on the device, and encoding on the CPU beside it; the share of codes in which the two differ,
# at most 0.1 %; speed with the model loaded; and swc train, with --compile, for a minute. A line at the end says what
# failed, and so does the exit code. PYTHON names the interpreter, OUT a folder for what is made.
set -uo pipefail
device=${DEVICE:-cuda} python=${PYTHON:-python}
config=$(realpath "${CONFIG:-$(dirname "$0")/../models/swc-44k/config.toml}")
recordings=$(realpath "${1:-$(dirname "$0")/../swc/data}")
out=${OUT:-$(mktemp -d)}
cd "$(dirname "$0")/.." || exit
export PYTHONPATH=$PWD
compile=--compile
[ "$device" = cpu ] && compile=
failed=

part() { # TITLE COMMAND...
    local title=$1
    shift
    echo "== $title"
    time "$@" || failed+=" $title;"
}
swc() { "$python" -m swc "$@"; }

"$python" - "$device" <<'PY' || exit
import sys
import torch
from swc.codec.device import find_device
device = find_device(sys.argv[1])
name = torch.cuda.get_device_name(device) if device.type == "cuda" else "no GPU"
print(f"{device}: {name}, torch {torch.__version__}, {torch.get_num_threads()} threads")
PY
part "encode on $device" swc batch encode "$recordings" "$out/device" --device "$device" --force --quiet
part "encode on the CPU" swc batch encode "$recordings" "$out/cpu" --force --quiet
part "decode on $device" swc batch decode "$out/device" "$out/decoded" --device "$device" --force --quiet
part "codes" "$python" benchmarks/same_codes.py "$out/cpu" "$out/device" --most 0.001
part "speed" "$python" benchmarks/speed.py --device "$device" --runs "${RUNS:-9}" --seconds ${SECONDS_OF_AUDIO:-10 60}
part "training" swc train "$config" --data "$recordings" --out "$out/run" --device "$device" $compile \
    --max-minutes "${MINUTES:-1}"
echo "outputs are in $out"
[ -z "$failed" ] && echo "all passed" || { echo "failed:$failed"; exit 1; }
