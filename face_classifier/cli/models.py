"""Commands about the model files."""

from __future__ import annotations

import click

from face_classifier.cli.options import json_option, say


@click.group("models", invoke_without_command=True)
@json_option
@click.pass_context
def _models(ctx: click.Context, as_json: bool) -> None:
    """List the model files with licence, state and path; `models fetch` gets them ahead."""
    if ctx.invoked_subcommand is None:
        from face_classifier.cli import console
        from face_classifier.vision.models import registry as models

        console.print_models(
            [(name, weights, *models.state(weights)) for name, weights in models.all_weights().items()], as_json
        )


@_models.command("fetch")
def _fetch() -> None:
    """Get every model file that what is installed can run, and build what is made of it.

    Later runs need no network then.
    """
    from face_classifier.vision.models import registry as models

    for path in models.fetch_all():
        say(str(path))


COMMANDS: list[click.Command] = [_models]
