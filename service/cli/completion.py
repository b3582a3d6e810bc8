"""`kambill completion`: what a shell needs to complete our words."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def command(shell: str) -> None:
    """Print a shell's completion script.

    bash: `eval "$(kambill completion bash)"` in ~/.bashrc; zsh likewise in ~/.zshrc;
    fish: `kambill completion fish > ~/.config/fish/completions/kambill.fish`.
    """
    kind = get_completion_class(shell)
    assert kind is not None
    root = click.get_current_context().find_root().command
    click.echo(kind(root, {}, "kambill", "_KAMBILL_COMPLETE").source())
