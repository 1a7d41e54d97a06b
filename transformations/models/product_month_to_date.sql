{{ config(meta={'rest_of_month': true}) }}
-- A date takes in every earlier one of its month. So a run builds the rest of the month as well, and a late correction of the
-- third shows in the figures of the thirtieth.
with dates as (
  select distinct reference_date
  from {{ source('analytics', 'daily_product_consumption') }}
  where {{ in_run('reference_date') }}
)
select dates.reference_date,
       daily.product_display_name,
       daily.is_export,
       count(*) as day_count,
       sum(daily.total_consumption_kwh) as total_consumption_kwh,
       now() as loaded_at
from dates
join {{ source('analytics', 'daily_product_consumption') }} as daily
  on daily.reference_date between date_trunc('month', dates.reference_date)::date and dates.reference_date
group by dates.reference_date, daily.product_display_name, daily.is_export
