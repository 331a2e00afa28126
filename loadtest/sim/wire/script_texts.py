"""Lua that surrounds a script, and the texts of its errors as Redis tells them."""

import re

LINE_OF_CALL = "function() return (debug.getinfo(3, 'l') or {currentline = 1}).currentline end"
"""The line of the script that calls Redis: above it on Lua's stack are this function and the call into Python."""
STRICT = """
setmetatable(_G, {
  __newindex = function() error('Attempt to modify a readonly table', 2) end,
  __index = function(_, name)
    error("Script attempted to access nonexistent global variable '" .. tostring(name) .. "'", 2)
  end,
})
"""
"""The refusal of globals that scripts would make or miss, as Redis has it."""
_PLACE = re.compile(r'^\[string "[^"]*"\]:(\d+): ')
_CALLED_UNKNOWN = re.compile(r"^ERR unknown command .*")


def raised_by_lua(said: object, is_syntax: bool) -> str:
    """The text of an error that Lua raised."""
    told = (said.decode(errors="replace") if isinstance(said, bytes) else str(said)).partition("\nstack traceback:")[0]
    found = _PLACE.match(told)
    line, told = (found[1], told[found.end() :]) if found else ("1", told)
    if is_syntax:
        return f"ERR Error compiling script (new function): user_script:{line}: {told}"
    return f"ERR user_script:{line}: {told} script: on @user_script:{line}."


def raised_by_command(error: str, line: int) -> str:
    """The text of an error of a command that the script calls in that line."""
    told = _CALLED_UNKNOWN.sub("ERR Unknown command called from script", error)
    return f"{told} script: on @user_script:{line}."
