"""What is installed here, what is missing or broken, and on which devices it really runs."""
