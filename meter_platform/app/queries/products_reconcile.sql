-- Do the totals agree?
-- Products and unattributed energy together are the energy of all half hours: the difference is zero on every date.
WITH half_hours AS (
  SELECT reference_date, sum(total_consumption_kwh) AS half_hour_kwh
  FROM analytics.half_hourly_consumption GROUP BY reference_date
), products AS (
  SELECT reference_date, sum(total_consumption_kwh) AS product_kwh
  FROM analytics.daily_product_consumption GROUP BY reference_date
), unattributed AS (
  SELECT reference_date, sum(total_consumption_kwh) AS unattributed_kwh
  FROM analytics.unattributed_consumption GROUP BY reference_date
)
SELECT reference_date, half_hour_kwh, coalesce(product_kwh, 0) AS product_kwh,
       coalesce(unattributed_kwh, 0) AS unattributed_kwh,
       half_hour_kwh - coalesce(product_kwh, 0) - coalesce(unattributed_kwh, 0) AS difference_kwh
FROM half_hours
LEFT JOIN products USING (reference_date)
LEFT JOIN unattributed USING (reference_date)
WHERE reference_date BETWEEN :'first' AND :'last'
ORDER BY reference_date
