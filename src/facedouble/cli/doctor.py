"""``facedouble doctor``."""

from __future__ import annotations

import typer


def doctor() -> None:
    """Check this machine: what it has, what is missing, and how to get it.

    Exit code 1 if something required is missing.
    """
    from facedouble.doctor import examine

    findings = examine()
    width = max(len(finding.name) for finding in findings)
    for finding in findings:
        print(f"{finding.state.value:7}  {finding.name:{width}}  {finding.value}")
        if finding.remedy:
            print(f"{'':7}  {'':{width}}  -> {finding.remedy}")
    missing = [finding.name for finding in findings if finding.blocks]
    if missing:
        print(f"\nNot ready: {', '.join(missing)}")
        raise typer.Exit(1)
    print("\nReady.")
