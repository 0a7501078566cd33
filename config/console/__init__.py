"""The program managers' console: what needs more than one room below this one."""
