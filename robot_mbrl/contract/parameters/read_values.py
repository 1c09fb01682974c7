"""Reading numbers by the paths of the vocabulary out of nested TOML tables."""

from robot_mbrl.contract.errors import SpecError
from robot_mbrl.contract.files.toml_table import TomlTable
from robot_mbrl.contract.parameters.effects import effect_of
from robot_mbrl.contract.parameters.vocabulary import parameter_limits


def walk_parameters(
    table: TomlTable, known: set[str], prefix: str = ""
) -> list[tuple[str, TomlTable, str]]:
    """Flatten a nested table into (path, parent table, key) down to known parameter paths."""
    found = []
    for key in table.keys():  # noqa: SIM118 - TomlTable is no mapping
        path = f"{prefix}{key}"
        if path in known:
            found.append((path, table, key))
        elif any(name.startswith(path + ".") for name in known):
            found += walk_parameters(table.table(key), known, path + ".")
        else:
            options = sorted(
                {n[len(prefix) :].split(".")[0] for n in known if n.startswith(prefix)}
            )
            where = f"{table.path}.{key}" if table.path else key
            raise SpecError(
                f"{table.source}: {where}: unknown parameter. Known here: {', '.join(options)}"
            )
    return found


def read_values(table: TomlTable, nominal: dict[str, float], prefix: str = "") -> dict[str, float]:
    """Read one number for each parameter named, in the vocabulary of `[randomization]`.

    `prefix`, such as "joints.", is where the table stands in it. Raises SpecError.
    """
    values = {}
    for path, parent, key in walk_parameters(table, set(nominal), prefix):
        low, high = parameter_limits(path)
        effect = effect_of(path)
        if effect is not None and effect.whole:
            values[path] = float(parent.integer(key, int(low), int(high)))
        else:
            values[path] = parent.number(key, low, high, effect.unit if effect else "")
    return values
