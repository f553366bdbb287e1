"""Where things lie: content-addressed artifacts in Zarr, Parquet and safetensors.

`Store` decides what is complete, `SampleArrays` holds anything that has a row per sample, and the
other modules say how scores, edits and pairs look on disk. `sources` reads what users bring.
"""
