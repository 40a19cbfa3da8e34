-- SPDX-License-Identifier: Apache-2.0
-- Calls, strings, tables, a collector at work, coroutines, and numbers as the C library prints and reads them.
local function fib(n) if n < 2 then return n end return fib(n - 1) + fib(n - 2) end
print(fib(24))
local words = {}
for i = 1, 20000 do words[i] = string.format("%05d:%x:%g", i, i * 7919, i / 7) end
local text = table.concat(words, ",")
print(#text, select(2, text:gsub("%d+:", "")), text:sub(-30), text:find("4242", 1, true))
print(string.format("%.17g %.3f %a %e %g %5.1f|%-8d|%+d", 0.1, 2.5, 1 / 3, 1e300, 1e-310, -0.05, 42, 7))
for _, s in ipairs { "0x1p-1074", "1e308", "1.7976931348623157e308", "4.9e-324", "0.1e-6", "123456789.123456789" } do
  print(tonumber(s), string.format("%.17g", tonumber(s)), tonumber(s) // 1)
end
for x = -2.5, 2.5, 0.5 do io.write(math.floor(x), " ", math.ceil(x), " ", string.format("%.0f", x), " ") end
print()
print(math.sin(1), math.exp(1), math.log(10), math.fmod(-7, 3), -7 % 3, -7 // 2, 7.0 // 0, -7 % math.huge)
print(math.maxinteger + 1 == math.mininteger, 3 | 4, ~0, 1 << 62, "10" + 5, 2 ^ 53)
local co = coroutine.wrap(function() for i = 1, 1000 do coroutine.yield(i) end end)
local sum = 0
for _ = 1, 1000 do sum = sum + co() end
print(sum)
local live = {}
for i = 1, 60000 do live[i % 500] = { i, tostring(i), { i } } end
collectgarbage()
print(live[7][2], collectgarbage("count") < 8000)
print(pcall(error, { code = 1 }) , select("#", pcall(string.rep, "x", -1)))
local f = assert(io.open("lua.tmp", "w")); f:setvbuf("full"); for i = 1, 5000 do f:write(i, "\n") end f:close()
local n = 0
for line in io.lines("lua.tmp") do n = n + tonumber(line) end
print(n, os.remove("lua.tmp"), os.rename("none", "other"))
table.sort(words, function(a, b) return a:reverse() < b:reverse() end)
print(words[1], words[#words])
local p = io.popen("echo from a pipe"); print(p:read("a"), p:close())
