from __future__ import annotations

import itertools

from hypothesis import given, strategies as st

from matching.profile_text import ProfileText, chunks, source_hash, windows

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


class TestViews:
    def test_the_whole_comes_first_then_the_summary_then_the_bio(self):
        summary = (
            "Helps health start-ups sell to hospitals. Chief Commercial Officer at Praxis GmbH. "
            "Expertise: Pricing, Enterprise sales. Industries: Health. Stages: Seed, Series A."
        )
        bio = "I sold software to hospitals for ten years.\nNow I teach others."

        assert chunks(FULL) == [f"{summary}\n{bio}", summary, bio]

    def test_the_summary_leaves_out_what_is_missing(self):
        assert chunks(ProfileText(company="Praxis GmbH")) == ["Praxis GmbH."]
        assert chunks(ProfileText(title="CFO", stages=("", "Seed"))) == ["CFO. Stages: Seed."]

    def test_the_summary_does_not_double_a_full_stop(self):
        assert chunks(ProfileText(headline="Ask me anything!")) == ["Ask me anything!"]
        assert chunks(ProfileText(headline="何でも聞いて。")) == ["何でも聞いて。"]

    def test_the_summary_does_not_repeat_a_role_that_the_headline_names(self):
        profile = ProfileText(headline="cfo at Acme, twice", title="CFO", company="Acme")

        assert chunks(profile) == ["cfo at Acme, twice."]

    def test_a_bio_alone_is_its_own_whole(self):
        assert chunks(ProfileText(bio="I know pricing.")) == ["I know pricing."]

    def test_each_subject_of_a_long_bio_is_a_chunk(self):
        subjects = [_sentence(word, 120) for word in ("alpha", "beta", "gamma")]

        assert chunks(ProfileText(bio="\r\n\r\n".join(subjects)))[1:] == subjects

    def test_a_paragraph_is_one_chunk_however_long(self):
        # It would otherwise have more votes than a short one about the same.
        bio = " ".join(_sentence(f"word{number}", 20) for number in range(40))

        assert chunks(ProfileText(headline="Words", bio=bio))[1:] == ["Words.", bio]

    @given(BIOS)
    def test_the_whole_and_the_parts_keep_every_word_in_order(self, bio):
        whole, *parts = chunks(ProfileText(bio=bio)) or [""]

        assert whole.split() == bio.split()
        assert not parts or " ".join(parts).split() == bio.split()

    @given(ANY_PROFILE)
    def test_no_chunk_is_there_twice(self, profile):
        assert len(set(chunks(profile))) == len(chunks(profile))


class TestWindows:
    def test_what_fits_is_one_window(self):
        assert windows(FULL.bio.replace("\n\n", "\n")) == [FULL.bio.replace("\n\n", "\n")]
        assert windows("") == [""]

    def test_paragraphs_are_kept_together_where_they_fit(self):
        first, second, third = (_sentence(word, 90) for word in ("alpha", "beta", "gamma"))

        assert windows(f"{first}\n{second}\n{third}") == [f"{first}\n{second}", third]

    def test_a_long_paragraph_is_cut_between_sentences_in_about_equal_parts(self):
        sentences = [_sentence(f"word{number}", 20) for number in range(11)]

        parts = windows(" ".join(sentences))

        assert " ".join(parts).split() == " ".join(sentences).split()
        assert [part.count(".") for part in parts] in ([5, 6], [6, 5])

    def test_a_sentence_without_end_is_cut_between_words(self):
        assert [len(part.split()) for part in windows("word " * 400)] == [134, 134, 132]

    def test_languages_without_blanks_are_cut_too(self):
        parts = windows("価格設定を教えます。" * 60)

        assert "".join(parts) == "価格設定を教えます。" * 60
        assert all(part.endswith("。") for part in parts)
        assert max(map(len, parts)) <= 190

    @given(BIOS)
    def test_keep_every_word_in_order(self, text):
        assert " ".join(windows(text)).split() == text.split()

    @given(BIOS)
    def test_none_is_long_and_no_two_neighbours_would_fit_one(self, text):
        lengths = [len(piece.split()) for piece in windows(text)]

        assert all(length <= 190 for length in lengths)
        for first, second in itertools.pairwise(lengths):
            assert first + second > 190 or min(first, second) >= 190


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
