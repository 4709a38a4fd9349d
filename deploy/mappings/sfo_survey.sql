-- Passengers' answers in the customer survey of San Francisco International Airport, one row a
-- respondent, into events. The same file serves the years 2010 to 2018, whose headers differ:
-- columns are turned into rows (UNPIVOT) and found by their name in capitals, without signs and
-- blanks. In 2010 and 2011 questions have letters instead of names, and other letters each year.
--
-- A customer is a respondent. Respondents are numbered from 1 on each year and the file does not
-- tell the year, so a digest of the header stands before the number.
--
-- Answers are 1 (worst) to 5 (best); 0 (blank) and 6 (never used, don't know) are left out. The
-- rating of the airport as a whole, the likelihood to recommend it (NETPRO) and whether there was
-- a problem are outcomes, no touches, and are left out; so is overall cleanliness, which repeats
-- the five questions before it.

CREATE MACRO tidy(name) AS regexp_replace(upper(name), '[^A-Z0-9]', '', 'g');

CREATE TABLE respondents AS
SELECT row, tidy(asked) AS asked, trim(answer) AS answer
FROM (
  UNPIVOT (SELECT row, COLUMNS(* EXCLUDE (row))::VARCHAR FROM input)
  ON COLUMNS(* EXCLUDE (row)) INTO NAME asked VALUE answer
);

CREATE TABLE survey AS
SELECT
  'sfo-' || left(md5(string_agg(tidy(column_name), ',' ORDER BY column_index)), 6) AS name,
  -- Names of 2010 and 2011 mean nothing without the year.
  CASE WHEN bool_or(tidy(column_name) = 'Q6N') THEN '2010'
    WHEN bool_or(tidy(column_name) = 'Q8N') THEN '2011' ELSE '' END AS lettered
FROM duckdb_columns()
WHERE table_name = 'input' AND column_name <> 'row';

CREATE TABLE questions AS
SELECT DISTINCT asked, question
FROM (VALUES
  ('art', 'Q6A', 'Q8A', 'Q[78]A?ART'),
  ('restaurants', 'Q6B', 'Q8B', 'Q[78]B?FOOD'),
  ('shops', 'Q6C', 'Q8C', 'Q[78]C?(STORE|SHOPS?)'),
  ('signs', 'Q6D', 'Q8D', 'Q[78]D?SIGNS?'),
  ('walkways', 'Q6E', 'Q8E', 'Q[78]E?WALK(WAYS?)?'),
  ('screens', 'Q6F', 'Q8F', 'Q[78]F?SCREENS?'),
  ('information_arrivals', 'Q6G', 'Q8G', 'Q[78]G?INFO(DOWN|ARR)'),
  ('information_departures', 'Q6H', 'Q8H', 'Q[78]H?INFO(UP|DEP)'),
  ('wifi', '-', '-', 'Q7I?WIFI'),
  ('road_signs', 'Q6I', 'Q8I', 'Q[78][IJ]?ROADS?'),
  ('parking', 'Q6J', 'Q8J', 'Q[78][JK]?PARK(ING)?'),
  ('airtrain', 'Q6K', 'Q8K', 'Q[78][KL]?AIRTRAIN'),
  ('parking_shuttle', 'Q6L', 'Q8L', 'Q[78][LM]?LTPARK(ING)?'),
  ('rental_cars', 'Q6M', 'Q8M', 'Q[78][MN]?RENTAL'),
  ('clean_boarding_areas', 'Q8A', 'Q10A', 'Q(9|10)[A-F]?(CLN)?BOARD(ING)?'),
  ('clean_parking', 'Q8B', 'Q10B', 'Q(9|10)[A-F]?(CLN)?PARK(ING)?'),
  ('clean_airtrain', 'Q8C', 'Q10C', 'Q(9|10)[A-F]?(CLN)?AIRTRAIN'),
  ('clean_rental_cars', 'Q8D', 'Q10D', 'Q(9|10)[A-F]?(CLN)?RENT(AL)?'),
  ('clean_restaurants', 'Q8E', 'Q10E', 'Q(9|10)[A-F]?(CLN)?FOOD'),
  ('clean_restrooms', 'Q8F', 'Q10F', 'Q(9|10)[A-F]?(CLN)?(RESTROOMS?|BATH)'),
  ('safety', 'Q9', 'Q11', 'Q1[01]SAFE'),
  ('getting_there', '-', '-', 'Q1[34](GETRATE|RATEGETTO)'),
  ('finding_the_way', 'Q13A', 'Q15A', 'Q1[45]A?FIND'),
  ('security_screening', 'Q13B', 'Q15B', 'Q1[45]B?(PASSTHRU|SECURITY)')
) AS listed(question, in_2010, in_2011, named),
  survey, (SELECT DISTINCT asked FROM respondents)
WHERE regexp_full_match(
  lettered || asked, '2010' || in_2010 || '|2011' || in_2011 || '|' || named
);

CREATE TABLE ratings AS
SELECT row, question, TRY_CAST(answer AS DOUBLE) AS rating
FROM respondents JOIN questions USING (asked)
WHERE TRY_CAST(answer AS DOUBLE) BETWEEN 1 AND 5;

WITH facts AS (
  SELECT
    input.row,
    max(answer) FILTER (asked = 'RESPNUM') AS respondent,
    max(answer) FILTER (asked = 'INTDATE') AS interviewed
  FROM input LEFT JOIN respondents ON respondents.row = input.row
  GROUP BY input.row
),

answered AS (
  SELECT row, to_json(map_from_entries(list({k: question, v: rating} ORDER BY question))) AS answers
  FROM ratings
  GROUP BY row
)

-- Who rated nothing gives no event.
SELECT
  row,
  CASE WHEN respondent IS NULL THEN 'without a respondent''s number' END AS reject_reason,
  survey.name || '-' || respondent AS id,
  'urn:sfo-airport:customer-survey' AS source,
  'touchpoint.survey.answered.v1' AS type,
  survey.name || '-' || respondent AS subject,
  -- In 2016 the date stands there in full, in other years only a day (of the month, or of the
  -- survey). Year and month are not known then: May 2000 stands for them, and noon for the hour.
  local_time(
    coalesce(
      try_strptime(left(interviewed, 10), '%m/%d/%Y'),
      DATE '2000-04-30' + TRY_CAST(interviewed AS INTEGER),
      TIMESTAMP '2000-05-01'
    ) + INTERVAL 12 HOUR,
    'America/Los_Angeles'
  ) AS time,
  'sfo_customer_survey' AS "data.survey",
  answers AS "data.answers"
FROM facts JOIN answered USING (row), survey;
