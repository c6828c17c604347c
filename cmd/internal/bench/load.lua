-- What wrk sends and what it checks. Arguments: type, beginning of the keys
-- (Unix ms, and 3 hexadecimal digits like no other load's), token, file of accounts (one a line), and the pause of a connection between
-- two requests, in ms; with one, refusals (503) are counted and not wrong. Each
-- thread has accounts of its own. Of the type "customer" the lines are a
-- follower, its session and the id of its account, and what is asked for is the
-- balance through the customer's door.
local threads = {}

function setup(thread)
  thread:set("id", #threads)
  table.insert(threads, thread)
end

function init(args)
  kind, token = args[1], args[3]
  local ms, load = string.match(args[2], "(%d+)-(%x+)")
  began, middle = tonumber(ms), string.format("-7%03x-8%s-", id, load)
  accounts = {}
  local n = 0
  for line in io.lines(args[4]) do
    if n % 2 == id then accounts[#accounts + 1] = line end
    n = n + 1
  end
  pause = tonumber(args[5])
  if pause > 0 then
    delay = function() return pause end
  end
  sent, refused, wrong, sample, expected = 0, 0, 0, "", '"outcome":"approved"'
  if kind == "customer" then
    expected = '"balance":123456'
    for i, line in ipairs(accounts) do
      local subject, session, id = string.match(line, "(%S+) (%S+) (%S+)")
      accounts[i] = "GET /v1/customer/balances?account=" .. id .. " HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer " .. token ..
        "\r\nFollower-Channel: wechat\r\nFollower-Subject: " .. subject .. "\r\nSession-Token: " .. session .. "\r\n\r\n"
    end
  end
  local length = #('{"type":"' .. kind .. '","account":"') + #accounts[1] + #('"}')
  head = "POST /v1/transactions HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer " .. token ..
    "\r\nContent-Type: application/json\r\nContent-Length: " .. length .. "\r\nIdempotency-Key: "
  body = '\r\n\r\n{"type":"' .. kind .. '","account":"'
end

-- key is a UUIDv7, as fronts make them; a millisecond has four.
function key()
  local ms = began + math.floor(sent / 4)
  return string.format("%08x-%04x%s%012x", math.floor(ms / 65536), ms % 65536, middle, sent)
end

function request()
  sent = sent + 1
  if kind == "customer" then return accounts[sent % #accounts + 1] end
  return head .. key() .. body .. accounts[sent % #accounts + 1] .. '"}'
end

function response(status, headers, answer)
  if status == 503 and pause > 0 then
    refused = refused + 1
  elseif status ~= 200 or not string.find(answer, expected, 1, true) then
    wrong = wrong + 1
    if sample == "" then sample = status .. " " .. answer end
  end
end

function done(summary, latency, requests)
  local refused, wrong, sample = 0, 0, ""
  for _, t in ipairs(threads) do
    refused = refused + t:get("refused")
    wrong = wrong + t:get("wrong")
    if sample == "" then sample = t:get("sample") end
  end
  local e = summary.errors
  io.write(string.format("RESULT %d %d %d %d %d\n", summary.requests, summary.duration, refused, wrong,
    e.connect + e.read + e.write + e.timeout))
  if sample ~= "" then io.write("SAMPLE " .. sample:gsub("%s+", " ") .. "\n") end
end
