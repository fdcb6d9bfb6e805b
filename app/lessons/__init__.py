"""The page Lessons: the lessons as cards, their checks, and the shelf of lectures."""
