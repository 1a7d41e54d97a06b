{# Models are in the schema that the profile names; one that a model configures stands as it is, not behind another. #}
{% macro generate_schema_name(custom_schema_name, node) -%}
  {{ custom_schema_name or target.schema }}
{%- endmacro %}
