"""Scripts that Redis runs in one step for the store of conditions.

Each script takes the same three keys: documents by the hash of their term, the hash of the term by
the condition's id, and the revision. A revision is the server's time in microseconds, and always
higher than the one before: after Redis has lost its last writes, no revision is used twice.
"""

_ADVANCE = """
local function advance()
    local time = redis.call('TIME')
    local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
    local last = tonumber(redis.call('GET', KEYS[3]) or '0')
    redis.call('SET', KEYS[3], string.format('%.0f', math.max(now, last + 1)))
end
"""

READ = """
return {redis.call('GET', KEYS[3]), redis.call('HGETALL', KEYS[1])}
"""

# The key of the term, the id, the document. Returns the document that is kept; nothing if another
# term has the id.
ADD = (
    _ADVANCE
    + """
local kept = redis.call('HGET', KEYS[1], ARGV[1])
if kept then return kept end
if redis.call('HEXISTS', KEYS[2], ARGV[2]) == 1 then return false end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
redis.call('HSET', KEYS[2], ARGV[2], ARGV[1])
advance()
return ARGV[3]
"""
)

# The id. Returns how many were removed.
REMOVE = (
    _ADVANCE
    + """
local term = redis.call('HGET', KEYS[2], ARGV[1])
if not term then return 0 end
redis.call('HDEL', KEYS[1], term)
redis.call('HDEL', KEYS[2], ARGV[1])
advance()
return 1
"""
)

# The key of the term, the document that is there, the one to replace it.
REPLACE = (
    _ADVANCE
    + """
if redis.call('HGET', KEYS[1], ARGV[1]) ~= ARGV[2] then return 0 end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
advance()
return 1
"""
)

# A revision, then key of the term, id and document of each condition of that revision. Puts them
# back if what is there is older.
RESTORE = """
if tonumber(redis.call('GET', KEYS[3]) or '0') >= tonumber(ARGV[1]) then return 0 end
redis.call('DEL', KEYS[1], KEYS[2])
for i = 2, #ARGV, 3 do
    redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 2])
    redis.call('HSET', KEYS[2], ARGV[i + 1], ARGV[i])
end
redis.call('SET', KEYS[3], ARGV[1])
return 1
"""
