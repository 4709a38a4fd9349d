-- Complaints to UWV, the Dutch employee insurance agency (BPI Challenge 2016; M. Dees and B. van
-- Dongen, 4TU.ResearchData), one row a complaint, into events.
--
-- A case is a complaint, not the dossier it stands in: a dossier holds up to five complaints that
-- one customer made on one day. Only the day is known, so noon in the Netherlands stands for the
-- hour; complaints of one day are then at one time, and none of them repeats another.
--
-- What became of a complaint is not in the data: no hand-over, no answer, no end.
-- input.delim = ";"
-- input.encoding = "latin-1"

CREATE MACRO told(words) AS nullif(words, 'N.A.');

WITH complaints AS (
  SELECT
    row, CustomerID AS customer, ComplaintID AS complaint, ContactChannelID AS channel,
    try_strptime(ContactDate, '%Y-%m-%d') + INTERVAL 12 HOUR AS noon,
    concat_ws('/', told(ComplaintTheme_EN), told(ComplaintSubtheme_EN)) AS topic
  FROM input
)

SELECT
  row,
  CASE
    WHEN customer IS NULL THEN 'without a customer'
    WHEN complaint IS NULL THEN 'without a complaint''s number'
    WHEN noon IS NULL THEN 'ContactDate cannot be read'
  END AS reject_reason,
  'complaint-' || complaint AS id,
  'urn:uwv:complaints' AS source,
  'touchpoint.complaint.opened.v1' AS type,
  customer AS subject,
  local_time(noon, 'Europe/Amsterdam') AS time,
  dst_problem(noon, 'Europe/Amsterdam') AS dst,
  complaint AS "data.complaint",
  'complaint' AS "data.intent",
  -- Coarse on purpose: one matter is complained of in other words the next time.
  nullif(topic, '') AS "data.topic",
  -- What the numbers stand for is not told.
  'channel ' || channel AS "data.channel"
FROM complaints;
