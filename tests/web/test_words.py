"""Korean and English are complete."""

import re
from pathlib import Path

from babel.messages.pofile import read_po

import ondol

ROOT = Path(ondol.__file__).parent
CATALOGUES = sorted(ROOT.glob("locale/**/*.po"))
PARTICLE = re.compile(r"(%\(\w+\)[sd]|\{\w+\})\s?(을|를|은|는|이|가|와|과|로|으로)(?![가-힣])")


def messages():
    for path in CATALOGUES:
        with path.open("rb") as file:
            yield from ((path, message) for message in read_po(file) if message.id)


def test_everything_is_said_in_korean():
    silent = [message.id for _, message in messages() if not all(message.string or [""]) or message.fuzzy]
    assert CATALOGUES
    assert not silent


def test_no_particle_follows_a_variable():
    assert not [message.string for _, message in messages() if PARTICLE.search(str(message.string))]


def test_one_speech_level():
    casual = re.compile(r"(세요|해요|어요|에요|예요|나요)[.?!]")
    assert not [message.string for _, message in messages() if casual.search(str(message.string))]


def test_idle_and_stopped_have_words_of_their_own():
    """There is not one word for both: a machine is idle (유휴) or stopped (중지됨), as its badge says."""
    resting = re.compile("쉬(는|고|다|었|면)")
    assert not [message.string for _, message in messages() if resting.search(str(message.string))]


def test_korean_calls_ondol_by_its_korean_name():
    latin = re.compile(r"(?<![`\w])Ondol(?=[가-힣 ])")
    assert not [message.string for _, message in messages() if latin.search(str(message.string))]
