-- Who switched product, and when
-- Agreements that begin on the day another of the same meterpoint ends, as the newest snapshot has them.
WITH snapshot AS (
  SELECT a.meterpoint_id, a.agreement_valid_from, a.agreement_valid_to, p.display_name
  FROM raw_data.raw_agreements AS a
  JOIN raw_data.raw_products AS p USING (reference_date, product_id)
  WHERE reference_date = (SELECT max(reference_date) FROM raw_data.raw_agreements WHERE reference_date <= :'last')
    AND (agreement_valid_to IS NULL OR agreement_valid_from < agreement_valid_to)
)
SELECT new.agreement_valid_from AS switched_on, new.meterpoint_id, old.display_name AS from_product,
       new.display_name AS to_product
FROM snapshot AS new
JOIN snapshot AS old ON old.meterpoint_id = new.meterpoint_id AND old.agreement_valid_to = new.agreement_valid_from
WHERE new.agreement_valid_from BETWEEN :'first' AND :'last'
ORDER BY switched_on, new.meterpoint_id
