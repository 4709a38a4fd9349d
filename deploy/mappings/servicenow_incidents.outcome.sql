-- What the desk says of each incident, for `touchpoint cases`: how often it changed hands and was
-- opened again, and whether it missed its service level. That field is TRUE until the incident is
-- closed, so the last row counts.
-- input.delim = ","
-- input.nullstr = "?"

SELECT
  number AS "case",
  max(TRY_CAST(reassignment_count AS INTEGER)) AS hand_overs,
  max(TRY_CAST(reopen_count AS INTEGER)) AS reopened,
  NOT arg_max(TRY_CAST(made_sla AS BOOLEAN), row) AS breached
FROM input
WHERE number IS NOT NULL
GROUP BY number;
