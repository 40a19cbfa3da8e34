-- SPDX-License-Identifier: Apache-2.0
-- A journal, a log with its index in shared memory, mapped files, and an index over some thousands of rows.
PRAGMA journal_mode=DELETE;
PRAGMA mmap_size=268435456;
CREATE TABLE t(a INTEGER PRIMARY KEY, b TEXT, c REAL);
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<6000)
  INSERT INTO t SELECT i, printf('%08x', i*2654435761 % 4294967296), i/7.0 FROM n;
SELECT count(*), sum(a), total(c), min(b), max(b), avg(c) FROM t;
BEGIN; UPDATE t SET b = b || 'x' WHERE a % 3 = 0; ROLLBACK;
SELECT count(*) FROM t WHERE b LIKE '%x';
BEGIN; DELETE FROM t WHERE a % 5 = 0; SAVEPOINT s; DELETE FROM t; ROLLBACK TO s; COMMIT;
CREATE INDEX tb ON t(b);
SELECT a, b, round(c, 3) FROM t WHERE b > 'fff' ORDER BY b LIMIT 5;
PRAGMA journal_mode=WAL;
PRAGMA mmap_size;
INSERT INTO t SELECT a + 100000, b, c FROM t WHERE a < 2000;
SELECT count(*) FROM t;
PRAGMA wal_checkpoint(TRUNCATE);
PRAGMA journal_mode=DELETE;
VACUUM;
PRAGMA integrity_check;
SELECT hex(sha3(group_concat(b, ''), 256)) FROM (SELECT b FROM t ORDER BY a);
SELECT 1e308*10, 0.1+0.2, 1/3.0, 9007199254740993, CAST('1.5e-300' AS REAL), 5e-324;
SELECT json_extract('{"a":[1,2,{"b":3.25}]}', '$.a[2].b'), strftime('%Y-%m-%d', 86400*365.25, 'unixepoch');
.mode box
SELECT a, b FROM t LIMIT 3;
