#!/bin/sh
# Starts Redis with the password of a secret's file. It goes in through standard input: arguments
# and environments can be read from outside.
set -eu
secret=/run/secrets/redis/password
refuse() {
  echo "refusing to start: $1" >&2
  exit 1
}
[ -s "$secret" ] || refuse "the secret $secret is missing or empty: run \`make secrets\`"
{ touch /data/.writable && rm /data/.writable; } 2>/dev/null ||
  refuse "the volume at /data cannot be written to: mount it writable for user $(id -u)"
exec redis-server /etc/redis/redis.conf - << END
requirepass $(cat "$secret")
END
