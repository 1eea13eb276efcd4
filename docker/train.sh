#!/bin/sh
# train CONFIG: trains, calibrates, evaluates and exports on the recordings at /data.
set -eu
if [ ! -d /data/ptb-xl ]; then
  echo "refusing to start: no recordings at /data/ptb-xl: set SHARED to the folder that holds data/ptb-xl" >&2
  exit 1
fi
# Made of installed packages, for a configuration that names it.
encoder=runs/text/multilingual-e5-small
if grep -q "folder:$encoder" "$1" && [ ! -f "$encoder/model.safetensors" ]; then
  python -m model_training.recipes.make_text_encoder --folder "$encoder"
fi
for recipe in pretrain calibrate reference evaluate export; do
  echo "== $recipe"
  python -m "model_training.recipes.$recipe" --config "$1" --shared /data
done
