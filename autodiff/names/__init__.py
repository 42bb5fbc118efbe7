"""The job after digits: models that learn how names are spelled, from a table to a small GPT."""
