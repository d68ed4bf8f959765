"""Reading and writing clips and folders of images, through one source and one sink."""

from facedouble.video.sinks import Sink, open_sink
from facedouble.video.source import Source, SourceInfo, open_source

__all__ = ["Sink", "Source", "SourceInfo", "open_sink", "open_source"]
