"""The command ``agent``."""


def main() -> None:
    """Run the command line."""
