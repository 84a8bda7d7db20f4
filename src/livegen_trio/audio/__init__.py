"""Sound in files and in real time: WAV files, and recordings that are played into a session as a microphone would.

A session takes 16-bit mono PCM of any rate, and says so by MIME type: `Recording.mime_type`.
"""

from ._level import speech_end as speech_end
from ._microphone import PcmStream as PcmStream, stream_pcm as stream_pcm
from ._wav import (
    AudioFileError as AudioFileError,
    Recording as Recording,
    read_wav as read_wav,
    write_wav as write_wav,
)
