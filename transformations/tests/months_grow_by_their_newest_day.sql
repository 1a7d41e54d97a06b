{{ config(meta={'dagster': {'ref': {'name': 'product_month_to_date'}}}) }}
-- What a date adds to the stored date before it in the month is its own energy, exactly.
with months as (
  select reference_date, product_display_name, total_consumption_kwh as kwh,
         lag(total_consumption_kwh) over (
           partition by product_display_name, date_trunc('month', reference_date) order by reference_date) as before
  from {{ ref('product_month_to_date') }}
)
select reference_date, product_display_name, kwh, before, daily.total_consumption_kwh
from months
left join {{ source('analytics', 'daily_product_consumption') }} as daily using (reference_date, product_display_name)
where {{ tested('reference_date') }} and kwh - coalesce(before, 0) <> coalesce(daily.total_consumption_kwh, 0)
