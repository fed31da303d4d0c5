-- Holds the newest messages of a session. KEYS: the head (version, count of all messages, bytes
-- held), then the list. ARGV: the version that these are added to, or '' to begin anew; the version
-- with them; the count with them; seconds to live; the most messages and bytes to hold; then the
-- messages, oldest first. Gives {1} if they are held, {0} if another
-- version is.
local head, list = KEYS[1], KEYS[2]
if ARGV[1] == '' then
    redis.call('DEL', head, list)
elseif redis.call('HGET', head, 'version') ~= ARGV[1] then
    return {0}
end
local bytes = 0
for i = 7, #ARGV do
    redis.call('RPUSH', list, ARGV[i])
    bytes = bytes + #ARGV[i]
end
bytes = redis.call('HINCRBY', head, 'bytes', bytes)
local held = redis.call('LLEN', list)
while held > tonumber(ARGV[5]) or (held > 0 and bytes > tonumber(ARGV[6])) do
    bytes = redis.call('HINCRBY', head, 'bytes', -#redis.call('LPOP', list))
    held = held - 1
end
redis.call('HSET', head, 'version', ARGV[2], 'count', ARGV[3])
redis.call('EXPIRE', head, ARGV[4])
redis.call('EXPIRE', list, ARGV[4])
return {1}
