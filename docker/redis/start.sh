#!/bin/sh
# Starts Redis with one user, who may do what the service needs (docs/operate/redis.md) and has the
# password of a secret's file. It goes in through standard input: arguments
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
# Off: nobody can log in as it. Its rights are those that a restart reads the append-only file with.
user default off ~* +@all
user cardioquery on >$(cat "$secret") ~cardioquery:* ~{cardioquery:* +@all -@dangerous -@admin +info
END
