"""Whether a function may change something that is not its own, when it is called while a module is imported."""

import ast

from quire.fingerprint.objects import PURE, READERS, fresh, is_setter, root_of
from quire.fingerprint.plain import FUNCTIONS, body_of
from quire.fingerprint.scopes import Import, chain_of, of_scope

__all__ = ["PARAMETER", "SHARED", "STATE", "mutations", "written"]

STATE = "state"  # changes what a module holds, or more
PARAMETER = "parameter"  # changes what it is given
SHARED = "shared"  # gives away what a module holds
GIVEN = ast.Pass()  # stands for the value of a parameter
WRITERS = {"append", "add", "update", "setdefault", "insert", "extend", "pop", "remove", "clear", "register"}

Own = dict[str, list[ast.AST | None]]


def mutations(node: ast.AST, module) -> set[str]:
    """What a function, or the functions inside of a definition, do to objects that they did not make.

    What a method does to its own object does not count: the object is new, or its own call is seen elsewhere.
    """
    functions = [part for part in ast.walk(node) if isinstance(part, (*FUNCTIONS, ast.Lambda))]
    own: Own = {part.name: [part] for part in functions if not isinstance(part, ast.Lambda) and part is not node}
    for function in functions:
        own = {**own, **_own(function)}
    return {found for function in functions for part in _body(function) for found in _changes(part, own, module)}


def written(module) -> set[str]:
    """Names that functions of a module may change while they run: what stands under them is not compared."""
    if module.written is None:
        bodies = (part for piece in module.pieces for part in ast.walk(piece.node) if isinstance(part, FUNCTIONS))
        module.written = {name for function in bodies for part in _body(function) for name in _written(part)}
    return module.written


def _written(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Global):
        return node.names
    if isinstance(node, ast.Attribute | ast.Subscript) and isinstance(node.ctx, ast.Store | ast.Del):
        return [name for name in [root_of(node)[0]] if name]
    chain = chain_of(node.func) if isinstance(node, ast.Call) else None
    return [chain[0]] if chain and len(chain) > 1 and chain[-1] not in READERS else []


def _body(function: ast.AST) -> list[ast.AST]:
    body = [function.body] if isinstance(function, ast.Lambda) else body_of(function)
    return [part for part, _ in of_scope(body)]


def _own(function: ast.AST) -> Own:
    """The names of a function with the expressions that they are bound to; ``self`` counts as its own object."""
    arguments = [*function.args.posonlyargs, *function.args.args]
    names: Own = {item.arg: [GIVEN] for item in ast.walk(function.args) if isinstance(item, ast.arg)}
    if arguments and arguments[0].arg in ("self", "cls"):
        names[arguments[0].arg] = [ast.Dict([], [])]
    for part in _body(function):
        if isinstance(part, ast.Assign):
            for target in part.targets:
                names.setdefault(getattr(target, "id", ""), []).append(part.value)
    return names


def _changes(node: ast.AST, own: Own, module) -> set[str]:
    """What one node of a function's body does to objects that are not the function's own."""
    if isinstance(node, ast.Global):
        return {STATE}
    if isinstance(node, ast.Attribute | ast.Subscript) and isinstance(node.ctx, ast.Store | ast.Del):
        return _change_of(root_of(node)[0], own, module)
    if not isinstance(node, ast.Call):
        return set()
    chain = chain_of(node.func)
    arguments = [*node.args, *(keyword.value for keyword in node.keywords)]
    pure = chain is not None and len(chain) == 1 and chain[0] in PURE and chain[0] not in module.parts
    found = {SHARED} if not pure and any(_is_shared(part, own, module) for part in arguments) else set()
    if chain is None:
        return found
    if len(chain) == 1:
        return found | _calls(chain[0], node, own, module)
    if chain[0] in own:
        return found | (_change_of(chain[0], own, module) if chain[-1] not in READERS else set())
    return found | ({STATE} if _method(chain, module) else set())


def _is_shared(node: ast.AST, own: Own, module) -> bool:
    """Whether an argument is an object that a module holds, other than a number, a text, a function or a class."""
    if not isinstance(node, ast.Name) or node.id in own or node.id not in module.parts:
        return False
    values = [part.value(node.id) if not isinstance(part, Import) else None for part in module.parts[node.id]]
    return any(not isinstance(value, (ast.Constant, ast.ClassDef, *FUNCTIONS)) for value in values)


def _calls(name: str, node: ast.Call, own: Own, module) -> set[str]:
    if name in ("setattr", "delattr") and node.args:
        return _change_of(root_of(node.args[0])[0], own, module)
    sources = module.sources(name)
    sets = is_setter(name) and bool(sources) and all(module.foreign(target) for target in sources)
    return {STATE} if sets or name in ("exec", "eval", "globals", "__import__") else set()


def _method(chain: tuple[str, ...], module) -> bool:
    """Whether a method of what the module holds changes it."""
    parts = module.parts.get(chain[0], [])
    if parts and all(isinstance(part, Import) and module.foreign(part) for part in parts):
        return is_setter(chain[-1])
    kinds = (*FUNCTIONS, ast.ClassDef)
    if parts and all(isinstance(part, Import) or isinstance(part.node, kinds) for part in parts):
        return chain[-1] in WRITERS
    return bool(parts) and chain[-1] not in READERS


def _change_of(name: str | None, own: Own, module) -> set[str]:
    """What a change of the object behind a name of the function is a change of."""
    values = own.get(name or "", [None])

    def foreign(called: str) -> bool:
        parts = module.parts.get(called, [])
        return all(isinstance(part, Import) and module.foreign(part) for part in parts)

    rest = [value for value in values if value is not GIVEN and not fresh(value, False, foreign)]
    return {STATE} if rest else ({PARAMETER} if GIVEN in values else set())
