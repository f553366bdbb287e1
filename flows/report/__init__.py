"""Everything a person looks at: pages, plots, terminal tables and artifacts in Prefect's UI."""
