"""What talks to a long-lived Prefect server: deployments, schedules, clean-up, diagnosis."""
