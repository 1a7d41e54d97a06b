{{ config(meta={'dagster': {'ref': {'name': 'load_profile_by_product'}}}) }}
-- The half hours of a product add up to its day, exactly, and neither has a product that the other lacks.
with profiles as (
  select reference_date, product_display_name, sum(total_consumption_kwh) as kwh
  from {{ ref('load_profile_by_product') }} where {{ tested('reference_date') }} group by 1, 2
), days as (
  select reference_date, product_display_name, total_consumption_kwh as kwh
  from {{ source('analytics', 'daily_product_consumption') }} where {{ tested('reference_date') }}
)
select reference_date, product_display_name, profiles.kwh as half_hours, days.kwh as day
from profiles full join days using (reference_date, product_display_name)
where profiles.kwh is distinct from days.kwh
