from __future__ import annotations

import itertools

from hypothesis import given, strategies as st

from matching.profile_text import ProfileText, chunks, source_hash

FULL = ProfileText(
    headline="Helps health start-ups sell to hospitals",
    bio="I sold software to hospitals for ten years.\n\nNow I teach others.",
    title="Chief Commercial Officer",
    company="Praxis GmbH",
    expertise=("Pricing", "Enterprise sales"),
    industries=("Health",),
    stages=("Seed", "Series A"),
    languages=("German", "English"),
)

WORDS = st.text("abcdefghij", min_size=1, max_size=6)
SENTENCES = st.lists(WORDS, min_size=1, max_size=220).map(lambda words: " ".join(words) + ".")
PARAGRAPHS = st.lists(SENTENCES, min_size=1, max_size=6).map(" ".join)
BIOS = st.lists(PARAGRAPHS, max_size=8).map("\n\n".join)

ANY_LINE = st.text(st.characters(), max_size=200)
ANY_PROFILE = st.builds(
    ProfileText,
    headline=ANY_LINE,
    bio=st.text(st.characters(), max_size=2_000),
    title=ANY_LINE,
    company=ANY_LINE,
    expertise=st.lists(ANY_LINE, max_size=4).map(tuple),
    industries=st.lists(ANY_LINE, max_size=4).map(tuple),
    stages=st.lists(ANY_LINE, max_size=4).map(tuple),
    languages=st.lists(ANY_LINE, max_size=4).map(tuple),
)


class TestSummary:
    def test_comes_first_and_says_everything_but_the_bio_and_languages(self):
        assert chunks(FULL)[0] == (
            "Helps health start-ups sell to hospitals. Chief Commercial Officer at Praxis GmbH. "
            "Expertise: Pricing, Enterprise sales. Industries: Health. Stages: Seed, Series A."
        )

    def test_leaves_out_what_is_missing(self):
        assert chunks(ProfileText(company="Praxis GmbH")) == ["Praxis GmbH."]
        assert chunks(ProfileText(title="CFO", stages=("", "Seed"))) == ["CFO. Stages: Seed."]

    def test_does_not_double_a_full_stop(self):
        assert chunks(ProfileText(headline="Ask me anything!")) == ["Ask me anything!"]
        assert chunks(ProfileText(headline="何でも聞いて。")) == ["何でも聞いて。"]

    def test_does_not_repeat_a_role_that_the_headline_names(self):
        profile = ProfileText(headline="cfo at Acme, twice", title="CFO", company="Acme")

        assert chunks(profile) == ["cfo at Acme, twice."]

    def test_a_bio_alone_needs_no_summary(self):
        assert chunks(ProfileText(bio="I know pricing.")) == ["I know pricing."]


class TestBio:
    def test_short_paragraphs_stay_together(self):
        assert chunks(FULL)[1:] == [
            "I sold software to hospitals for ten years.\nNow I teach others."
        ]

    def test_paragraphs_that_can_stand_alone_do(self):
        first, second = _sentence("alpha", 80), _sentence("beta", 70)

        assert chunks(ProfileText(bio=f"{first}\r\n\r\n{second}")) == [first, second]

    def test_a_long_paragraph_is_cut_between_sentences_in_about_equal_parts(self):
        sentences = [_sentence(f"word{number}", 20) for number in range(11)]

        parts = chunks(ProfileText(bio=" ".join(sentences)))

        assert " ".join(parts).split() == " ".join(sentences).split()
        assert [part.count(".") for part in parts] in ([5, 6], [6, 5])

    def test_a_sentence_without_end_is_cut_between_words(self):
        parts = chunks(ProfileText(bio="word " * 400))

        assert [len(part.split()) for part in parts] == [134, 134, 132]

    def test_languages_without_blanks_are_cut_too(self):
        parts = chunks(ProfileText(bio="価格設定を教えます。" * 60))

        assert "".join(parts) == "価格設定を教えます。" * 60
        assert all(part.endswith("。") for part in parts)
        assert max(map(len, parts)) <= 200

    @given(BIOS)
    def test_keeps_every_word_in_order(self, bio):
        assert " ".join(chunks(ProfileText(bio=bio))).split() == bio.split()

    @given(BIOS)
    def test_no_piece_is_long_and_no_short_one_could_be_joined(self, bio):
        lengths = [len(piece.split()) for piece in chunks(ProfileText(bio=bio))]

        assert all(0 < length <= 150 for length in lengths)
        for first, second in itertools.pairwise(lengths):
            assert min(first, second) >= 60 or first + second > 150


class TestBlankProfiles:
    def test_nothing_said_gives_nothing_to_embed(self):
        assert chunks(ProfileText()) == []
        assert (
            chunks(ProfileText(headline=" ", bio="\n\n -\n", title="-", expertise=("", "—"))) == []
        )

    def test_languages_alone_are_nothing_to_embed(self):
        assert chunks(ProfileText(languages=("German",))) == []

    @given(ANY_PROFILE)
    def test_no_chunk_is_ever_blank(self, profile):
        assert all(any(c.isalnum() or c == "_" for c in chunk) for chunk in chunks(profile))


class TestSourceHash:
    @given(st.text(st.characters()), st.text(st.characters()))
    def test_differs_exactly_when_the_text_does(self, first, second):
        same = source_hash(first, "hashing:v1") == source_hash(second, "hashing:v1")

        assert same == (first == second)

    def test_differs_between_models(self):
        assert source_hash("text", "hashing:v1") != source_hash("text", "minilm:all-MiniLM-L6-v2")

    def test_is_the_same_in_every_process(self):
        # Stored beside each vector: another value would re-embed every profile.
        assert (
            source_hash("Pricing", "hashing:v1")
            == "04bfce0119aaad472441b47d5e8f4b47cfc2057ace524299bea15f686ed4e80a"
        )


def _sentence(word: str, count: int) -> str:
    return " ".join([word] * count) + "."
