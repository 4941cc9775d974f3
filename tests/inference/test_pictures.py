from __future__ import annotations

import contextlib
import io
import struct
import sys
import threading
import warnings
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageOps

from inference.errors import PictureError
from inference.pictures import open_picture, to_rgb
from tests.inference.photos import photo
from tests.processes import run_to_end

Pixels = NDArray[np.uint8]


def saved(image: Image.Image, form: str, **options: Any) -> bytes:
    stream = io.BytesIO()
    image.save(stream, form, **options)
    return stream.getvalue()


def pixels(image: Image.Image) -> Pixels:
    assert image.mode == "RGB"
    return np.asarray(image)


def png(width: int, height: int, depth: int, colour: int, rows: bytes, key: bytes | None = None) -> bytes:
    """A PNG written by hand, for what Pillow cannot write."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    transparency = b"" if key is None else chunk(b"tRNS", key)
    body = chunk(b"IHDR", header) + transparency + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "PPM"])
def test_opens_each_format(form: str) -> None:
    data = saved(photo(), form)
    with Image.open(io.BytesIO(data)) as image:
        expected = np.asarray(image.convert("RGB"))
    assert np.array_equal(pixels(open_picture(data)), expected)
    assert np.abs(pixels(open_picture(data)).astype(int) - pixels(photo())).mean() < 10


def test_opens_a_file_whatever_its_name(tmp_path: Path) -> None:
    path = tmp_path / "picture.gif"
    path.write_bytes(saved(photo(), "PNG"))
    assert np.array_equal(pixels(open_picture(path)), pixels(photo()))


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_turns_upright_once(form: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    data = saved(photo(), form, exif=exif)
    with Image.open(io.BytesIO(data)) as image:
        expected = pixels(ImageOps.exif_transpose(image))
    assert expected.shape == ((30, 40, 3) if orientation <= 4 else (40, 30, 3))
    picture = open_picture(data)
    assert np.array_equal(pixels(picture), expected)
    assert np.array_equal(pixels(to_rgb(picture)), expected)


@pytest.mark.parametrize(
    "exif", [b"Exif\0\0garbage", b"Exif\0\0II*\0\xff\xff\xff\xff", b"Exif\0\0MM\0*\0\0\0\x08\xff"]
)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_damaged_exif_does_not_cost_the_picture(exif: bytes) -> None:
    assert open_picture(saved(photo(), "JPEG", exif=exif)).size == (40, 30)


@pytest.mark.parametrize("form", ["PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_transparency_becomes_white(form: str, mode: str) -> None:
    image = Image.new("L", (2, 1), 100).convert(mode)
    image.putalpha(Image.fromarray(np.array([[0, 255]], np.uint8)))
    options = {"lossless": True} if form == "WEBP" else {}
    picture = open_picture(saved(image, form, **options))
    assert pixels(picture).tolist() == [[[255] * 3, [100] * 3]]


def test_half_transparency_lets_white_through() -> None:
    assert pixels(to_rgb(Image.new("RGBA", (1, 1), (0, 0, 0, 128)))).tolist() == [[[127] * 3]]


@pytest.mark.parametrize(("form", "transparency"), [("PNG", 1), ("PNG", b"\xff\x00\xff"), ("GIF", 1)])
def test_transparent_palette_entries_become_white(form: str, transparency: int | bytes) -> None:
    image = Image.new("P", (3, 1))
    image.putpalette([10, 20, 30, 40, 50, 60, 70, 80, 90])
    image.putdata([0, 1, 2])
    picture = open_picture(saved(image, form, transparency=transparency))
    assert pixels(picture).tolist() == [[[10, 20, 30], [255] * 3, [70, 80, 90]]]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (png(2, 1, 8, 0, bytes([0, 0, 200]), struct.pack(">H", 0)), [[255] * 3, [200] * 3]),
        (png(2, 1, 8, 2, bytes([0, 1, 2, 3, 4, 5, 6]), struct.pack(">3H", 1, 2, 3)), [[255] * 3, [4, 5, 6]]),
        (png(2, 1, 16, 0, struct.pack(">BHH", 0, 2307, 2308), struct.pack(">H", 2308)), [[9] * 3, [255] * 3]),
        (png(2, 1, 1, 0, bytes([0, 0b01000000]), struct.pack(">H", 1)), [[0] * 3, [255] * 3]),
    ],
    ids=["grey", "colour", "16-bit grey", "1-bit"],
)
def test_a_transparent_colour_becomes_white(data: bytes, expected: list[list[int]]) -> None:
    assert pixels(open_picture(data)).tolist() == [expected]


def test_a_picture_is_composited_on_white_only_once() -> None:
    """The colour that was transparent may also be a real colour of the result."""
    picture = open_picture(png(2, 1, 8, 2, bytes([0, *[255] * 3, 4, 5, 6]), struct.pack(">3H", 4, 5, 6)))
    assert "transparency" not in picture.info
    assert np.array_equal(pixels(to_rgb(picture)), pixels(picture))


@pytest.mark.parametrize("mode", ["1", "L", "P", "CMYK", "YCbCr", "HSV"])
def test_modes_of_eight_bits_are_converted(mode: str) -> None:
    image = photo().convert(mode)
    assert np.array_equal(pixels(to_rgb(image)), np.asarray(image.convert("RGB")))


def test_cmyk_jpeg() -> None:
    picture = open_picture(saved(Image.new("CMYK", (8, 8), (0, 255, 255, 0)), "JPEG"))
    assert np.abs(pixels(picture)[0, 0].astype(int) - [255, 0, 0]).max() < 5


def deep(kind: str) -> Image.Image:
    grey = np.asarray(photo().convert("L")).astype(np.uint32)
    if kind.startswith("I;16"):
        data = (grey * 257).astype(">u2" if kind == "I;16B" else "<u2")
        return Image.frombytes(kind, (40, 30), data.tobytes())
    if kind == "I":
        return Image.fromarray((grey * 257).astype(np.int32))
    if kind == "F in 0-1":
        return Image.fromarray((grey / 255).astype(np.float32))
    return Image.fromarray(grey.astype(np.float32))


@pytest.mark.parametrize("kind", ["I;16", "I;16B", "I", "F in 0-1", "F in 0-255"])
def test_more_than_eight_bits_are_scaled(kind: str) -> None:
    expected = np.asarray(photo().convert("L").convert("RGB")).astype(int)
    assert np.abs(pixels(to_rgb(deep(kind))).astype(int) - expected).max() <= 1


@pytest.mark.parametrize("form", ["PNG", "TIFF", "PPM"])
def test_sixteen_bit_files(form: str) -> None:
    expected = np.asarray(photo().convert("L").convert("RGB")).astype(int)
    assert np.abs(pixels(open_picture(saved(deep("I;16"), form))).astype(int) - expected).max() <= 1


def test_values_that_are_no_numbers() -> None:
    image = Image.fromarray(np.array([[np.nan, np.inf, -1.0, 0.5, 1.0]], np.float32))
    assert pixels(to_rgb(image))[0, :, 0].tolist() == [0, 0, 0, 128, 255]


@pytest.mark.parametrize("form", ["GIF", "WEBP", "PNG", "TIFF", "AVIF"])
def test_the_first_frame_of_an_animation(form: str) -> None:
    frames = [Image.new("RGB", (16, 16), colour) for colour in ("red", "blue", "lime")]
    data = saved(frames[0], form, save_all=True, append_images=frames[1:])
    with Image.open(io.BytesIO(data)) as image:
        assert getattr(image, "n_frames", 1) == 3
    assert np.abs(pixels(open_picture(data))[8, 8].astype(int) - [255, 0, 0]).max() < 8


NOT_PICTURES = {
    "text": b"Hello, this is not a picture.",
    "svg": b'<svg xmlns="http://www.w3.org/2000/svg"><circle r="1"/></svg>',
    "pdf": b"%PDF-1.7\n1 0 obj\n<<>>\nendobj\n",
    "eps": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EndComments\n",
    "zeros": bytes(1000),
    "only a PNG signature": b"\x89PNG\r\n\x1a\n",
    "only a JPEG marker": b"\xff\xd8\xff\xe0",
    "heic": b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(100),
}


@pytest.mark.parametrize("data", NOT_PICTURES.values(), ids=NOT_PICTURES)
def test_what_is_no_picture_is_refused(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "picture.png"
    path.write_bytes(data)
    for source in (data, path):
        with pytest.raises(PictureError, match=r"^This is not a picture that can be read: send a PNG, .*\.$"):
            open_picture(source)


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "picture.png"
    path.touch()
    for source in (b"", path):
        with pytest.raises(PictureError, match="0 bytes"):
            open_picture(source)


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "PPM"])
@pytest.mark.parametrize("part", [0.5, 0.9])
def test_a_truncated_file_is_refused(form: str, part: float) -> None:
    data = saved(photo(200, 150), form)
    with pytest.raises(PictureError):
        open_picture(data[: int(len(data) * part)])


@settings(max_examples=300, deadline=None, derandomize=True)
@given(
    form=st.sampled_from(["PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "AVIF"]),
    flips=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(1, 255)), min_size=1, max_size=6),
)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_damaged_files_give_a_picture_or_a_sentence(form: str, flips: list[tuple[float, int]]) -> None:
    data = bytearray(saved(photo(), form))
    for place, value in flips:
        data[int(place * len(data))] ^= value
    with contextlib.suppress(PictureError):
        assert open_picture(bytes(data), max_pixels=1_000_000).mode == "RGB"


@pytest.mark.parametrize("side", [30_000, 10_000])  # Pillow itself refuses the first and warns of the second
def test_too_many_pixels_are_refused_before_decoding(side: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("the picture was decoded")

    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", refuse)
    with pytest.raises(PictureError, match="at most 50 million"):
        open_picture(png(side, side, 8, 2, b""))


def test_limits_are_set_by_the_caller(tmp_path: Path) -> None:
    data = saved(photo(40, 30), "PNG")
    path = tmp_path / "picture.png"
    path.write_bytes(data)
    for source in (data, path):
        assert open_picture(source, max_bytes=len(data), max_pixels=40 * 30).size == (40, 30)
        with pytest.raises(PictureError, match="file is too large"):
            open_picture(source, max_bytes=len(data) - 1)
        with pytest.raises(PictureError, match="too many pixels"):
            open_picture(source, max_pixels=40 * 30 - 1)


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_a_large_jpeg_is_decoded_no_finer_than_it_is_needed(mode: str) -> None:
    gradient = Image.linear_gradient("L").resize((2000, 1500))
    image = Image.merge("RGB", (gradient, gradient.rotate(180), gradient.transpose(0))).convert(mode)
    exif = Image.Exif()
    exif[0x0112] = 6  # it stands on its side
    file = io.BytesIO()
    image.save(file, "JPEG", quality=95, exif=exif)
    whole, less = open_picture(file.getvalue()), open_picture(file.getvalue(), longest_side=600)
    assert whole.size == (1500, 2000)
    assert 600 <= max(less.size) < 1200
    expected = np.asarray(whole.resize(less.size, Image.Resampling.BOX), np.int16)
    assert np.abs(np.asarray(less, np.int16) - expected).mean() < 2
    assert open_picture(file.getvalue(), longest_side=1999).size == whole.size


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("the file was read")

    path = tmp_path / "picture.png"
    path.write_bytes(bytes(100))
    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(PictureError, match="file is too large"):
        open_picture(path, max_bytes=99)


def test_what_has_no_end_is_not_read_to_it() -> None:
    with pytest.raises(PictureError, match="file is too large"):
        open_picture(Path("/dev/zero"), max_bytes=99)


def test_files_that_cannot_be_opened(tmp_path: Path) -> None:
    with pytest.raises(PictureError, match=r"missing\.png cannot be opened: no such file or directory\.$"):
        open_picture(tmp_path / "missing.png")
    with pytest.raises(PictureError, match="cannot be opened"):
        open_picture(tmp_path)


def test_an_image_that_was_opened_elsewhere_and_is_truncated() -> None:
    data = saved(photo(200, 150), "PNG")
    image = Image.open(io.BytesIO(data[: len(data) // 2]))
    with pytest.raises(PictureError, match="damaged or incomplete"):
        to_rgb(image)


def test_no_pixels() -> None:
    with pytest.raises(PictureError, match="no pixels"):
        to_rgb(Image.new("RGB", (0, 3)))


def test_the_image_given_stays_as_it_was() -> None:
    image = Image.new("RGB", (2, 1))
    image.info["transparency"] = (0, 0, 0)
    assert pixels(to_rgb(image)).tolist() == [[[255] * 3] * 2]
    assert image.info == {"transparency": (0, 0, 0)}
    assert np.asarray(image).max() == 0


def test_threads_may_share_an_image_that_is_not_read_yet() -> None:
    shades = np.random.default_rng(0).integers(0, 256, (300, 400, 3), np.uint8)
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    file = io.BytesIO()
    Image.fromarray(shades).save(file, "PNG", exif=exif)
    expected = np.rot90(shades, -1)
    together = threading.Barrier(4)

    def convert(image: Image.Image) -> Image.Image:
        together.wait(timeout=30)
        return to_rgb(image)

    with ThreadPoolExecutor(4) as threads:
        for _ in range(20):
            image = Image.open(io.BytesIO(file.getvalue()))
            for converted in [threads.submit(convert, image) for _ in range(4)]:
                np.testing.assert_array_equal(np.asarray(converted.result(timeout=30)), expected)


def test_opening_in_many_threads_leaves_the_warning_filters() -> None:
    before = list(warnings.filters)
    data = saved(photo(), "PNG")
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(open_picture, [data] * 400))
    finally:
        sys.setswitchinterval(interval)
    assert list(warnings.filters) == before


def test_pictures_and_prompts_do_without_torch() -> None:
    program = "import inference.pictures, inference.tasks, sys; sys.exit('torch' in sys.modules)"
    done = run_to_end([sys.executable, "-c", program])
    assert done.returncode == 0, done.stderr.decode()
