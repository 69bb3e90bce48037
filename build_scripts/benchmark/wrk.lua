-- One request, always the same. Arguments: the absolute URL or path to ask for, the Host, "close" or "keep".
local bytes

function init(args)
   local headers = { ["Host"] = args[2], ["User-Agent"] = "wrk", ["Accept"] = "*/*" }
   if args[3] == "close" then headers["Connection"] = "close" end
   bytes = wrk.format("GET", args[1], headers)
end

function request()
   return bytes
end

function done(summary, latency)
   local e = summary.errors
   io.write(string.format(
      "RESULT {\"requests\": %d, \"duration_us\": %d, \"p50_us\": %d, \"p99_us\": %d, \"errors\": %d}\n",
      summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
      e.connect + e.read + e.write + e.status + e.timeout))
end
