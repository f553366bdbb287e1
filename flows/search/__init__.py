"""`uwm search`: shares and factors per layer, chosen on validation data, measured on the test."""
