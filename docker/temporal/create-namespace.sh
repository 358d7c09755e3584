#!/bin/sh
# Waits for the server, then makes sure that the namespace exists. Safe to run again.
set -eu

until temporal operator cluster health; do sleep 2; done
temporal operator namespace describe "$TEMPORAL_NAMESPACE" ||
  temporal operator namespace create --retention "$RETENTION" "$TEMPORAL_NAMESPACE"
