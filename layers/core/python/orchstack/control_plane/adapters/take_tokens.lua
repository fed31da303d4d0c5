-- Takes a token of each bucket, or of none if one is short; refuses a key that was revoked.
-- KEYS: the mark of a revoked key, then one bucket each. ARGV: the seconds a bucket takes to fill,
-- then the size of each bucket. Gives 0/1 revoked, 0/1 admitted, then the tokens left in each.
if redis.call('EXISTS', KEYS[1]) == 1 then
    return {1, 0}
end
local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1000000
local window = tonumber(ARGV[1])
local admitted = 1
local tokens = {}
for i = 2, #KEYS do
    local size = tonumber(ARGV[i])
    local bucket = redis.call('HMGET', KEYS[i], 'tokens', 'at')
    local left = tonumber(bucket[1] or size)
    local at = tonumber(bucket[2] or now)
    tokens[i] = math.min(size, left + math.max(0, now - at) * size / window)
    if tokens[i] < 1 then
        admitted = 0
    end
end
local answer = {0, admitted}
for i = 2, #KEYS do
    if admitted == 1 then
        tokens[i] = tokens[i] - 1
        redis.call('HSET', KEYS[i], 'tokens', string.format('%.9f', tokens[i]),
            'at', string.format('%.6f', now))
        redis.call('EXPIRE', KEYS[i], window)
    end
    answer[i + 1] = string.format('%.9f', tokens[i])
end
return answer
