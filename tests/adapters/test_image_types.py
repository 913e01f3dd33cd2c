"""The types of images, detected from their first bytes."""

import io

import pytest

from app.adapters.image_types import SNIFF_BYTES, sniff_image_file, sniff_image_type
from tests.support.images import sanitize


def test_a_file_is_rewound_after_its_type_was_detected() -> None:
    file = io.BytesIO(b"<!--" + b"x" * 5000 + b"--><svg/>")
    file.seek(7)

    assert (sniff_image_file(file), file.tell()) == ("svg", 0)


@pytest.mark.parametrize(
    "content",
    [
        b"<svg/>",
        b"<svg>",
        b" \r\n\t<svg width='1'/>",
        b"\xef\xbb\xbf<svg/>",
        b'<?xml version="1.0" encoding="UTF-8"?>\n<svg/>',
        b"<?xml version='1.0'?><?xml-stylesheet href='a.css'?><!-- > <html> --><!----><svg/>",
        b'<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "http://www.w3.org/Graphics/SVG/1.1/DTD/svg11.dtd"><svg/>',
        b"<!DOCTYPE svg [ <!ENTITY a \"]>\"> <!-- ' ]> --> <!ENTITY b '>'> ] ><svg/>",
        b'<svg:svg xmlns:svg="http://www.w3.org/2000/svg"/>',
        "<?xml version='1.0' encoding='UTF-16'?><svg/>".encode("utf-16"),
        b"\xfe\xff" + "<!-- bäh --><svg/>".encode("utf-16-be"),
        "<?xml version='1.0' encoding='ISO-8859-1'?><!-- bäh --><svg/>".encode("latin-1"),
        b"<!--" + b"x" * (SNIFF_BYTES - 100) + b"--><svg/>",
    ],
)
def test_an_svg_is_detected_by_its_first_element_and_kept_unchanged(content: bytes) -> None:
    assert sniff_image_type(content) == "svg"
    assert sanitize(content) == content


@pytest.mark.parametrize(
    "filler", [b"<!--", b"<!DOCTYPE ", b'<!DOCTYPE "', b"<!DOCTYPE [<!--", b"<?", b"<!---->", b"<"]
)
def test_an_endless_prolog_is_not_an_svg(filler: bytes) -> None:
    assert sniff_image_type((filler * SNIFF_BYTES)[: 2 * SNIFF_BYTES]) is None
