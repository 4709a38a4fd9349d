-- Who was not content with the airport, for `touchpoint assess`; runs after sfo_survey.sql, whose
-- tables it reads.
--
-- A detractor would hardly recommend the airport: NETPRO, 0 to 10, at most 6 (Reichheld 2003); 11
-- is blank. It was asked from 2017 on. Before, the rating of the airport as a whole stands for it,
-- 1 to 5, at most 3: the worse three of five grades, as 0 to 6 are the worse seven of eleven. Both
-- are left out of the events.

CREATE TABLE overall AS
SELECT
  row,
  CASE WHEN asked = 'NETPRO' THEN 'detractor: NETPRO at most 6'
    ELSE 'the airport as a whole rated at most 3 of 5' END AS label,
  CASE WHEN asked = 'NETPRO' THEN grade <= 6 ELSE grade <= 3 END AS outcome
FROM (SELECT row, lettered || asked AS asked, TRY_CAST(answer AS DOUBLE) AS grade
  FROM respondents, survey)
WHERE CASE WHEN EXISTS (SELECT * FROM respondents WHERE asked = 'NETPRO')
  THEN asked = 'NETPRO' AND grade BETWEEN 0 AND 10
  ELSE regexp_full_match(asked, '2010Q6N|2011Q8N|Q[78][NO]?(ALL|WHOLE)') AND grade BETWEEN 1 AND 5
END;

SELECT
  survey.name || '-' || answer AS subject,
  label,
  outcome,
  (SELECT avg(rating) FROM ratings WHERE ratings.row = overall.row)
    AS "baseline.mean of all ratings"
FROM overall JOIN respondents USING (row), survey
WHERE asked = 'RESPNUM';
