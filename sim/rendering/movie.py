"""Frames into a file: GIF by Pillow, MP4 by the ffmpeg program where there is one."""

import importlib.util
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from robot_mbrl.contract.errors import DataError, SettingsError
from robot_mbrl.contract.files.whole_file import whole_file

Frames = Sequence[np.ndarray]


def write_gif(path: Path, frames: Frames, rate_hz: float) -> None:
    """Write frames (height, width, 3) of uint8, `rate_hz` a second, as a GIF that repeats.

    GIF counts hundredths of a second, of which no frame takes less than two. Raises DataError where
    the file cannot be written.
    """
    images = [Image.fromarray(frame).quantize(128) for frame in frames]
    duration_ms = max(20, 10 * round(100 / rate_hz))
    with whole_file(path) as beside:
        images[0].save(
            beside,
            format="GIF",
            save_all=True,
            append_images=images[1:],
            duration=duration_ms,
            loop=0,
        )


def write_mp4(path: Path, frames: Frames, rate_hz: float) -> None:
    """Write frames (height, width, 3) of uint8, `rate_hz` a second, as H.264 by ffmpeg.

    Raises SettingsError where there is no ffmpeg, DataError where it cannot write the file.
    """
    height, width = frames[0].shape[:2]
    raw = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{width}x{height}", "-r", f"{rate_hz:g}"]
    coded = ["-an", "-c:v", "libx264", "-pix_fmt", "yuv420p", "-f", "mp4"]
    command = [find_ffmpeg(), "-y", "-loglevel", "error", *raw, "-i", "-", *coded]
    pixels = b"".join(frame.tobytes() for frame in frames)
    with whole_file(path) as beside:
        command.append(str(beside))
        done = subprocess.run(command, input=pixels, capture_output=True, check=False)
        if done.returncode:
            reason = done.stderr.decode(errors="replace").strip()
            raise DataError(f"{path}: ffmpeg cannot write this video: {reason}; try --gif")


def find_ffmpeg() -> str:
    """The ffmpeg program: on the path, or that of the package imageio-ffmpeg. Raises SettingsError.

    It is run as a program of its own, never linked: its licence (LGPL or GPL, as built) is not
    that of this project, so it is no dependency either.
    """
    on_path = shutil.which("ffmpeg")
    if on_path:
        return on_path
    if importlib.util.find_spec("imageio_ffmpeg"):
        import imageio_ffmpeg

        return str(imageio_ffmpeg.get_ffmpeg_exe())
    raise SettingsError(
        "--video needs the ffmpeg program: `apt install ffmpeg` or `pip install imageio-ffmpeg`; "
        "--gif needs neither"
    )
