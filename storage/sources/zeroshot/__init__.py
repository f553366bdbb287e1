"""Zero-shot sources: labelled pictures, class names and templates, in one form.

`labelled` is that form; `folders`, `parquet` and `webdataset` read a user's own sets, `benchmark`
those of the paper, whose official layouts `folders`, `lists`, `mat` and `cifar` know.
"""
