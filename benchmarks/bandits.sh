#!/usr/bin/env bash
# The runs behind the tables and the figure of docs/bandits.md: every objective that is regularised
# by a divergence from the data, at three temperatures, on both bandits, with the recipe `bandits`,
# recorded in the repository's own registry. Two runs at a time: each takes one core.
set -euo pipefail
cd "$(dirname "$0")/.."

run() {
    dataset=$1 seed=$2
    shift 2
    agent run --dataset "bandit/$dataset" --seed "$seed" --objective "$@" --tag bandits --quiet \
        --registry "${REGISTRY:-registry.db}" --output "${RUNS:-runs}"
}
export -f run

at() { # an objective with options, in which BETA stands for each temperature
    objective=$1 options=$2
    for beta in ${BETAS:-1 4 16}; do
        echo "$objective ${options//BETA/$beta}"
    done
}

objectives() {
    at gmpo objective.beta=BETA
    at gmpo-softmax objective.beta=BETA
    at gmpg objective.beta=BETA
    at gmpg "objective.beta=BETA objective.kl=path objective.policy_steps=1000"
    at sfbc inference.beta=BETA
    at qgpo objective.beta=BETA
    at qam objective.beta=BETA
    BETAS="${ETAS:-1 2 4}" at gtp objective.eta=BETA
}

for seed in ${SEEDS:-10}; do
    for dataset in quadratic multi-peak; do
        while read -r objective; do echo "$dataset $seed $objective"; done < <(objectives)
    done
done | xargs -P "${JOBS:-2}" -L 1 bash -c 'run "$@"' _
