#!/usr/bin/env bash
# The runs behind the table and the gallery of docs/models.md: every backbone on the four toy
# datasets, one seed each, by behaviour cloning with the recipe `toys`, recorded in the
# repository's own registry. Two runs at a time: each takes one core.
set -euo pipefail
cd "$(dirname "$0")/.."

run() {
    dataset=$1 seed=$2
    shift 2
    agent run --dataset "toy/$dataset" --seed "$seed" --backbone "$@" --tag toys --quiet \
        --registry registry.db --output "${RUNS:-runs}"
}
export -f run

backbones="flow
ot-flow
diffusion
diffusion backbone.head=noise
diffusion backbone.path=gvp
diffusion backbone.path=ve
consistency
consistency backbone.ema=0
trajectory
trajectory backbone.path=linear
trajectory backbone.teacher=heun
shortcut
mean-flow
bidirectional
one-step
gaussian
deterministic"

for seed in 10; do
    for dataset in eight-gaussians two-moons pinwheel checkerboard; do
        while read -r backbone; do echo "$dataset $seed $backbone"; done <<<"$backbones"
    done
done | xargs -P 2 -L 1 bash -c 'run "$@"' _
