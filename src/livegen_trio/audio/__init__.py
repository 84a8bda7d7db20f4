"""Sound in real time: conversations, microphones and loudspeakers, devices without hardware, and WAV files.

`AudioConversation` connects an `AudioSource` and an `AudioSink` to a session. Sound is PCM everywhere, signed 16-bit
little-endian mono; a session takes any rate, which the MIME type names: `Recording.mime_type`.
"""

from .._public_names import publish as _publish
from ._calls import FunctionCallingHandler as FunctionCallingHandler
from ._conversation import (
    AudioConversation as AudioConversation,
    ConversationStatistics as ConversationStatistics,
)
from ._devices.ends import AudioDevices as AudioDevices, Microphone as Microphone, Speaker as Speaker
from ._devices.errors import DeviceError as DeviceError, DeviceLostError as DeviceLostError
from ._devices.listing import AudioDevice as AudioDevice, list_devices as list_devices
from ._devices.opening import (
    open_devices as open_devices,
    open_microphone as open_microphone,
    open_speaker as open_speaker,
)
from ._devices.options import DeviceStatistics as DeviceStatistics
from ._events import ConversationEvent as ConversationEvent
from ._gates import LocalVoiceDetection as LocalVoiceDetection, PushToTalk as PushToTalk
from ._level import speech_end as speech_end
from ._microphone import PcmStream as PcmStream, stream_pcm as stream_pcm
from ._playback import PlaybackOverflowError as PlaybackOverflowError
from ._sink import AudioSink as AudioSink
from ._source import AudioSource as AudioSource, SourceInput as SourceInput
from ._speakers import StreamSpeaker as StreamSpeaker, VirtualSpeaker as VirtualSpeaker
from ._speech import Speech as Speech, SpeechEnded as SpeechEnded, SpeechStarted as SpeechStarted
from ._wav import (
    AudioFileError as AudioFileError,
    Recording as Recording,
    read_wav as read_wav,
    write_wav as write_wav,
)

_publish(globals())
