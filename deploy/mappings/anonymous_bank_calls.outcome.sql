-- Who hung up in the second half of the month, for `touchpoint assess`; runs after
-- anonymous_bank_calls.sql, whose result `mapped` it reads.
--
-- Customers with calls on days 1-14 and on days 15-28; only what came before day 15 is used.

CREATE VIEW halves AS
SELECT
  subject, "data.abandoned" AS hung_up,
  local_time(strftime(timezone('Asia/Jerusalem', first), '%Y-%m-15'), 'Asia/Jerusalem') AS middle,
  time < middle AS early
FROM (
  SELECT *, min(time) OVER () AS first
  FROM mapped
  WHERE reject_reason IS NULL AND type = 'touchpoint.call.completed.v1' AND subject IS NOT NULL
);

SELECT
  subject,
  'a hang-up on days 15-28' AS label,
  middle AS until,
  bool_or(hung_up) FILTER (NOT early) AS outcome,
  1 - avg(hung_up::INTEGER) FILTER (early) AS "baseline.share of calls kept"
FROM halves
GROUP BY subject, middle
HAVING bool_or(early) AND NOT bool_and(early);
