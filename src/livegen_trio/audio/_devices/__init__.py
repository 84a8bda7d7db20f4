"""Microphones and loudspeakers, by the packages of the extra `[audio]`: miniaudio, soxr, numpy and WebRTC's canceller.

Three threads have a part in a device. The sound system's calls back once a period, and only copies. A worker of ours
resamples and cancels the echo. The event loop gets the sound, and gives it.
"""
