{#
  Which reference dates a model builds, and how they take the place of those that are stored.

  A model selects its dates by `in_run`, and nothing else. With `meta: {rest_of_month: true}` it is built up to the end of the
  last date's month: for figures of a date that earlier dates of its month go into.
#}

{% macro first_date() -%}
  {%- if execute and not var('first_date', '') -%}
    {{ exceptions.raise_compiler_error("Say which dates to build: --vars '{first_date: 2021-01-01, last_date: 2021-01-03}'") }}
  {%- endif -%}
  {{ var('first_date', '0001-01-01') }}
{%- endmacro %}

{% macro goes_into_later_dates() %}
  {{ return(execute and (model.config.meta or {}).get('rest_of_month', false)) }}
{% endmacro %}

{% macro last_date() -%}
  {%- set last = modules.datetime.date.fromisoformat(var('last_date', first_date()) | string) -%}
  {%- if goes_into_later_dates() -%}
    {%- set last = (last.replace(day=28) + modules.datetime.timedelta(days=4)).replace(day=1) - modules.datetime.timedelta(days=1) -%}
  {%- endif -%}
  {{ last }}
{%- endmacro %}

{# The condition that a date is built by this run. #}
{% macro in_run(column) -%}
  {{ column }} between date '{{ first_date() }}' and date '{{ last_date() }}'
{%- endmacro %}

{# dbt's incremental materialisation calls it for `incremental_strategy: replaced_dates`, in one transaction. #}
{% macro get_incremental_replaced_dates_sql(arg_dict) %}
  {%- set columns = get_quoted_csv(arg_dict['dest_columns'] | map(attribute='name')) -%}
  delete from {{ arg_dict['target_relation'] }} where {{ in_run('reference_date') }};
  insert into {{ arg_dict['target_relation'] }} ({{ columns }}) select {{ columns }} from {{ arg_dict['temp_relation'] }}
{% endmacro %}

{# The condition that a date is tested: those of the run, or all where it names none. Generic tests have it by themselves. #}
{% macro tested(column) -%}
  {{ column }} between date '{{ var('first_date', '0001-01-01') }}' and date '{{ var('last_date', '9999-12-31') }}'
{%- endmacro %}
