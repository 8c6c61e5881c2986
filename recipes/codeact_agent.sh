#!/usr/bin/env bash
# CodeActAgent, small: an adapter of an embedded model, taught by the environments' experts alone. No model teaches here, so
# no model's terms apply; no task of a bench suite is in it. Steps that are done are not done again.
set -euo pipefail
MODEL=${MODEL:-qwen2.5-coder-1.5b}  # of `codeact models list`
RANK=${RANK:-4}                     # of the adapter: 9 MB for the 1.5B
RATE=${RATE:-6e-4}                  # a third of it learns next to nothing in so few steps
EPOCHS=${EPOCHS:-0.65}              # 110 steps: 40 minutes on two quiet cores
SEED=${SEED:-100}                   # of the tasks to learn from
HELD_OUT=${HELD_OUT:-20}            # tasks of each environment that base and adapted model are compared on, of seed 900
AGAINST=${AGAINST:-}                # data of suites that rows are compared with too, as in "mint=PATH gsm8k=PATH"
BENCH=${BENCH:-20}                  # tasks of m3tooleval, drawn evenly over its domains
OUT=${OUT:-codeact-runs/agent-$MODEL}

codeact models pull "$MODEL"

# 1. Collect: mostly errands, whose functions nobody has seen, and some of each other environment.
while read -r env count; do
  codeact instruct collect --env "$env" --model expert --option "seed=$SEED" --option "count=$count" --out "$OUT/collected"
done <<'TASKS'
errands 374
search 20
math 24
programming 20
tables 24
household 10
TASKS

# 2. Select, and export. Two turns are enough, and an action that failed is read, not learned: only the way out of it is.
against=()
for suite in $AGAINST; do against+=(--bench "$suite"); done
test -e "$OUT/rows.jsonl" || codeact instruct select "$OUT"/collected/*.jsonl --filter turns=2 "${against[@]}" \
  --context-only unreadable,cut,erred --out "$OUT/rows.jsonl"
test -e "$OUT/dataset/train.jsonl" || codeact instruct export "$OUT/rows.jsonl" --validation 0.04 --out "$OUT/dataset"

# 3. Train. In a pack, what rows begin with alike is computed once: a quarter of all tokens.
begun=()
test ! -e "$OUT/adapter/start.json" || begun=(--resume)
test -e "$OUT/adapter/training.json" || codeact train --base "local:$MODEL" --data "$OUT/dataset/train.jsonl" \
  --validation "$OUT/dataset/validation.jsonl" --length 2048 --too-long drop --batch 1 --rank "$RANK" --rate "$RATE" \
  --warmup 6 --epochs "$EPOCHS" --save-every 18 "${begun[@]}" --out "$OUT/adapter"

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
