"""Stages submitted to Prefect, in order, once per artifact."""
