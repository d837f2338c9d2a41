"""The command ``universal-framework``: one module for each group of commands, loaded when it is asked for."""
