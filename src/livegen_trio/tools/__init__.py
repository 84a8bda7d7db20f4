"""Functions that the model can call: declared from their signatures, called with checked arguments."""

from ._declarations import Declared as Declared
from ._declarations import ToolInput as ToolInput
from ._declarations import declarations as declarations
from ._functions import FunctionTool as FunctionTool
