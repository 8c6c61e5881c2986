#!/usr/bin/env bash
# CodeActAgent, small: an adapter of an embedded model, taught by the environments' experts alone. No model teaches here, so
# no model's terms apply; no task of a bench suite is in it. Steps that are done are not done again.
set -euo pipefail
MODEL=${MODEL:-qwen2.5-coder-1.5b}  # of `codeact models list`
RANK=${RANK:-4}                     # of the adapter: 9 MB for the 1.5B
RATE=${RATE:-2e-4}
EPOCHS=${EPOCHS:-1}
AT_ONCE=${AT_ONCE:-2}               # of the four rows of a step: what they begin with alike is computed once; takes memory
SEED=${SEED:-100}                   # of the tasks to learn from
HELD_OUT=${HELD_OUT:-20}            # tasks of each environment that base and adapted model are compared on, of seed 900
BENCH=${BENCH:-20}                  # tasks of m3tooleval, drawn evenly over its domains
OUT=${OUT:-codeact-runs/agent-$MODEL}

codeact models pull "$MODEL"

# 1. Collect, with so many tasks of each that none crowds out the others: about 200,000 tokens in all.
while read -r env count; do
  codeact instruct collect --env "$env" --model expert --option "seed=$SEED" --option "count=$count" --out "$OUT/collected"
done <<'TASKS'
search 44
math 45
programming 40
tables 60
household 20
errands 121
TASKS

# 2. Select by the default filters, and export.
test -e "$OUT/rows.jsonl" || codeact instruct select "$OUT"/collected/*.jsonl --out "$OUT/rows.jsonl"
test -e "$OUT/dataset/train.jsonl" || codeact instruct export "$OUT/rows.jsonl" --validation 0.05 --out "$OUT/dataset"

# 3. Train. Rows are not packed but drawn one by one, so that each small step is of several environments.
begun=()
test ! -e "$OUT/adapter/start.json" || begun=(--resume)
test -e "$OUT/adapter/training.json" || codeact train --base "local:$MODEL" --data "$OUT/dataset/train.jsonl" \
  --validation "$OUT/dataset/validation.jsonl" --no-pack --length 3072 --rank "$RANK" --rate "$RATE" --epochs "$EPOCHS" \
  --batch 4 --at-once "$AT_ONCE" --save-every 4 "${begun[@]}" --out "$OUT/adapter"

# 4. Evaluate: the bench, tasks of the environments that neither has seen, and whether reading suffered.
models=(--model "local:$MODEL" --model "local:$MODEL+$OUT/adapter/adapter.gguf")
for profile in fixed paper; do
  codeact bench m3tooleval --profile "$profile" --tasks "$BENCH" --actions code --temperature 0 --no-report \
    "${models[@]}" --out "$OUT/bench"
done
for env in search math programming tables household errands; do
  codeact bench "$env" --option seed=900 --tasks "$HELD_OUT" --actions code --temperature 0 --no-report \
    "${models[@]}" --out "$OUT/bench"
done
codeact report "$OUT"/bench/*.jsonl --out "$OUT/report"
test ! -n "${NEUTRAL:-}" || python "$(dirname "$0")/perplexity.py" "$NEUTRAL" --base "$MODEL" --adapter "$OUT/adapter"
