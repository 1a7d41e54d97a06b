-- Energy per product
-- Energy of each product over the chosen dates, and what a meterpoint uses a day on average.
SELECT product_display_name, sum(total_consumption_kwh) AS total_kwh, sum(meterpoint_count) AS meterpoint_days,
       round(sum(total_consumption_kwh) / sum(meterpoint_count), 3) AS kwh_per_meterpoint_day
FROM analytics.daily_product_consumption
WHERE reference_date BETWEEN :'first' AND :'last'
GROUP BY product_display_name
ORDER BY total_kwh DESC
