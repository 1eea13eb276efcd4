#!/bin/sh
# require-secret.sh FILE COMMAND [ARGUMENT ...]: runs the command if the secret is there.
set -eu
if [ ! -s "$1" ]; then
  echo "refusing to start: the secret $1 is missing or empty: run \`make secrets\`" >&2
  exit 1
fi
shift
exec "$@"
