"""The text of a generated module: what it is, its imports, constants, layers, the network, `load` and `preprocess`."""

import ast
from dataclasses import dataclass

from converters.description import described
from converters.ir import Graph
from converters.torch_model.block_sources import blocks_for, import_lines, names_used
from converters.torch_model.layer import call
from converters.torch_model.line_folding import WIDTH, folded
from converters.torch_model.names import identifier, literal, mention, plain
from converters.torch_model.plan import Plan
from converters.torch_model.preprocessing_text import MEAN_IMAGE, can_preprocess, mean_image, meaning, preprocess
from converters.torch_model.preprocessing_text import constants as known_constants

SHORT_LABELS = 20
LONGEST_COMMENT = 60  # a longer one may stand out


@dataclass(frozen=True)
class Module:
    """What a module's class is called, the suffix of its weights, and its number type."""

    class_name: str
    weights: str
    dtype: str


def module_text(graph: Graph, plan: Plan, module: Module) -> str:
    """Return the whole module."""
    weights = f'WEIGHTS = Path(__file__).with_suffix("{module.weights}")'
    dtype = [] if module.dtype == "float32" else [f"DTYPE = torch.{module.dtype}  # of the weights and of every input"]
    constants = "\n".join([weights, *dtype, *known_constants(graph.preprocessing)])
    labels = _labels(graph.labels)
    code = [_network(graph, plan, module), _load(plan, module), *preprocess(graph, module.dtype)]
    if len(graph.labels) > SHORT_LABELS:
        code += labels
    else:
        constants = "\n".join([constants, *labels])
    used = frozenset[str]().union(*(names_used(ast.parse(part)) for part in (constants, *code)))
    blocks = blocks_for(used)
    used = used.union(*(block.uses for block in blocks))
    head = "\n\n".join([_docstring(graph, plan, module), import_lines(used), constants])
    return "\n\n\n".join([head, *(block.source for block in blocks), *code]) + "\n"


def _docstring(graph: Graph, plan: Plan, module: Module) -> str:
    told = described(graph)
    lines = [f'"""{plain(graph.name) or module.class_name}, {_origin(graph)} by {told["producer"]}.', ""]
    sources = told.get("source_sha256", {})
    lines += [f"    {plain(name)}{f'  sha256 {plain(digest)}' if digest else ''}" for name, digest in sources.items()]
    lines += [""] if sources else []
    if graph.source.licence:
        lines += [f"Licence: {plain(graph.source.licence)}", ""]
    lines += [f"Input {plain(name)}: {plan.shapes[name]}{meaning(graph, name)}" for name in graph.inputs]
    lines += [f"Output {plain(name)}: {plan.shapes[value]}" for name, value in graph.outputs.items()]
    if module.dtype == "float16":
        lines += ["", "Weights and computation are float16: so must be the inputs."]
    lines += [f"\nNote: {plain(warning)}" for warning in graph.warnings]
    return "\n".join([*lines, "", *_usage(graph, plan, module), '"""'])


def _origin(graph: Graph) -> str:
    return f"converted from {plain(graph.source.format)}" if graph.source.format else "made"


def _usage(graph: Graph, plan: Plan, module: Module) -> list[str]:
    given = ", ".join(plan.parameters.values())
    if can_preprocess(graph):
        mean = "" if mean_image(graph.preprocessing) is None else f", model.{MEAN_IMAGE}"
        given = f"preprocess(image{mean})"
    result = "outputs" if len(graph.outputs) > 1 else identifier(next(iter(graph.outputs)), "y")
    return [
        f"    model = load()  # with the weights in the {module.weights} file beside this one",
        "    with torch.inference_mode():",
        f"        {result} = model({given})",
    ]


def _labels(labels: tuple[str, ...]) -> list[str]:
    """Return the definition of LABELS, as many on a line as fit; nothing if there are none."""
    if not labels:
        return []
    lines = ["LABELS = ("]
    row = "   "
    for label in map(literal, labels):
        if len(row) + len(label) + 2 > WIDTH and row.strip():
            lines.append(row)
            row = "   "
        row += f" {label},"
    return ["\n".join([*lines, row, ")"])]


def _network(graph: Graph, plan: Plan, module: Module) -> str:
    what = plain(graph.name) or "The network"
    result = "Tensor" if len(graph.outputs) == 1 else "dict[str, Tensor]"
    lines = [f"class {module.class_name}(nn.Module):", f'    """{what}: {_summary(graph)}."""', ""]
    lines += ["    def __init__(self) -> None:", "        super().__init__()"]
    for attribute in plan.attributes:
        comment = "" if attribute.layer == attribute.name else mention(attribute.layer)
        lines += _line(f"self.{attribute.name} = ", attribute.module, comment)
        lines += [""] if attribute.ends_stage and attribute is not plan.attributes[-1] else []
    mean = mean_image(graph.preprocessing)
    if mean is not None:
        lines += _line(f"self.{MEAN_IMAGE} = ", f"nn.Buffer({call('torch.zeros', *mean.shape)})", "for preprocess")
    lines += _tie_weights(plan)
    parameters = "".join(f", {name}: Tensor" for name in plan.parameters.values())
    lines += ["", f"    def forward(self{parameters}) -> {result}:"]
    lines += [f"        # {mention(name)}: {plan.shapes[name]}" for name in graph.inputs]
    for statement in plan.statements:
        before = f"{', '.join(statement.targets)} = " if statement.targets else "return "
        lines += _line(before, statement.expression, statement.comment)
        lines += [""] if statement.ends_stage and statement.targets else []
    return "\n".join([*lines, *_return(plan)])


def _summary(graph: Graph) -> str:
    given, got = (", ".join(map(plain, names)) for names in (graph.inputs, graph.outputs))
    return f"{given} to {got}" if given else got


def _tie_weights(plan: Plan) -> list[str]:
    if not plan.shared():
        return []
    head = ["        self.tie_weights()", "", "    def tie_weights(self) -> None:"]
    lines = [f"        self.{name} = self.{other}" for name, other in plan.shared()]
    return [*head, '        """Make layers share the parameters that they share in the source."""', *lines]


def _return(plan: Plan) -> list[str]:
    if not plan.returns:
        return []
    if len(plan.returns) == 1:
        return [f"        return {next(iter(plan.returns.values()))}"]
    items = [f"{literal(name)}: {variable}" for name, variable in plan.returns.items()]
    line = f"        return {{{', '.join(items)}}}"
    if len(line) <= WIDTH:
        return [line]
    return ["        return {", *(f"            {item}," for item in items), "        }"]


def _line(before: str, expression: str, comment: str) -> list[str]:
    """Return a statement in the body of a method, folded if it is too long; the comment stands behind its end."""
    end = f"  # {comment}" if comment else ""
    lines = folded(before, expression, "", indent=8, width=WIDTH - min(len(end), LONGEST_COMMENT))
    return [*lines[:-1], lines[-1] + end]


def _load(plan: Plan, module: Module) -> str:
    read = {
        ".safetensors": "load_file(weights, device=str(device))",
        ".pt": "torch.load(weights, map_location=device, mmap=True, weights_only=True)",
    }[module.weights]
    parameters = 'weights: str | Path = WEIGHTS, device: str | torch.device = "cpu"'
    head = f"def load({parameters}) -> {module.class_name}:"
    lines = [
        *([head] if len(head) <= WIDTH else ["def load(", f"    {parameters}", f") -> {module.class_name}:"]),
        '    """Return the network with its weights, ready for inference; call `.train()` to fine-tune it."""',
        '    with torch.device("meta"):  # without memory: the weights come from the file',
        f"        model = {module.class_name}()",
        f"    model.load_state_dict({read}, assign=True)",
    ]
    lines += ["    model.tie_weights()"] if plan.shared() else []
    return "\n".join([*lines, "    return model.eval()"])
