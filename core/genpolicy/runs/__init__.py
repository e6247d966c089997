"""Runs from beginning to end: started, recorded, resumed, explained when they fail."""
