#!/usr/bin/env bash
# The runs behind the README's table: three objectives, five seeds each, and the reference policies,
# recorded in the repository's own registry. The settings were chosen on seeds 0 and 7.
# Two runs at a time: each takes one core.
set -euo pipefail
cd "$(dirname "$0")/.."

seeds="10 11 12 13 14"
run() {
    agent run --objective "$1" --seed "$2" --tag readme --quiet --registry registry.db \
        --output "${RUNS:-runs}"
}
export -f run

agent datasets reference pointmaze/umaze --episodes 100 --record --tag readme --registry registry.db
for objective in gmpg gmpo bc; do
    for seed in $seeds; do echo "$objective $seed"; done
done | xargs -P 2 -L 1 bash -c 'run "$@"' _
