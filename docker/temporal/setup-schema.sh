#!/bin/sh
# Brings both of Temporal's databases to the schema of this version. Safe to run again.
set -eu

for database in temporal temporal_visibility; do
  folder=temporal
  [ "$database" = temporal_visibility ] && folder=visibility
  sql() { temporal-sql-tool --plugin postgres12 --ep "$POSTGRES_SEEDS" --port "${POSTGRES_PORT:-5432}" --user "$POSTGRES_USER" --db "$database" "$@"; }
  sql create
  sql setup-schema --version 0.0 || echo "$database has a schema already"
  sql update-schema --schema-name "postgresql/v12/$folder"
done
