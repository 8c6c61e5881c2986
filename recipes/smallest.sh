#!/usr/bin/env bash
# The whole road in minutes on two cores: 135 million parameters, some generated tasks, and their experts as teachers.
# It shows that every part works; it is no recipe for a better model. Steps that are done are not done again.
set -euo pipefail
MODEL=${MODEL:-smollm2-135m}        # of `codeact models list`
ENVS=${ENVS:-search math programming tables household}
TASKS=${TASKS:-30}                  # of each environment
EPOCHS=${EPOCHS:-3}
LENGTH=${LENGTH:-2048}              # tokens of a sequence
HELD_OUT=${HELD_OUT:-4}             # tasks that base and adapter are compared on, of another seed
REPLY=${REPLY:-512}                 # tokens of a reply, at most: a model this small does not always find an end
OUT=${OUT:-codeact-runs/smallest}

codeact models pull "$MODEL"

# 1. Collect: the experts play, through the same loop and sandbox as a model would.
# shellcheck disable=SC2086 # a list of names
codeact instruct collect $(printf -- '--env %s ' $ENVS) --model expert --tasks "$TASKS" --out "$OUT/collected"

# 2. Select what is worth training on; nothing that is in a bench.
test -e "$OUT/rows.jsonl" || codeact instruct select "$OUT"/collected/*.jsonl --out "$OUT/rows.jsonl"

# 3. Export: training and validation, split by task, with a card.
test -e "$OUT/dataset/train.jsonl" || codeact instruct export "$OUT/rows.jsonl" --validation 0.1 --out "$OUT/dataset"

# 4. Train an adapter for the very file that is served.
held_out=()  # a small set may have no task for validation
test ! -e "$OUT/dataset/validation.jsonl" || held_out=(--validation "$OUT/dataset/validation.jsonl")
begun=()
test ! -e "$OUT/adapter/start.json" || begun=(--resume)
test -e "$OUT/adapter/training.json" || codeact train --base "local:$MODEL" --data "$OUT/dataset/train.jsonl" \
  "${held_out[@]}" --length "$LENGTH" --epochs "$EPOCHS" "${begun[@]}" --out "$OUT/adapter"

# 5. Evaluate base and adapter on tasks that neither has seen.
codeact bench tables --actions code --option seed=1 --tasks "$HELD_OUT" --temperature 0 --reply-tokens "$REPLY" --no-report \
  --out "$OUT/bench" \
  --model "local:$MODEL" --model "local:$MODEL+$OUT/adapter/adapter.gguf"
