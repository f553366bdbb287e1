"""CLIP and SigLIP in Hugging Face's form: configurations, parameter names, preprocessing.

`config` and `preprocessing` read and write the JSON files, without torch; `names` converts weights.
"""
