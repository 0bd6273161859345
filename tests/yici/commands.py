"""Commands as a user types them, in the process of the test."""

from typer.testing import CliRunner, Result

from yici.cli import app


def yici(*arguments: str, exit_code: int = 0) -> str:
    """Run a command, which is to end with this code, and return everything that it said."""
    done: Result = CliRunner().invoke(app, list(arguments))
    assert done.exit_code == exit_code, done.output
    return done.output
