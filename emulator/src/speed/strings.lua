-- SPDX-License-Identifier: Apache-2.0
-- Strings and tables, with the collector at work.
for round = 1, tonumber(arg[1]) do
  local parts = {}
  for i = 1, 3000 do parts[#parts + 1] = ("x"):rep(i % 17) .. i end
  local text = table.concat(parts, ",")
  local count = 0
  for word in text:gmatch("[^,]+") do if word:find("7", 1, true) then count = count + 1 end end
  assert(count == 813, count)
end
