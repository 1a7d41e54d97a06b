{{ config(meta={'dagster': {'ref': {'name': 'consumption_by_region'}}}) }}
-- Attributed energy of all regions + unattributed energy = the half hours of the date, exactly.
with sums as (
  select reference_date, sum(attributed_consumption_kwh) as kwh, 0::numeric as half_hours
  from {{ ref('consumption_by_region') }} where {{ tested('reference_date') }} group by 1
  union all
  select reference_date, sum(total_consumption_kwh), 0
  from {{ source('analytics', 'unattributed_consumption') }} where {{ tested('reference_date') }} group by 1
  union all
  select reference_date, 0, sum(total_consumption_kwh)
  from {{ source('analytics', 'half_hourly_consumption') }} where {{ tested('reference_date') }} group by 1
)
select reference_date, sum(kwh) as regions_and_unattributed, sum(half_hours) as half_hours
from sums
group by 1
having sum(kwh) <> sum(half_hours)
