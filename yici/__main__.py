"""`python -m yici` is `yici`."""

from yici.cli import app

if __name__ == "__main__":
    app()
