#!/usr/bin/env bash
# The runs behind the tables and the figure of docs/bandits.md: every objective that is regularised
# by a divergence from the data, at three temperatures, on both bandits, with the recipe `bandits`,
# recorded in the repository's own registry. The temperatures of an objective train as one program,
# two programs at a time: each takes one core.
set -euo pipefail
cd "$(dirname "$0")/.."

run() {
    dataset=$1 seed=$2
    shift 2
    agent run --dataset "bandit/$dataset" --seed "$seed" --objective "$@" --tag bandits --quiet \
        --registry "${REGISTRY:-registry.db}" --output "${RUNS:-runs}"
}
export -f run

betas=${BETAS:-1,4,16} etas=${ETAS:-1,2,4}
objectives=(
    "gmpo objective.beta=$betas"
    "gmpo-softmax objective.beta=$betas"
    "gmpg objective.beta=$betas"
    "gmpg objective.beta=$betas objective.kl=path objective.policy_steps=1000"
    "sfbc inference.beta=$betas"
    "qgpo objective.beta=$betas"
    "qam objective.beta=$betas"
    "gtp objective.eta=$etas"
)

for seed in ${SEEDS:-10}; do
    for dataset in quadratic multi-peak; do
        for objective in "${objectives[@]}"; do echo "$dataset $seed $objective"; done
    done
done | xargs -P "${JOBS:-2}" -L 1 bash -c 'run "$@"' _
