-- The account of every file
-- Where the rows of each file are: stored, rejected, delivered again, replaced since, withdrawn, waiting, or pruned. They add up.
SELECT url, outcome, rows_in_file, rows_stored, rows_rejected, rows_redelivered, rows_replaced, rows_withdrawn,
       rows_pending, rows_pruned,
       rows_in_file - rows_stored - rows_rejected - rows_redelivered - rows_replaced - rows_withdrawn - rows_pending
         - rows_pruned AS unaccounted
FROM raw_data.source_files
ORDER BY source_file_id DESC
LIMIT 1000
