-- Calls of the "Anonymous Bank" call centre (Technion, 1999), one row a call, into events.
--
-- Event time is the end of the call: the end of service, else of the queue, else of the voice
-- response unit (VRU). Clocks are Israel's; a call may go over midnight, its date is the start's.
--
-- Customer: 0 means that nobody identified the caller: an anonymous event. An id such as
-- 6.02701E+11 was damaged by a spreadsheet, and several customers may have become one: such rows
-- are rejected, for a wrong customer is worse than none, and can be imported once mended.
-- PHANTOM rows are calls that the owners of the data say to ignore: rejected.
--
-- call_id is not unique; with line, day and moment of entry it is, whatever the order of rows.
-- A customer of priority 2 is high-value: the tier becomes gold with the call that first shows it.
-- input.delim = "\t"

CREATE MACRO moment(day, clock) AS try_strptime(day || ' ' || clock, '%y%m%d %H:%M:%S');

WITH calls AS (
  SELECT
    row,
    moment(date, vru_entry) AS began,
    moment(date, CASE
      WHEN TRY_CAST(ser_time AS INTEGER) > 0 OR ser_exit <> '0:00:00' THEN ser_exit
      WHEN TRY_CAST(q_time AS INTEGER) > 0 OR q_exit <> '0:00:00' THEN q_exit
      ELSE vru_exit
    END) AS ended_that_day,
    concat_ws('-', date, strftime(began, '%H%M%S'), "vru+line", call_id) AS call,
    customer_id, priority, type AS kind, outcome, server,
    TRY_CAST(vru_time AS INTEGER) AS vru_seconds,
    TRY_CAST(q_time AS INTEGER) AS queue_seconds,
    TRY_CAST(ser_time AS INTEGER) AS service_seconds
  FROM input
),

judged AS (
  SELECT
    *,
    -- The VRU's clock is up to some minutes off the queue's, so only half a day back is midnight.
    CASE WHEN ended_that_day < began - INTERVAL 12 HOUR
      THEN ended_that_day + INTERVAL 1 DAY ELSE ended_that_day END AS ended,
    CASE WHEN customer_id <> '0' THEN customer_id END AS customer,
    CASE WHEN priority = '2' THEN 'gold' ELSE 'ordinary' END AS tier,
    CASE
      WHEN outcome = 'PHANTOM' THEN 'PHANTOM: no real call'
      WHEN NOT coalesce(regexp_full_match(customer_id, '[0-9]+'), false)
        THEN 'customer_id is damaged: ' || coalesce(customer_id, 'missing')
      WHEN began IS NULL OR ended_that_day IS NULL THEN 'date or time cannot be read'
      WHEN outcome NOT IN ('AGENT', 'HANG') OR outcome IS NULL
        THEN 'unknown outcome ' || coalesce(outcome, 'missing')
      WHEN kind NOT IN ('PS', 'PE', 'NE', 'IN', 'NW', 'TT') OR kind IS NULL
        THEN 'unknown type ' || coalesce(kind, 'missing')
      WHEN queue_seconds IS NULL OR service_seconds IS NULL THEN 'seconds cannot be read'
    END AS reject_reason
  FROM calls
),

tiers AS (
  SELECT
    *,
    lag(tier, 1, 'ordinary') OVER (PARTITION BY customer ORDER BY began, call) AS earlier_tier
  FROM judged
  WHERE reject_reason IS NULL AND customer IS NOT NULL
)

SELECT
  row,
  reject_reason,
  call AS id,
  'urn:anonymous-bank:call-centre' AS source,
  'touchpoint.call.completed.v1' AS type,
  customer AS subject,
  CASE WHEN customer IS NULL THEN true END AS anonymous,
  local_time(ended, 'Asia/Jerusalem') AS time,
  dst_problem(ended, 'Asia/Jerusalem') AS dst,
  -- TT: the customer had asked to be called back, so the bank called, at the customer's wish.
  CASE WHEN kind = 'TT' THEN 'outbound' ELSE 'inbound' END AS "data.direction",
  CASE kind
    WHEN 'NE' THEN 'purchase'   -- stock exchange
    WHEN 'NW' THEN 'enquiry'    -- a prospect asks
    WHEN 'IN' THEN 'fault'      -- support for the bank's site
    ELSE 'help'                 -- PS, PE: regular activity; TT: call-back
  END AS "data.intent",
  CASE kind
    WHEN 'PS' THEN 'regular_activity'
    WHEN 'PE' THEN 'regular_activity_english'
    WHEN 'NE' THEN 'stock_exchange'
    WHEN 'NW' THEN 'prospect'
    WHEN 'IN' THEN 'internet_support'
    WHEN 'TT' THEN 'call_back'
  END AS "data.topic",
  queue_seconds AS "data.wait_seconds",
  outcome = 'HANG' AS "data.abandoned",
  -- Negative where the two clocks disagree.
  CASE WHEN vru_seconds >= 0 THEN vru_seconds END AS "data.ivr_seconds",
  -- A few callers who hung up have seconds of service with nobody: not talk.
  CASE WHEN outcome = 'AGENT' THEN service_seconds END AS "data.talk_seconds",
  CASE WHEN server <> 'NO_SERVER' THEN server END AS "data.staff"
FROM judged

UNION ALL BY NAME

SELECT
  row,
  call || '-tier' AS id,
  'urn:anonymous-bank:call-centre' AS source,
  'touchpoint.customer.profiled.v1' AS type,
  customer AS subject,
  local_time(began, 'Asia/Jerusalem') AS time,  -- before the call it belongs to
  tier AS "data.tier"
FROM tiers
WHERE tier <> earlier_tier;
