"""Functions that the model can call: declared from their signatures, called with checked arguments."""

from .._public_names import publish as _publish
from ._callable import CallableTool as CallableTool
from ._context import ToolContext as ToolContext
from ._declarations import (
    Declared as Declared,
    declarations as declarations,
    list_tools as list_tools,
)
from ._functions import FunctionTool as FunctionTool
from ._mcp import (
    is_mcp_client as is_mcp_client,
    watch_mcp_tools as watch_mcp_tools,
)
from ._options import OnInterrupt as OnInterrupt, ToolOptions as ToolOptions, tool as tool

_publish(globals())
