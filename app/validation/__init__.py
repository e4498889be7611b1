"""Compiles schemas/; positional or named arguments → bound arguments or a list of faults."""

from app.validation.compiling import check_schema as check_schema
from app.validation.compiling import check_value as check_value
from app.validation.parameters import Parameters as Parameters
from app.validation.parameters import Shapes as Shapes
from app.validation.parameters import is_valid as is_valid
from app.validation.usable import MOST_VALUES as MOST_VALUES
from app.validation.usable import weigh as weigh
