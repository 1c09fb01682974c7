"""The one gymnasium environment for any `Robot`, and whole episodes in it."""
