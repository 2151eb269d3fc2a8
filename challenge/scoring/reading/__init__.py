"""Files of predictions to arrays aligned with the task, or every fault of the file."""
