-- The snapshot that was taken for a date says which product a meterpoint had on the date, and which on the day before. So a
-- date is built from its own snapshot alone, whichever dates were loaded before it. As everywhere, a meterpoint with several
-- agreements in force has no product: no rule chooses one.
with products as (
  select agreements.reference_date, agreements.meterpoint_id, looked_at.day,
         case when count(*) = 1 then min(product.display_name) end as display_name
  from {{ source('raw_data', 'raw_agreements') }} as agreements
  join {{ source('raw_data', 'raw_products') }} as product using (reference_date, product_id)
  cross join lateral (values (agreements.reference_date - 1), (agreements.reference_date)) as looked_at(day)
  where {{ in_run('agreements.reference_date') }} and {{ in_run('product.reference_date') }}
    and agreements.agreement_valid_from <= looked_at.day
    and (agreements.agreement_valid_to is null or looked_at.day < agreements.agreement_valid_to)
  group by 1, 2, 3
), both_days as (
  select reference_date, meterpoint_id,
         min(display_name) filter (where day < reference_date) as previous_product_display_name,
         min(display_name) filter (where day = reference_date) as product_display_name
  from products
  group by 1, 2
)
select reference_date, previous_product_display_name, product_display_name,
       case when previous_product_display_name is null then 'joined'
            when product_display_name is null then 'left'
            else 'switched' end as kind,
       count(*) as meterpoint_count,
       now() as loaded_at
from both_days
where previous_product_display_name is distinct from product_display_name
group by 1, 2, 3
