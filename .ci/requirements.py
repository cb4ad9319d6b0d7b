"""Print what fastnn and the named extras require, a line each: tools install without building fastnn."""

import sys
from pathlib import Path

try:
    import tomllib
except ModuleNotFoundError:  # Python 3.10
    from pip._vendor import tomli as tomllib

project = tomllib.loads((Path(__file__).parent.parent / "pyproject.toml").read_text())["project"]
extras = project["optional-dependencies"]
seen = set()
pending = list(sys.argv[1:])
requirements = list(project["dependencies"])
for extra in pending:
    if extra in seen:
        continue
    seen.add(extra)
    for requirement in extras[extra]:
        if requirement.startswith("fastnn["):
            pending += requirement[len("fastnn[") : -1].split(",")
        else:
            requirements.append(requirement)
print("\n".join(dict.fromkeys(requirements)))
