#!/bin/sh
# Does Redis take the password and answer?
REDISCLI_AUTH=$(cat /run/secrets/redis/password)
export REDISCLI_AUTH
[ "$(redis-cli --user cardioquery ping)" = PONG ]
