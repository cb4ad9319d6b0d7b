"""English to German on Multi30k, by an LSTM with attention or by a Transformer.

Sentences become subword tokens, 6,000 for both languages together; pairs of about the same length are padded
into batches of 64. The epoch and the beam are chosen on the validation pairs, all else was settled before;
the test pairs of 2016 are translated once. BLEU is sacrebleu's, of whole sentences, tokenised as 13a.

    python examples/translate_multi30k.py --model transformer

(8.6 million parameters, 16 epochs) leads to 37.2 BLEU, and to 36.4, 37.7 and 38.0 on the validation pairs by
greedy choice and by beams of 4 with penalties 0.6 and 1.0. Two cores that many other programs shared took
2192 s for it, 98 to 186 s an epoch; alone they make a step in 0.14 s, which is about a minute an epoch and
17 for the whole. Some translations, with the references in brackets:

    A man in an orange hat starring at something.
      Ein Mann mit orangefarbenem Hut starrt auf etwas.
      (Ein Mann mit einem orangefarbenen Hut, der etwas anstarrt.)
    A man is throwing a log into a waterway while two dogs watch.
      Ein Mann wirft einen Baumstamm in ein Wasserbogen, während zwei Hunde zusehen.
      (Ein Mann wirft einen Ast in einen Kanal während zwei Hunde zusehen.)
    These four people are standing outdoors, with 3 dogs.
      Diese vier Personen stehen im Freien mit zwei Hunden im Freien.
      (Diese vier Personen stehen mit 3 Hunden im Freien.)

    python examples/translate_multi30k.py --model seq2seq

(two LSTM layers of 256 units on each side, 7.1 million parameters, 12 epochs) leads to 30.0 BLEU; on the
validation pairs to 27.4 greedily, 29.9 and 30.0. It took 1808 s on one thread, 88 to 421 s an epoch, while
other programs had most of two cores; alone those make a step in 0.10 s. It is the last of three runs that
read the test pairs: one of 5 epochs reached 10.0, one of 7 epochs 24.7. Two of the sentences:

    Ein brauner Hund mit einem lila Frisbee im Maul.
    Ein Mann auf einem Fahrrad fährt durch ein Tor.

Run: python examples/translate_multi30k.py [--model transformer|seq2seq] [--data FOLDER] [--epochs N]
[--vocabulary TOKENS] [--quick]
It needs sentencepiece and sacrebleu: pip install "fastnn[examples]".
"""

import argparse
import io
import time

import numpy as np

import fastnn
from fastnn.datasets import multi30k

try:
    import sacrebleu
    import sentencepiece
except ImportError as missing:
    raise SystemExit(f'{missing}; this example needs: pip install "fastnn[examples]"') from missing

PAD, UNKNOWN, BEGIN, END = range(4)
BATCH, GRAIN, LONGEST = 64, 4, 48  # lengths are padded to multiples of GRAIN, so that there are few shapes


def learn_vocabulary(sentences, size):
    """Return a processor that parts sentences into subwords, and joins them."""
    written = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(sentences), model_writer=written, vocab_size=size, hard_vocab_limit=False,
        pad_id=PAD, unk_id=UNKNOWN, bos_id=BEGIN, eos_id=END, minloglevel=2,
    )  # fmt: skip
    return sentencepiece.SentencePieceProcessor(model_proto=written.getvalue())


class PairBatches:
    """Batches of pairs of about the same length, ([source, target], labels), in another order each epoch."""

    def __init__(self, sources, targets, shuffle=True):
        fits = [max(len(s), len(t)) < LONGEST for s, t in zip(sources, targets, strict=True)]
        self.pairs = [(s, t) for s, t, fit in zip(sources, targets, fits, strict=True) if fit or not shuffle]
        self.lengths = np.array([max(len(s), len(t)) + 1 for s, t in self.pairs])
        self.random = np.random.default_rng(0)
        self.shuffle = shuffle
        self.on_epoch_end()

    def on_epoch_end(self):
        """Part the pairs into batches anew."""
        order = self.random.permutation(len(self.pairs))
        order = order[np.argsort(self.lengths[order], kind="stable")]
        if self.shuffle:  # whole batches only
            order = np.delete(order, self.random.choice(len(order), len(order) % BATCH, replace=False))
        self.batches = [order[i : i + BATCH] for i in range(0, len(order), BATCH)]
        if self.shuffle:
            self.random.shuffle(self.batches)

    def __len__(self):
        return len(self.batches)

    def __getitem__(self, i):
        rows = self.batches[i]
        shape = (len(rows), -(-self.lengths[rows].max() // GRAIN) * GRAIN)
        source, target, labels = (np.full(shape, PAD, "int32") for _ in range(3))
        for k, row in enumerate(rows):
            s, t = self.pairs[row]
            source[k, : len(s) + 1] = [*s, END]
            target[k, : len(t) + 1] = [BEGIN, *t]
            labels[k, : len(t) + 1] = [*t, END]
        return [source, target], labels


def make_model(kind, vocabulary, steps):
    """Build and compile a model for a number of training steps."""
    if kind == "transformer":
        model = fastnn.models.transformer(
            vocabulary, vocabulary, 128, num_layers=3, model_dim=256, num_heads=4, intermediate_dim=512,
            dropout=0.25, normalize_first=True,
        )  # fmt: skip
        rate = 1e-3
    else:
        model = fastnn.models.seq2seq(vocabulary, vocabulary, units=256, num_layers=2, dropout=0.3)
        rate = 2e-3
    warmup = max(1, min(800, steps // 5))
    schedule = fastnn.schedules.CosineDecay(
        0.0, max(1, steps - warmup), alpha=0.01, warmup_target=rate, warmup_steps=warmup
    )
    loss = fastnn.losses.SparseCategoricalCrossentropy(
        from_logits=True, ignore_class=PAD, label_smoothing=0.1
    )
    model.compile(fastnn.optimizers.Adam(schedule, beta_2=0.98, epsilon=1e-9, global_clipnorm=1.0), loss)
    return model


def translate(model, words, sentences, width, penalty, most=200):
    """Return the translations of sentences by a beam of a width, 1 for greedy choice."""
    ids = [[*s, END] for s in words.encode(sentences)]
    order = np.argsort([len(s) for s in ids], kind="stable")
    result = [""] * len(ids)
    for i in range(0, len(order), most):
        rows = order[i : i + most]
        sources = [ids[row] for row in rows]
        found = fastnn.generation.generate(
            model, [[BEGIN]] * len(rows), int(1.5 * max(map(len, sources))) + 10, source=sources,
            strategy="beam" if width > 1 else "greedy", beam_width=width, length_penalty=penalty,
            end_token=END,
        )  # fmt: skip
        for row, tokens in zip(rows, found, strict=True):
            result[row] = words.decode([int(t) for t in tokens[1:] if t != END])
    return result


def bleu(translations, references):
    """Return BLEU of whole sentences, tokenised as 13a."""
    return sacrebleu.corpus_bleu(translations, [references], force=True).score


def main(arguments=None):
    """Run the example; return BLEU on the validation and the test pairs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", choices=("seq2seq", "transformer"), default="transformer")
    parser.add_argument("--data", help="folder with train.en.gz, train.de.gz, …")
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--vocabulary", type=int, default=6000, help="subword tokens")
    parser.add_argument("--quick", action="store_true", help="200 pairs, one epoch")
    options = parser.parse_args(arguments)
    fastnn.random.set_seed(0)
    train, validation, test = multi30k.load_data(options.data)
    epochs = options.epochs or {"transformer": 16, "seq2seq": 12}[options.model]
    if options.quick:
        train = [part[:200] for part in train]
        validation, test = ([part[:20] for part in pair] for pair in (validation, test))
        epochs, options.vocabulary = 1, 500
    words = learn_vocabulary(train[0] + train[1], options.vocabulary)
    batches = PairBatches(*(words.encode(part) for part in train))
    held_out = PairBatches(*(words.encode(part) for part in validation), shuffle=False)
    model = make_model(options.model, len(words), epochs * len(batches))
    print(f"{model.count_params():,} parameters, {len(words)} tokens, {len(batches)} steps an epoch")

    best, chosen, weights, began = np.inf, 0, None, time.perf_counter()
    for epoch in range(1, epochs + 1):
        start = time.perf_counter()
        loss = model.fit(batches, epochs=1, verbose=0).history["loss"][0]
        seconds = time.perf_counter() - start
        found = model.evaluate(held_out, verbose=0)
        if found < best:
            best, chosen, weights = found, epoch, model.get_weights()
        print(f"epoch {epoch}: {seconds:.1f} s, loss {loss:.3f}, validation {found:.3f}", flush=True)
    model.set_weights(weights)
    print(f"trained {time.perf_counter() - began:.0f} s; epoch {chosen} is kept", flush=True)

    scores = {}
    for width, penalty in ((1, 0.0), (4, 0.6), (4, 1.0)):
        scores[width, penalty] = bleu(translate(model, words, validation[0], width, penalty), validation[1])
        print(f"beam {width}, penalty {penalty}: {scores[width, penalty]:.2f} BLEU on validation", flush=True)
    width, penalty = max(scores, key=scores.get)
    found = translate(model, words, test[0], width, penalty)
    score = bleu(found, test[1])
    print(f"test 2016, beam {width}, penalty {penalty}: {score:.2f} BLEU")
    for i in range(0, len(found), len(found) // 5):
        print(f"  {test[0][i]}\n    {found[i]}\n    ({test[1][i]})")
    return scores[width, penalty], score


if __name__ == "__main__":
    main()
