-- Incidents of an IT company's ServiceNow (UCI Machine Learning Repository no. 498), one row a
-- change of an incident, into events: the incident is a case, its caller the customer.
--
-- Clocks have no zone and no seconds. Incidents close by themselves five days after they were
-- resolved, and that stays 120 to 121 hours across the changes of clocks in Europe: so these are
-- taken for UTC, and no length of time is wrong by it.
--
-- Rows of an incident stand in the file in the order they happened: times are to the minute, and
-- sys_mod_count skips and goes back. What happened is what a row has differently from the one
-- before: hand-overs and reopenings are not read off reassignment_count and reopen_count, so they
-- can be held to them.
--
-- Nobody asked the caller whether it is settled. Five days in which a resolved incident can be
-- opened again and is not stand for the customer's word.
-- input.delim = ","
-- input.nullstr = "?"

CREATE MACRO read_clock(clock) AS try_strptime(clock, '%d-%m-%Y %H:%M');

CREATE TABLE changes AS
SELECT
  row, number, caller_id, incident_state AS state, assignment_group, assigned_to, priority,
  lower(contact_type) AS channel,
  concat_ws('/', category, subcategory) AS topic,
  read_clock(opened_at) AS opened,
  read_clock(sys_updated_at) AS changed,
  CASE
    WHEN number IS NULL THEN 'without a number'
    WHEN caller_id IS NULL THEN 'nobody called'
    WHEN read_clock(opened_at) IS NULL OR read_clock(sys_updated_at) IS NULL THEN 'a time cannot be read'
    WHEN incident_state IS NULL THEN 'without a state'
  END AS reject_reason
FROM input;

CREATE TABLE steps AS
SELECT
  *,
  lag(state) OVER so_far AS state_before,
  lag(assignment_group) OVER so_far AS group_before,
  row_number() OVER so_far = 1 AS opens,
  NOT opens AND assignment_group IS DISTINCT FROM group_before AS hands_over,
  coalesce(state_before IN ('Resolved', 'Closed'), false) AND state NOT IN ('Resolved', 'Closed')
    AS reopens,
  state = 'Resolved' AND state_before IS DISTINCT FROM 'Resolved' AS resolves,
  state = 'Closed' AND state_before IS DISTINCT FROM 'Closed' AS closes,
  -- The first row of five incidents is from before they were opened.
  greatest(opened, changed) AS moment
FROM changes
WHERE reject_reason IS NULL
WINDOW so_far AS (PARTITION BY number ORDER BY row);

CREATE TABLE told AS
SELECT
  * REPLACE (CASE WHEN kind = 'opened' THEN opened ELSE moment END AS moment),
  row_number() OVER so_far AS nth,
  count(*) FILTER (kind = 'handed_over') OVER so_far AS hand_overs
FROM (
  SELECT
    *,
    unnest([
      CASE WHEN opens THEN 'opened' END,
      CASE WHEN reopens THEN 'reopened' END,
      CASE WHEN hands_over THEN 'handed_over' END,
      CASE WHEN resolves THEN 'resolved' END,
      CASE WHEN closes THEN 'closed' END
    ]) AS kind
  FROM steps
)
WHERE kind IS NOT NULL
WINDOW so_far AS (PARTITION BY number ORDER BY row, kind);

SELECT
  row,
  NULL AS reject_reason,
  concat_ws('-', number, nth, kind) AS id,
  'urn:servicenow:incidents' AS source,
  'touchpoint.complaint.' || CASE kind WHEN 'reopened' THEN 'opened' ELSE kind END || '.v1' AS type,
  caller_id AS subject,
  local_time(moment, 'UTC') AS time,
  number AS "data.complaint",
  'complaint' AS "data.intent",
  nullif(topic, '') AS "data.topic",
  -- 1 a remark, 5 grave; the desk makes its priority of impact and urgency.
  CASE WHEN kind IN ('opened', 'reopened') THEN CASE left(priority, 1)
    WHEN '1' THEN 5 WHEN '2' THEN 4 WHEN '3' THEN 3 WHEN '4' THEN 2
  END END AS "data.severity",
  CASE WHEN kind IN ('opened', 'reopened') THEN channel END AS "data.channel",
  CASE WHEN kind <> 'handed_over' THEN assignment_group END AS "data.department",
  CASE WHEN kind <> 'closed' THEN assigned_to END AS "data.staff",
  CASE WHEN kind = 'handed_over' THEN group_before END AS "data.from_department",
  CASE WHEN kind = 'handed_over' THEN assignment_group END AS "data.to_department",
  CASE WHEN kind = 'resolved' THEN epoch(moment - opened) END AS "data.seconds_to_resolve",
  CASE WHEN kind = 'resolved' THEN hand_overs END AS "data.hand_overs",
  -- A closing that did not hold is told by what opens the incident again.
  CASE WHEN kind = 'closed' THEN true END AS "data.satisfied"
FROM told

UNION ALL BY NAME

SELECT
  row,
  reject_reason,
  'row-' || row AS id,
  'urn:servicenow:incidents' AS source,
  'touchpoint.complaint.opened.v1' AS type,
  caller_id AS subject,
  local_time(changed, 'UTC') AS time
FROM changes
WHERE reject_reason IS NOT NULL;
