-- Gives what is held of a session: its version, the count of all its messages, the newest of them.
-- KEYS: the head, then the list. ARGV: the most messages wanted.
local head = redis.call('HMGET', KEYS[1], 'version', 'count')
if not head[1] then
    return {}
end
return {head[1], head[2], redis.call('LRANGE', KEYS[2], -ARGV[1], -1)}
