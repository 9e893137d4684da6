"""The guide's checklists: each question is answered by a measurement."""
