"""The method: observe, capture, score (Eq. 8-10), select (Eq. 11), edit; rivals by gradients."""
