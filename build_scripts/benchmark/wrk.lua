-- One request, always the same, or with "vary" none twice. Arguments: the absolute URL or path to ask for, the Host,
-- "close", "keep" or "vary".
local bytes
local pieces
local number = 0

function init(args)
   local headers = { ["Host"] = args[2], ["User-Agent"] = "wrk", ["Accept"] = "*/*" }
   if args[3] == "close" then headers["Connection"] = "close" end
   if args[3] == "vary" then
      headers["X-Number"] = "NUMBER"
      bytes = wrk.format("GET", args[1] .. "?NUMBER", headers)
      pieces = {}
      for piece in (bytes .. "NUMBER"):gmatch("(.-)NUMBER") do pieces[#pieces + 1] = piece end
   else
      bytes = wrk.format("GET", args[1], headers)
   end
end

function request()
   if pieces then
      number = number + 1
      return table.concat(pieces, tostring(number))
   end
   return bytes
end

function done(summary, latency)
   local e = summary.errors
   io.write(string.format(
      "RESULT {\"requests\": %d, \"duration_us\": %d, \"p50_us\": %d, \"p99_us\": %d, \"errors\": %d}\n",
      summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
      e.connect + e.read + e.write + e.status + e.timeout))
end
