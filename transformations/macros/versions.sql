{#
  Notes from what each date of a model was built, as the platform notes it of its own tables (docs/decisions/finished.md):
  whatever is built from an older version, or by another text of the model, is told, and asked for again.
#}

{# The tables that a model reads, by name, seen through views and ephemeral models, which store nothing. #}
{% macro tables_read(node) %}
  {%- set names = [] -%}
  {%- for id in node.depends_on.nodes -%}
    {%- set read = graph.nodes.get(id) -%}
    {%- if read and read.config.materialized in ('view', 'ephemeral') -%}
      {%- do names.extend(tables_read(read)) -%}
    {%- else -%}
      {%- do names.append(id.split('.')[-1]) -%}
    {%- endif -%}
  {%- endfor -%}
  {{ return(names | unique | sort) }}
{% endmacro %}

{# The text that a model is built by: its own, and that of the views and ephemeral models it reads. #}
{% macro text_of(node) %}
  {%- set texts = [node.raw_code] -%}
  {%- for id in node.depends_on.nodes -%}
    {%- set read = graph.nodes.get(id) -%}
    {%- if read and read.config.materialized in ('view', 'ephemeral') -%}
      {%- do texts.append(text_of(read)) -%}
    {%- endif -%}
  {%- endfor -%}
  {{ return(texts | join('\n')) }}
{% endmacro %}

{#
  Before a model reads: one build of it at a time, and the versions of what it reads. They are read first: if a newer one is
  published meanwhile, the date counts as older than its input, and is built again. A date that the platform has not stored
  is not noted.
#}
{% macro read_versions() %}
  {%- if execute and config.get('materialized') == 'incremental' -%}
  {%- set of_month = goes_into_later_dates() -%}
  select pg_advisory_xact_lock(hashtextextended('{{ this.schema }}.{{ this.identifier }}', 0));
  create temporary table versions_read on commit drop as
  select stored.reference_date,
         coalesce(string_agg(
           concat('{{ 'month:' if of_month }}', read.name, '=', coalesce(version, 0)), ' ' order by read.name), '') as built_from
  from (select distinct reference_date from raw_data.partition_versions
        where table_name = 'half_hourly_consumption' and {{ in_run('reference_date') }}) as stored
  cross join unnest(array[
    {%- for name in tables_read(graph.nodes[model.unique_id]) %}'{{ name }}'{{ ',' if not loop.last }}{% endfor -%}
  ]::text[]) as read(name)
  left join lateral (
    select max(version) as version from raw_data.partition_versions as noted
    where noted.table_name = read.name and noted.reference_date
      between {{ "date_trunc('month', stored.reference_date)::date" if of_month else 'stored.reference_date' }} and stored.reference_date
  ) as newest on true
  group by stored.reference_date
  {%- endif -%}
{% endmacro %}

{# After a model is built, in its transaction. #}
{% macro note_versions() %}
  {%- if execute and config.get('materialized') == 'incremental' -%}
  insert into raw_data.partition_versions as old
    (reference_date, table_name, version, rows_stored, built_from, rules, loaded_at, whole_version)
  select reference_date, '{{ this.identifier }}', number, rows_stored, built_from,
         '{{ local_md5(var('timezone') ~ text_of(graph.nodes[model.unique_id])) }}', now(), number
  from (
    select versions_read.*, nextval('raw_data.partition_version') as number,
           (select count(*) from {{ this }} as built where built.reference_date = versions_read.reference_date) as rows_stored
    from versions_read
  ) as noted
  on conflict (reference_date, table_name) do update set version = excluded.version, rows_stored = excluded.rows_stored,
    built_from = excluded.built_from, rules = excluded.rules, loaded_at = excluded.loaded_at,
    whole_version = excluded.whole_version
  {%- endif -%}
{% endmacro %}
