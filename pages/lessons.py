from app.lecture.bar import heading
from app.lessons.cards import cards
from app.lessons.shelf import shelf

heading("Lessons", "Claims, each with scenes that show it and an experiment that checks it here.")
cards()
shelf()
