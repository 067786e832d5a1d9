"""Whole numbers to bytes and back: tables, coding order, rANS, the stream of a tile."""
