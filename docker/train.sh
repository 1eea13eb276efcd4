#!/bin/sh
# train CONFIG: trains, calibrates, evaluates and exports on the recordings at /data.
set -eu
if [ ! -d /data/ptb-xl ]; then
  echo "refusing to start: no recordings at /data/ptb-xl: set SHARED to the folder that holds data/ptb-xl" >&2
  exit 1
fi
for recipe in pretrain calibrate reference evaluate export; do
  echo "== $recipe"
  python -m "model_training.recipes.$recipe" --config "$1" --shared /data
done
