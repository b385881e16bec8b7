"""Who watches: health, logs, and the word that every request leaves behind."""
