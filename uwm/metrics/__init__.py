"""What an edit did: SafeGround, retrieval, zero-shot accuracy, and intervals around them."""
